"""One spoken conversation, from audio frames in to audio frames out, and what is kept of it."""
