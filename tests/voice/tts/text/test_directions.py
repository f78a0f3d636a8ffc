"""Stage directions are not spoken, and words that only look like them are."""

import pytest

from voice.tts.text.clauses import ClauseSplitter
from voice.tts.text.speakable import speakable


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("*sighs* I suppose so.", "I suppose so."),
        ("Well *sighs heavily* I suppose.", "Well I suppose."),
        ("*Softly laughs.* I know.", "I know."),
        ("*Dana leans back in her chair.* So?", "So?"),
        ("*She clears her throat* Let us begin.", "Let us begin."),
        ("**sighs** Fine.", "Fine."),
        ("_nods_ Fine.", "Fine."),
        ("(leans back) Fine.", "Fine."),
        ("(Sighs.) Fine.", "Fine."),
        ("I see (chuckling). Fine.", "I see. Fine."),
        ("(softly) I know. (pause) Yes.", "I know. Yes."),
        ("[laughs] Oh dear.", "Oh dear."),
        ("*seufzt* Na gut.", "Na gut."),
        ("*leans back, sighs, and looks out of the window.* Well, then.", "Well, then."),
        ("*sighs*", ""),
        ("I *really* mean it.", "I really mean it."),
        ("*very* good.", "very good."),
        ("*Really?* No.", "Really? No."),
        ("*is* it?", "is it?"),
        ("There are two *types* of plan, and *steps* to take.", "There are two types of plan, and steps to take."),
        ("It takes (about two weeks) or so.", "It takes (about two weeks) or so."),
        ("Yes (of course).", "Yes (of course)."),
        ("Go to the desk (points two and three). Ask there.", "Go to the desk (points two and three). Ask there."),
    ],
)
def test_only_stage_directions_are_left_out(written: str, said: str) -> None:
    assert speakable(written, spell_numbers=True).text == said


def test_a_direction_is_not_cut_into_clauses() -> None:
    text = "*leans back, sighs, and looks out of the window.* Well, then. I see (smiles, at last, a bit). Yes, really."
    splitter = ClauseSplitter()
    clauses = [*splitter.push(text), *splitter.flush()]
    assert clauses[0] == "*leans back, sighs, and looks out of the window.* "
    said = " ".join(filter(None, (speakable(clause, spell_numbers=True).text for clause in clauses)))
    assert said == "Well, then. I see. Yes, really."
