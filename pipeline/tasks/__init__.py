"""Owned asyncio tasks and the injected clock: slots, ordered writes, background work, rate limits."""
