"""A recogniser in a child process of lower priority, restarted when it crashes."""
