"""Waits until what is being said in a call was said and heard."""

import asyncio

from pipeline.call.session import VoiceSession


async def heard_out(session: VoiceSession, limit: asyncio.Task[None]) -> None:
    """Return when nobody speaks and nobody is waited for, the call is over, or `limit` is done."""
    stepped = asyncio.Event()
    limit.add_done_callback(lambda _: stepped.set())
    stop = session.observe(lambda _event, _actions: stepped.set())
    while not (limit.done() or session.over or session.state.floor_is_free):
        stepped.clear()
        await stepped.wait()
    stop()
