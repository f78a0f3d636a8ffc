"""The native voice websocket: its messages, and the socket that carries them."""
