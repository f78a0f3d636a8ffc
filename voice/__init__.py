"""Audio and the speech engines; imports nothing about chats, databases or HTTP."""
