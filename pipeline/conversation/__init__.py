"""The vocabulary of a conversation: history, replies, session events, and the latency waterfall of a turn."""
