"""Smart Turn's real weights on recordings of people: what its vote is worth where the words are unsure."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.turn.end_of_turn import EndOfTurn, Verdict
from tests.neural import people
from voice.audio.formats import RATE_HZ, int16_of
from voice.errors import EngineUnavailable
from voice.speech.catalog import end_of_turn_file, pull_smart_turn
from voice.speech.end_of_turn_model import EndOfTurnModel

pytestmark = pytest.mark.slow

QUIET = np.zeros(RATE_HZ // 5, np.int16)
PROMPTS = {spoken.name: int16_of(spoken.audio) for spoken in people("prompts")}
CUT_AT = {
    "agent-pass": 0.6,
    "conf-invalid": 0.4,
    "conf-onlyone": 0.4,
    "demo-echodone": 0.6,
    "demo-nomatch": 0.7,
    "queue-youarenext": 0.5,
    "vm-forward": 0.7,
    "vm-msgsaved": 0.5,
}
"""Where in the recording, as a share of it, its speaker is in the middle of a phrase."""


@pytest.fixture(scope="module")
def smart_turn(tmp_path_factory: pytest.TempPathFactory) -> EndOfTurnModel:
    """The model out of the wheel of pipecat-ai, as `glow models pull smart-turn` gets it where there is no hub."""
    models_dir = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SSL_CERT_DIR")  # pip asks a real index
        try:
            pull_smart_turn(models_dir, endpoint="http://127.0.0.1:1")
        except EngineUnavailable as error:
            if "The package index does not give" in str(error):
                pytest.skip(f"Smart Turn's weights cannot be fetched here: {error}")
            raise
    return EndOfTurnModel(end_of_turn_file(Path("smart-turn"), models_dir))


def voted(model: EndOfTurnModel, audio: np.ndarray) -> Verdict:
    return EndOfTurn().verdict("a red one", None, model.probability(np.concatenate([audio, QUIET])))


def test_whole_sentences_are_complete_and_those_cut_in_a_phrase_are_not(smart_turn: EndOfTurnModel) -> None:
    # Its 8-bit products saturate on processors without VNNI, where whole sentences come out a little surer: 11 of these
    # 12 are complete there, and 8 with it, whose others are 0.77 to 0.88.
    whole = {name: voted(smart_turn, audio) for name, audio in PROMPTS.items()}
    assert len(whole) == 12
    assert list(whole.values()).count(Verdict.COMPLETE) >= 8, whole
    surest = {name: smart_turn.probability(np.concatenate([audio, QUIET])) for name, audio in PROMPTS.items()}
    assert min(surest.values()) > 0.7, surest
    assert Verdict.UNFINISHED not in whole.values(), whole
    cut = {name: voted(smart_turn, PROMPTS[name][: int(len(PROMPTS[name]) * share)]) for name, share in CUT_AT.items()}
    assert list(cut.values()).count(Verdict.UNFINISHED) >= 7, cut
    assert Verdict.COMPLETE not in cut.values(), cut
