"""The native voice websocket: its messages, the socket that carries them, and the page that documents them."""
