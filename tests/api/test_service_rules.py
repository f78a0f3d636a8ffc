"""What the operator sets is what a call keeps to."""

import asyncio
from pathlib import Path
from typing import Literal

import pytest

from api.service import running_service
from api.settings import Settings
from pipeline.call.settings import NOBODY_THERE, CallRecording, Prompt, SilencePlan, TimeLimit
from pipeline.turn.machine import samples


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
        prompt_after_s=8,
        goodbye_after_s=9,
        longest_call_s=600,
        call_warning_s=30,
        persona_hangs_up=False,
        record_calls=True,
        record_announcement="This call is recorded.",
    )

    async def ask() -> None:
        async with running_service(settings) as service:
            call = service.session_settings(output_rate_hz=24_000, manual=True)
        rules = call.rules
        assert (rules.endpoint_ms, rules.complete_ms, rules.unfinished_ms) == (700, 410, 1500)
        assert (rules.interrupt_ms, rules.interrupt_without_words_ms) == (120, 140)
        assert rules.manual
        assert call.endpoints.pause_ms == 220
        assert call.silence == SilencePlan((Prompt(8),), Prompt(9, NOBODY_THERE))
        assert call.time_limit == TimeLimit(600, 30)
        assert call.recording == CallRecording("This call is recorded.")
        assert not call.hangs_up

    asyncio.run(ask())


@pytest.mark.parametrize(
    ("way", "cheap_ms", "dear_ms", "unread_ms"),
    [("paced", 300, 2000, 2000), ("barge-in", 300, 2000, None), ("always", 300, 300, 300), ("never", None, None, None)],
)
def test_how_partials_are_asked_for_reaches_the_call(
    tmp_path: Path,
    way: Literal["paced", "barge-in", "always", "never"],
    cheap_ms: int | None,
    dear_ms: int | None,
    unread_ms: int | None,
) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path, stt="fixed:0", tts="fixed:0", llm="scripted", partials=way)

    async def ask() -> None:
        async with running_service(settings) as service:
            pace = service.session_settings(output_rate_hz=24_000).pace()
        assert pace.partial_after(first=True) == (cheap_ms and samples(cheap_ms))
        pace.partial_took(1.0)
        assert pace.partial_after(first=False) == (dear_ms and samples(dear_ms))
        assert pace.partial_after(first=False, over_reply=False) == (unread_ms and samples(unread_ms))

    asyncio.run(ask())
