"""The drawn turn machine is the one that runs."""

from pathlib import Path

import pytest

from pipeline.turn.diagram import explore, renewed
from pipeline.turn.machine import Phase, ReplyPhase

pytestmark = pytest.mark.slow  # every state takes three seconds to visit

DOCUMENT = Path(__file__).parents[3] / "docs" / "turn-taking.md"


def test_the_document_shows_the_machine_as_it_is() -> None:
    text = DOCUMENT.read_text("utf-8")
    assert text == renewed(text), "run: python -m pipeline.turn.diagram docs/turn-taking.md"


def test_every_state_is_reached_and_left() -> None:
    found = explore()
    assert {end for _, end in found.phases} == set(Phase)
    assert {start for start, _ in found.phases} == set(Phase) - {Phase.ENDED}
    assert {end for _, end in found.replies} == {start for start, _ in found.replies} == set(ReplyPhase)


def test_a_reply_is_silenced_only_while_somebody_may_be_speaking() -> None:
    together = explore().together
    assert together[Phase.LISTENING] == {ReplyPhase.NONE, ReplyPhase.PLAYING}
    assert ReplyPhase.DUCKED not in together[Phase.PAUSING]
    assert together[Phase.ENDED] == {ReplyPhase.NONE}
