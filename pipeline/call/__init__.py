"""Calls: the session that runs the turn machine, the registry of open calls, followers and recordings."""
