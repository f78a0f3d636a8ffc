"""Spoken conversations, from audio frames in to audio frames out, and everything that builds on them."""
