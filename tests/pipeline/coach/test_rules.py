"""The offline coach: what it counts, what it quotes, and that it always judges the same."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from models.records.core import Chat, ChatContext, Document, Message, Persona, Scenario
from models.records.resources import GENERAL_RUBRIC, Advice, Measure, Rubric, Standard, StandardGroup
from pipeline.coach.coach import CoachingTask, Passage, exact_section, notes_of
from pipeline.coach.measures import Reading, measured, talk_share
from pipeline.coach.rules import STATED, assess, hints, suggestions

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
OBJECTIVES = ("Ask about the receipt.", "Offer a repair or a refund.")


def message(number: int, role: Any, text: str, **fields: Any) -> Message:
    return Message(f"m{number}", "c", role, text, "typed", NOON, **fields)


def lesson(*lines: str, rubric: Rubric = GENERAL_RUBRIC, objectives: tuple[str, ...] = OBJECTIVES) -> CoachingTask:
    """A chat of lines, the learner's first and then in turn; a line that begins with `-` is the persona's."""
    said = [message(i, "assistant" if line[0] == "-" else "user", line.lstrip("- ")) for i, line in enumerate(lines)]
    chat = Chat("c", "a", "u", "Chat", "s", 0, NOON)
    scenario = Scenario("s", "Repair", objectives=objectives)
    return CoachingTask(
        ChatContext(chat, (Persona("p", "Mo"),), scenario, (Document("d", "Policy"),), tuple(said)), rubric
    )


def share(measure: Measure, *lines: str, signs: tuple[str, ...] = (), needed: int = 1) -> float:
    standard = Standard("s", "g", "S", 10, measure=measure, signs=signs, needed=needed)
    return measured(standard, Reading(lesson(*lines))).share


@pytest.mark.parametrize(
    ("story", "measure", "lines", "wanted"),
    [
        ("nothing said", "objectives", ("- Hello?",), 0.0),
        ("one objective touched", "objectives", ("Do you have the receipt?",), 0.5),
        ("in another form of the word", "objectives", ("We are repairing it. Receipts, please.",), 1.0),
        ("nothing to the point", "objectives", ("It rains.",), 0.0),
        ("an open question counts whole", "questions", ("What happened?",), 0.25),
        ("a closed one half", "questions", ("Is it broken?",), 0.125),
        ("speech has no question mark", "questions", ("what happened then",), 0.25),
        ("no more than all", "questions", ("What? How? Why? When? Where?",), 1.0),
        ("turns", "turns", ("It is me.", "- Two.", "I am here."), 2 / 6),
        ("a turn that is repeated is none", "turns", ("It is me.", "- Two.", "It is me!"), 1 / 6),
        ("nobody answered", "balance", ("It is me.",), 0.0),
        ("even talk", "balance", ("It is me.", "- One two three."), 1.0),
        ("hardly a word", "balance", ("Yes.", "- " + "word " * 9), 0.4),
        ("a heap of words is no objective", "objectives", ("receipt repair refund warranty laptop",), 0.0),
        ("nor questions", "questions", ("what how why when where",), 0.0),
        ("nor turns", "turns", ("receipt repair refund warranty laptop", "- Pardon?", "sorry understand"), 0.0),
        ("a mere pause is no talk", "balance", ("...", "- One two three."), 0.0),
        ("nor talk", "balance", ("receipt repair refund warranty laptop", "- One two three."), 0.0),
        ("nor is the task, read aloud", "objectives", ("Ask about the receipt. Offer a repair or a refund.",), 0.0),
        ("rudeness costs", "questions", ("What happened? How? Why? When was it? Are you deaf?",), 0.8),
    ],
)
def test_what_is_counted(story: str, measure: Measure, lines: tuple[str, ...], wanted: float) -> None:
    assert share(measure, *lines) == pytest.approx(wanted), story


def test_signs_are_looked_for_from_the_beginning_of_a_word_on() -> None:
    signs = ("sorry", "(i|we) understand")
    assert share("signs", "I'm so sorry!", signs=signs, needed=2) == 0.5
    assert share("signs", "I am sorry. We understand.", signs=signs, needed=2) == 1.0
    assert share("signs", "unsorry", signs=signs) == 0.0
    assert share("signs", "I am not sorry.", signs=signs) == 0.0, "not negated"


def test_the_talk_is_measured_in_time_where_a_call_has_timings() -> None:
    timed = lesson("One.", "- One two three four five six seven eight nine ten.")
    said = (
        message(0, "user", "One.", started_ms=0, ended_ms=3000),
        message(1, "assistant", "Ten.", started_ms=3000, ended_ms=4000),
    )
    timed = CoachingTask(ChatContext(timed.chat.chat, (), timed.chat.scenario, (), said), GENERAL_RUBRIC)
    assert talk_share(timed) == (0.75, "time")
    assert talk_share(lesson("One.", "- One two three."))[1] == "words"


def test_points_are_rounded_half_up_and_add_up() -> None:
    standards = (Standard("s", "g", "Turns", 9, measure="turns"),)
    rubric = Rubric("r", "R", 9, 4, groups=(StandardGroup("g", "G", 9, standards=standards),))
    judged = assess(lesson("It is me.", "- c.", "I am here.", "- f.", "Yes.", rubric=rubric))
    assert [score.points for score in judged.scores] == [5]
    assert judged.summary == f"5 of 9 points, passed. {STATED}"


def test_a_rubric_without_standards_grades_nothing_and_says_so() -> None:
    judged = assess(lesson("It is me.", "- Hm.", rubric=Rubric("r", "R", 0, 0)))
    assert (judged.scores, judged.score) == ((), 0)
    assert "the rubric has no standards" in judged.summary


def test_it_always_judges_the_same() -> None:
    lines = ("Good morning.", "- My laptop died.", "I can't help you. You have to show me the receipt.")
    first = assess(lesson(*lines))
    assert all(assess(lesson(*lines)) == first for _ in range(5))
    assert notes_of(first) == notes_of(assess(lesson(*lines)))


def test_what_it_quotes_stands_in_the_message() -> None:
    talk = lesson(
        "What happened? Tell me everything.",
        "- It died.",
        "I can't do that, Sir! You have to wait.",
        "- " + "word " * 20,
        "Oh, calm down. Can you wait?",
    )
    judged = assess(talk)
    texts = {item.id: item.text for item in talk.chat.messages}
    remarks = [*judged.strengths, *judged.improvements]
    quoted = [(remark.message_id, passage) for remark in remarks for passage in remark.passages]
    assert quoted
    assert all(message_id in texts and passage.section in texts[message_id] for message_id, passage in quoted)
    replaced = {passage.section: passage.replace for remark in judged.improvements for passage in remark.passages}
    assert {"I can't do that, Sir", "Oh, calm down."} <= set(replaced)
    assert all(replaced.values())


def test_what_is_missing_is_said_before_a_question_where_every_turn_asks() -> None:
    needs = Standard("s", "g", "Next", 9, signs=("i will",), advice=(Advice("Say what you do.", "I will see to it."),))
    rubric = Rubric("r", "R", 9, 4, groups=(StandardGroup("g", "G", 9, standards=(replace(needs, measure="signs"),)),))
    judged = assess(lesson("I see. How long has it been so?", "- A week.", rubric=rubric))
    (remark,) = judged.improvements
    assert remark.passages == (Passage("I see.", "I see. I will see to it."),)


def test_a_speech_is_too_long() -> None:
    judged = assess(lesson("Well. " + "word " * 80 + "end. And one more thing."))
    (long,) = [remark for remark in judged.improvements if remark.name == "Say less at a time"]
    assert long.passages[0].section == "And one more thing."


def test_hints_tell_what_is_missing_and_what_was_asked() -> None:
    told = hints(lesson("Do you have the receipt?", "- Yes. Can you refund me?"))
    assert told[0] == "You were asked something: Can you refund me? Answer it before you go on."
    assert told[1] == "Not done yet: Offer a repair or a refund."
    done = hints(lesson("What about the receipt? We refund or repair.", "- Good."))
    assert done == ("Sum up what you have agreed on, and ask whether anything is left.",)


def test_suggestions_are_not_said_twice() -> None:
    first = suggestions(lesson("- Hello?"))
    assert len(first) == 3
    assert first[0] not in suggestions(lesson(first[0]))


@pytest.mark.parametrize(
    ("text", "quoted", "found"),
    [
        ("I can help you, Sir.", "can help", "can help"),
        ("I can help you, Sir.", "“I CAN help you, sir.”", "I can help you, Sir"),
        ("One  two — three.", "one two three", "One  two — three"),
        ("I can help.", "I cannot help.", None),
        ("I can help.", "", None),
        ("I can help.", "...", None),
        ("Straße Öl", "öl", "Öl"),
    ],
)
def test_a_quotation_is_found_exactly_or_not_at_all(text: str, quoted: str, found: str | None) -> None:
    assert exact_section(text, quoted) == found
