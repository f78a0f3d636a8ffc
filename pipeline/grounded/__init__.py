"""Answers from documents, with their sources, for chats of other systems."""
