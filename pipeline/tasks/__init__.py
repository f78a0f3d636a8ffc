"""Owned asyncio tasks and the injected clock: named slots, ordered writes, background tasks, rate limits."""
