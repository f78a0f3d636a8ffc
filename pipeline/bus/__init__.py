"""What the processes of a service tell each other: the events of chats, and requests such as to stop a reply.

bus.py        who is there, who wants what, sending and receiving
packets.py    messages in packets of a bounded size
transport.py  what carries the packets
postgres.py   PostgreSQL's NOTIFY
redis.py      Redis or Valkey: pub/sub, and a rate limit that all processes share
"""
