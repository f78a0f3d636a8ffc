"""Written chats, the publish-subscribe hub of chat events, and calls' events on it."""
