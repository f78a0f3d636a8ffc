"""What the operator sets is what a call keeps to."""

import asyncio
from pathlib import Path

from api.service import running_service
from api.settings import Settings


def test_the_limits_of_turn_taking_reach_the_call(tmp_path: Path) -> None:
    settings = Settings(
        _env_file=None,
        data_dir=tmp_path,
        stt="fixed:0",
        tts="fixed:0",
        llm="scripted",
        endpoint_ms=700,
        complete_ms=410,
        unfinished_ms=1500,
        eager_ms=220,
        interrupt_ms=120,
        interrupt_without_words_ms=140,
    )

    async def ask() -> None:
        async with running_service(settings) as service:
            call = service.session_settings(output_rate_hz=24_000, manual=True)
        rules = call.rules
        assert (rules.endpoint_ms, rules.complete_ms, rules.unfinished_ms) == (700, 410, 1500)
        assert (rules.interrupt_ms, rules.interrupt_without_words_ms) == (120, 140)
        assert rules.manual
        assert call.endpoints.pause_ms == 220

    asyncio.run(ask())
