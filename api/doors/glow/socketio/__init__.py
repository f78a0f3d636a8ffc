"""socket.io beside FastAPI in one process: the events of Socket V5 and of the later dialects, rooms, and voice.

names.py      every name that a client event has had
events.py     the events: what their payload is, which operation they are, what is told when it is done
told.py       operations and written replies as server events
spoken.py     a voice call's events as server events, in both families
seats.py      a socket's place in a call: its microphone, bounded
sending.py    one ordered, bounded way out to rooms and sockets
server.py     connections: who they are, what they ask, what becomes of it when they go
"""
