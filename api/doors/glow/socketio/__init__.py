"""socket.io beside FastAPI in one process: the events of Socket V5 and of the later dialects, rooms, and voice.

table.py          the events that a table of operations makes, and every name that each has had
events.py         what an event is, who asks for it, and what they are told where it is refused
rooms.py          which rooms the asking socket hears, and what it alone is told
generation.py     the event that has a draft written
voice.py          voice sessions over a socket
seats.py          a socket's place in a call: its microphone, bounded
connections.py    one socket: what it hears, what it may have under way
server.py         connections: who they are, what they ask, what becomes of it when they go
server_events.py  every event of the service, with its fields
page.py           the tables of docs/socketio.md, made from the two tables
"""
