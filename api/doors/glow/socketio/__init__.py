"""socket.io beside FastAPI in one process: the events of Socket V5 and of the later dialects, rooms, and voice.

table.py          the events made from a table of operations, and every name that each has had
events.py         a client event, its asker, and the answer to its failure
rooms.py          the rooms that the asking socket joins, and the events for it alone
generation.py     the event that writes a draft
voice.py          voice sessions over a socket
seats.py          a socket's line to a call, with a bounded microphone
connections.py    one socket: its rooms, and its limits
server.py         connections: their users, their events, and the cleanup when they disconnect
server_events.py  every event of the service, with its fields
page.py           the tables of docs/socketio.md, generated from the two tables
"""
