"""Glow's own surface: attempts, chats, content and coaching over HTTP, socket.io and the command line.

table.py         one row for each operation: routes, events and commands are made of it
carrying_out.py  how a row is carried out: keys, staged calls, progress
operations/      what each row does: parse, call, render
"""
