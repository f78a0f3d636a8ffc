"""The decisions on attempts, chats and content, for every door and without any door's formats."""
