"""Written chats, the publish-subscribe hub of their events, and the events of calls on it."""
