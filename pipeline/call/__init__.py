"""A voice call: the session that runs the turn machine, its registry, and what follows or records it."""
