"""Free conversations with the packaged personas, as newcomers write them, and what was thought of each reply."""

from pathlib import Path

import pytest
import yaml

from models.packs import DEMO_PACK, load_pack
from pipeline.conversation.reply import HistoryEntry
from pipeline.llm.scripted import answer

pytestmark = pytest.mark.slow

FREE = Path(__file__).parent / "free"
PERSONAS = {persona.name: persona for persona in load_pack(DEMO_PACK).personas}
LEAST = 60
"""Of 80 replies, how many must still be those that both passes found fitting."""


@pytest.mark.parametrize("name", ["held-out", "tuning"])
def test_most_replies_fit(name: str) -> None:
    fitting, stale, turns = 0, [], 0
    for conversation in yaml.safe_load((FREE / f"{name}.yaml").read_text("utf-8"))["conversations"]:
        persona = PERSONAS[conversation["persona"]]
        history = [HistoryEntry("assistant", persona.greeting)]
        for turn in conversation["turns"]:
            history.append(HistoryEntry("user", turn["line"]))
            reply = answer(persona, history)
            history.append(HistoryEntry("assistant", reply))
            judged, turns = turn["words"], turns + 1
            fitting += reply == judged["reply"] and all(judged["fits"])
            if reply != judged["reply"]:
                stale.append((turn["line"], reply))
    assert turns == 80
    assert fitting >= LEAST, f"judge these replies, and write them down with the verdicts: {stale}"


def test_what_the_verdicts_say() -> None:
    """The numbers that docs/packs.md gives."""
    found = {}
    turns = [
        turn
        for one in yaml.safe_load((FREE / "held-out.yaml").read_text("utf-8"))["conversations"]
        for turn in one["turns"]
    ]
    for version in ("old", "words", "model"):
        found[version] = sum(all(turn[version]["fits"]) for turn in turns)
    assert found == {"old": 25, "words": 68, "model": 70}
