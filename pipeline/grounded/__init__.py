"""Answers grounded in documents, with sources, for external chats."""
