"""Glow's own surface: attempts, chats, content and coaching over HTTP, socket.io and the command line.

table.py         one row for each operation, from which routes, events and commands are made
carrying_out.py  carries out a row: idempotency keys, staging, progress
operations/      the function of each row: parse, call, render
"""
