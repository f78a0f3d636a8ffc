"""A recogniser in a low-priority child process, restarted after a crash."""
