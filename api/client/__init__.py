"""The client side: open a call, talk HTTP or socket.io to a running service, play and record sound."""
