"""The scripted persona: a conversation and not an echo, the same one each time, and sensible when it is cut."""

import asyncio
import json
from collections import Counter
from pathlib import Path

import pytest

import voice
from models.packs import DEMO_PACK, load_pack
from models.records.core import Cue, Persona
from pipeline.conversation.reply import HistoryEntry, ReplyContext, ReplyPart
from pipeline.conversation.tools import EndCall, Transfer
from pipeline.llm.off_script import DEFAULT_FALLBACKS
from pipeline.llm.reflection import normalised, reflected, topic
from pipeline.llm.scripted import ScriptedResponder, answer, cue_for

RECORDINGS = json.loads((Path(voice.__file__).parent / "recordings" / "manifest.json").read_text(encoding="utf-8"))
PERSONAS = {persona.name.split()[0]: persona for persona in load_pack(DEMO_PACK).personas}
DANA, MARCUS, RUTH = PERSONAS["Dana"], PERSONAS["Marcus"], PERSONAS["Ruth"]
ROLE_PLAYS = {
    "records-office": (
        DANA,
        "opening understands-worry no-permission release-form law anything-else explain-again closing",
    ),
    "repair-desk": (
        MARCUS,
        "problem sorry-broken when-bought three-days free-repair refund-or-new order-number patience",
    ),
    "clinic": (RUTH, "introduction feeling pain-now ten-minutes eat-after questions stay-with-you ready"),
}


def conversation(persona: Persona, *said: str) -> list[str]:
    """What the persona says to each line, in one conversation."""
    history, answers = [HistoryEntry("assistant", persona.greeting)], []
    for line in said:
        history.append(HistoryEntry("user", line))
        answers.append(answer(persona, history))
        history.append(HistoryEntry("assistant", answers[-1]))
    return answers


def after_greeting(persona: Persona, said: str) -> tuple[HistoryEntry, ...]:
    return HistoryEntry("assistant", persona.greeting), HistoryEntry("user", said)


@pytest.mark.parametrize("heard", ["text", "pocketsphinx"])
@pytest.mark.parametrize("speaker", ["slt", "rms", "awb"])
@pytest.mark.parametrize("role_play", ROLE_PLAYS)
def test_every_line_of_the_role_plays_meets_its_cue(role_play: str, speaker: str, heard: str) -> None:
    persona, expected = ROLE_PLAYS[role_play]
    lines = [entry[heard] for entry in RECORDINGS if entry["file"].startswith(f"{speaker}/{role_play}/")]
    history, cues, answers = [HistoryEntry("assistant", persona.greeting)], [], []
    for line in lines:
        history.append(HistoryEntry("user", line))
        cues.append(cue_for(persona, history))
        answers.append(answer(persona, history))
        history.append(HistoryEntry("assistant", answers[-1]))
    assert cues == expected.split()
    assert len(set(answers)) == 8


@pytest.mark.parametrize("role_play", ROLE_PLAYS)
def test_every_line_meets_its_cue_in_any_order_too(role_play: str) -> None:
    persona, expected = ROLE_PLAYS[role_play]
    lines = [entry["text"] for entry in RECORDINGS if entry["file"].startswith(f"slt/{role_play}/")]
    assert [cue_for(persona, after_greeting(persona, line)) for line in lines] == expected.split()


@pytest.mark.parametrize("persona", PERSONAS.values(), ids=PERSONAS)
def test_short_lines_meet_a_cue_too(persona: Persona) -> None:
    short = (
        "yes|no|okay|right|hello|thank you|i am sorry|goodbye|who are you|are you a robot|i think|because|us|the|of of"
    )
    for said in short.split("|"):
        history = after_greeting(persona, said)
        assert cue_for(persona, history), f"{persona.name} has nothing to say to '{said}'"


@pytest.mark.parametrize(
    ("persona", "said", "cue"),
    [
        (DANA, "What is your son's name?", "son-name"),
        (DANA, "He's failing calculus, I'm afraid.", "leaks-grades"),
        (DANA, "The Dean of Students can check on him.", "support"),
        (DANA, "He's an adult now: the rights belong to him.", "rights-moved"),
        (DANA, "I can't tell you anything about his grades", "no-permission"),
        (DANA, "Have you asked him?", "ask-tyler"),
        (MARCUS, "Did you drop it?", "own-fault"),
        (MARCUS, "Have you tried turning it off and on again?", "tried-restart"),
        (MARCUS, "It isn't covered by the warranty.", "not-covered"),
        (MARCUS, "That will take two weeks.", "weeks"),
        (RUTH, "Are you allergic to anything?", "allergies"),
        (RUTH, "When did you last eat?", "fasting"),
        (RUTH, "Everything will be fine!", "promises-fine"),
        (RUTH, "No needles, I promise.", "needle"),
    ],
)
def test_what_else_a_learner_may_say(persona: Persona, said: str, cue: str) -> None:
    assert cue_for(persona, after_greeting(persona, said)) == cue


def test_the_greeting_comes_first() -> None:
    assert answer(DANA, ()) == DANA.greeting


def test_the_reply_streams_in_words_and_is_the_same_each_time() -> None:
    async def deltas() -> list[str]:
        context = ReplyContext(DANA, None, (), after_greeting(DANA, "you understand, I am worried about the parking"))
        return [delta async for delta in ScriptedResponder().reply(context)]

    first, second = asyncio.run(deltas()), asyncio.run(deltas())
    assert first == second
    assert len(first) > 3
    assert "".join(first) == answer(DANA, after_greeting(DANA, "you understand, I am worried about the parking"))


def test_a_cue_goes_on_to_its_next_line_and_then_says_that_it_was_said() -> None:
    lines = next(cue.say for cue in DANA.cues if cue.id == "no-permission")
    said = conversation(DANA, *["I cannot share his grades"] * 6)
    again = DANA.reactions["again"]
    assert said[:3] == list(lines)
    assert [line.startswith(start) for line, start in zip(said[3:], again, strict=False)] == [True, True]
    assert said[5] == lines[-1], "after that the last one is said"


def test_cues_may_wait_for_others_and_may_be_used_once() -> None:
    persona = Persona(
        id="p",
        name="Kim",
        greeting="Hello.",
        cues=(
            Cue("ask", ("price",), ("Nine.",), once=True),
            Cue("ask-again", ("price",), ("Still nine.",), after=("ask",)),
            Cue("long", ("price of the red one",), ("Ten.",)),
        ),
    )
    assert conversation(persona, "the price", "the price", "the price of the red one") == [
        "Nine.",
        "Still nine.",
        "Ten.",
    ]
    assert cue_for(persona, after_greeting(persona, "surprice")) is None, "a match begins at the beginning of a word"


SHOP = Persona(
    id="shop",
    name="Kim",
    greeting="Hello.",
    cues=(
        Cue("bye", ("goodbye",), ("It was nice to talk to you. Goodbye.",), ends_call=True),
        Cue("boss", ("boss",), ("One moment.",), transfer="boss"),
    ),
)


@pytest.mark.parametrize(
    ("lines", "asks"),
    [
        (["user: Goodbye!"], [EndCall()]),
        (["user: Your boss, please."], [Transfer("boss")]),
        (["user: How are you?"], []),
        (["user: Goodbye!", "assistant: It was nice to", "user: Wait."], []),
        (["user: Goodbye!", "assistant: It was nice to", "user: Go on."], [EndCall()]),
        (["user: Goodbye!", "assistant: It was nice to talk to you. Goodbye.", "user: What did you say?"], [EndCall()]),
    ],
    ids=["a goodbye", "a transfer", "neither", "interrupted", "taken up again", "said again"],
)
def test_a_cue_may_end_or_hand_on_the_call(lines: list[str], asks: list[ReplyPart]) -> None:
    async def parts() -> list[ReplyPart]:
        history = tuple(
            HistoryEntry("user" if line[0] == "u" else "assistant", line.partition(": ")[2]) for line in lines
        )
        return [part async for part in ScriptedResponder().reply(ReplyContext(SHOP, None, (), history))]

    assert [part for part in asyncio.run(parts()) if not isinstance(part, str)] == asks


def test_a_reply_that_nobody_heard_was_not_said() -> None:
    asked = "what is your son's name"
    history = [HistoryEntry("assistant", DANA.greeting), HistoryEntry("user", asked), HistoryEntry("user", asked)]
    assert answer(DANA, history) == conversation(DANA, asked)[0]


def test_a_line_in_two_parts_is_taken_as_one() -> None:
    history = [
        HistoryEntry("assistant", DANA.greeting),
        HistoryEntry("user", "what is your"),
        HistoryEntry("user", "sons name"),
    ]
    assert cue_for(DANA, history) == "son-name"


def interrupted(then: str) -> list[HistoryEntry]:
    """Dana is cut in the middle of her second sentence."""
    said = "I understand that you are worried about your son"
    whole = conversation(DANA, said)[0]
    heard = whole[: whole.index("and a thumb") - 1]
    return [*after_greeting(DANA, said), HistoryEntry("assistant", heard), HistoryEntry("user", then)]


@pytest.mark.parametrize("then", ["Wait.", "Stop!", "Sorry", "wait a minute", "Excuse me, sorry.", "hold on please"])
def test_whoever_interrupts_with_a_word_has_the_floor(then: str) -> None:
    assert answer(DANA, interrupted(then)) == "Go on, I am listening."


@pytest.mark.parametrize(
    "then", ["Sorry, go on.", "Please continue.", "carry on", "no you go ahead", "you were saying"]
)
def test_a_reply_that_was_cut_is_taken_up_at_its_sentence(then: str) -> None:
    taken_up = answer(DANA, interrupted(then))
    assert taken_up.startswith("As I was saying: He used to call every Sunday, and now")
    assert taken_up.endswith("read me the letters next to the classes.")


def test_a_reply_that_was_taken_up_may_be_cut_again() -> None:
    history = interrupted("go on")
    history += [HistoryEntry("assistant", "As I was saying: He used to call"), HistoryEntry("user", "sorry, go on")]
    assert answer(DANA, history).startswith("As I was saying: He used to call every Sunday")


def test_an_interruption_with_content_gets_an_answer() -> None:
    assert cue_for(DANA, interrupted("I cannot share his grades without his permission")) == "no-permission"


@pytest.mark.parametrize(
    "ask",
    ["Can you repeat that, please?", "Sorry, what did you say?", "pardon", "say that again", "I didn't catch that"],
)
def test_what_was_said_can_be_asked_for_again(ask: str) -> None:
    first, again = conversation(RUTH, "does anything hurt right now", ask)
    assert again == f"I said: {first}"


def test_silence_is_noticed() -> None:
    assert answer(DANA, after_greeting(DANA, " ... ")) == "I did not hear anything. Are you still there?"


def test_the_fallback_takes_up_what_was_said_and_does_not_repeat_itself() -> None:
    said = [f"the {thing} is very {how}" for thing, how in (("chair", "red"), ("table", "blue"), ("garden", "green"))]
    answers = conversation(Persona(id="p", name="Kim", greeting="Hello."), *said)
    assert answers == [
        "The chair, you say. Tell me a little more about that.",
        "So the table is very blue. And what follows from that?",
        DEFAULT_FALLBACKS[2],
    ]


def test_fallbacks_share_the_work() -> None:
    said = [f"the {word} is on the {word}" for word in ("lamp", "piano", "fence", "ladder", "carpet")]
    assert len(Counter(conversation(MARCUS, *said))) == 5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I'm sorry, but I CAN'T — really!", "i am sorry but i cannot really"),
        ("He’s won’t; let's: they'd you've", "he is will not let us they would you have"),
        ("can not  dont tyler's", "cannot dont tylers"),
        ("Grüße, 你好!", "grüße 你好"),
        ("snake_case [[b]] 12.5", "snake case b 12 5"),
    ],
)
def test_speech_is_normalised(text: str, words: str) -> None:
    assert normalised(text) == words


@pytest.mark.parametrize(
    ("said", "back"),
    [
        ("i can help you", "you can help me"),
        ("you are my friend", "I am your friend"),
        ("i am waiting for you", "you are waiting for me"),
        ("you told me your name", "I told you my name"),
        ("i like you", "you like me"),
        ("what is your name", None),
        ("yes", None),
    ],
)
def test_a_sentence_is_turned_around(said: str, back: str | None) -> None:
    assert reflected(said) == back


@pytest.mark.parametrize(
    ("said", "about"),
    [
        ("can you tell me your order number", "my order number"),
        ("the test takes ten minutes", "the test"),
        ("do you like pizza", "pizza"),
        ("did you sleep", None),
        ("it is what it is", None),
    ],
)
def test_the_topic_is_found(said: str, about: str | None) -> None:
    assert topic(said) == about


def test_a_very_long_speech_is_answered_at_once() -> None:
    long = "the parking lot is full of cars and " * 2000 + "what is your son's name"
    assert cue_for(DANA, after_greeting(DANA, long)) == "son-name"
