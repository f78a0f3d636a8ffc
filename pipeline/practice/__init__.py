"""What learners and their tools may do with attempts, chats and content, and what comes of it; no door's formats."""
