"""Glow's own surface: attempts, chats, content and coaching over HTTP and socket.io."""
