"""When a turn begins and ends, each hard case a row: what happens, and what must come of it."""

from dataclasses import replace

import pytest

from pipeline.turn.actions import (
    Action,
    Apologise,
    CloseUtterance,
    Duck,
    EndTurn,
    Hold,
    NoWords,
    OpenUtterance,
    Prepare,
    Release,
    ReopenUtterance,
    StoreMessage,
    Suspend,
    Transcribe,
)
from pipeline.turn.events import Committed, Hangup, Prompted, ReplyFinished, ReplyStarted, Stopped, Transcribed, Typed
from pipeline.turn.machine import Phase, step
from tests.pipeline.turn_story import (
    ANSWERED,
    COMPLETE,
    OPENED,
    RULES,
    UNFINISHED,
    UNSURE,
    At,
    Story,
    answered,
    elapses,
    goes_on,
    ms,
    pauses,
    play,
    resumes,
    said,
    starts,
    transcribed,
)
from voice.speech.endpointing import SpeechStarted

STORIES: list[Story] = [
    ("a pause prepares the reply before the turn is over", said(COMPLETE), ANSWERED[:3]),
    ("a turn that reads as complete ends early", answered(), ANSWERED),
    ("a turn that reads as complete does not end before its time", [*said(COMPLETE), elapses(2390)], ANSWERED[:3]),
    (
        "an unfinished turn waits past the usual silence",
        [*said(UNFINISHED), elapses(2500), elapses(3190)],
        [*OPENED, Transcribe(1), Prepare(1, 1, UNFINISHED)],
    ),
    (
        "an unfinished turn ends all the same",
        [*said(UNFINISHED), elapses(3200)],
        [
            *OPENED,
            Transcribe(1),
            Prepare(1, 1, UNFINISHED),
            EndTurn(1, ms(2000), "silence"),
            StoreMessage(1, UNFINISHED),
            Prepare(1, 1, UNFINISHED),
            Release(1, 1),
        ],
    ),
    (
        "an unsure turn takes the usual silence",
        [*said(UNSURE), elapses(2490), elapses(2500)],
        [
            *OPENED,
            Transcribe(1),
            Prepare(1, 1, UNSURE),
            EndTurn(1, ms(2000), "silence"),
            StoreMessage(1, UNSURE),
            Prepare(1, 1, UNSURE),
            Release(1, 1),
        ],
    ),
    (
        "speech that resumes drops what was prepared",
        [*said(UNFINISHED), resumes(2600)],
        [*OPENED, Transcribe(1), Prepare(1, 1, UNFINISHED), Suspend(1)],
    ),
    (
        "after the resume a new revision is prepared, and nothing of the old one is stored",
        [*said(UNFINISHED), resumes(2600), pauses(3500), transcribed(3700, 2, "my number is five five one")],
        [
            *OPENED,
            Transcribe(1),
            Prepare(1, 1, UNFINISHED),
            Suspend(1),
            Transcribe(2),
            Prepare(2, 1, "my number is five five one"),
        ],
    ),
    (
        "a stale transcript is dropped",
        [starts(1000), pauses(2000), resumes(2250), transcribed(2300, 1, "my"), pauses(3000)],
        [*OPENED, Transcribe(1), Suspend(1), Transcribe(2)],
    ),
    (
        "a late transcript is waited for, then answered at once",
        [starts(1000), pauses(2000), elapses(2500), transcribed(2900, 1, COMPLETE)],
        ANSWERED[:7],
    ),
    (
        "a late transcript that reads as unfinished is given its time all the same",
        [starts(1000), pauses(2000), elapses(2500), transcribed(2900, 1, UNFINISHED), elapses(3190)],
        [*OPENED, Transcribe(1), Prepare(1, 1, UNFINISHED)],
    ),
    (
        "who goes on while a late transcript is awaited has not been cut off",
        [starts(1000), pauses(2000), elapses(2500), resumes(2700), pauses(3500), transcribed(3700, 2, COMPLETE)],
        [*OPENED, Transcribe(1), Suspend(1), Transcribe(2), Prepare(2, 1, COMPLETE)],
    ),
    (
        "noise without words makes no message and no reply",
        [*said(""), elapses(2500)],
        [*OPENED, Transcribe(1), EndTurn(1, ms(2000), "silence"), CloseUtterance(1)],
    ),
    (
        "speech before the reply begins joins the turn",
        [*said(COMPLETE), elapses(2400), starts(2600), pauses(3500), transcribed(3700, 2, f"{COMPLETE} today")],
        [
            *ANSWERED[:7],
            Suspend(1),
            ReopenUtterance(1, ms(2600)),
            Transcribe(2),
            Prepare(2, 1, f"{COMPLETE} today"),
        ],
    ),
    (
        "noise after a turn's end does not lose its reply",
        [*said(COMPLETE), elapses(2400), starts(2600), pauses(2800), transcribed(3000, 2, COMPLETE), elapses(3200)],
        [
            *ANSWERED[:7],
            Suspend(1),
            ReopenUtterance(1, ms(2600)),
            Transcribe(2),
            Prepare(2, 1, COMPLETE),
            EndTurn(1, ms(2800), "silence"),
            StoreMessage(1, COMPLETE),
            Prepare(2, 1, COMPLETE),
            Release(2, 1),
        ],
    ),
    (
        "a turn that does not end is ended",
        [starts(1000), elapses(121_000)],
        [*OPENED, Transcribe(1)],
    ),
    (
        "a recogniser that fails is apologised for",
        [starts(1000), pauses(2000), At(2200, Transcribed(1, "", failed=True)), elapses(2500)],
        [*OPENED, Transcribe(1), EndTurn(1, ms(2000), "silence"), Apologise(1, 1), Release(1, 1)],
    ),
    (
        "a recogniser that fails late is apologised for",
        [starts(1000), pauses(2000), elapses(2500), At(9000, Transcribed(1, "", failed=True))],
        [*OPENED, Transcribe(1), EndTurn(1, ms(2000), "silence"), Apologise(1, 1), Release(1, 1)],
    ),
    (
        "a reply that is over before any audio frees the floor",
        [*said(COMPLETE), elapses(2400), At(2500, ReplyFinished(1)), starts(3000)],
        [*ANSWERED, OpenUtterance(2, ms(3000))],
    ),
    ("a greeting needs no question", [At(0, Prompted())], [Prepare(1, 0, ""), Release(1, 0)]),
    (
        "a learner who speaks before the greeting has a turn of their own",
        [At(0, Prompted()), starts(1000)],
        [Prepare(1, 0, ""), Release(1, 0), Suspend(1), OpenUtterance(1, ms(1000))],
    ),
    (
        "a learner who speaks before the persona asks does not change the message before",
        [*answered(), At(6000, ReplyFinished(1)), At(20_000, Prompted()), starts(20_100)],
        [*ANSWERED, Prepare(2, 1, ""), Release(2, 1), Suspend(2), OpenUtterance(2, ms(20_100))],
    ),
    (
        "the end of a turn that is too long is answered, though the learner speaks on",
        [starts(1000), elapses(121_000), transcribed(121_200, 1, COMPLETE), starts(121_400), starts(121_500)],
        [
            *OPENED,
            Transcribe(1),
            EndTurn(1, ms(121_000), "limit"),
            StoreMessage(1, COMPLETE),
            Prepare(1, 1, COMPLETE),
            Release(1, 1),
        ],
    ),
    (
        "who still speaks when that answer begins is heard anew",
        [
            starts(1000),
            elapses(121_000),
            transcribed(121_200, 1, COMPLETE),
            At(121_210, ReplyStarted(1)),
            starts(121_220),
        ],
        [
            *OPENED,
            Transcribe(1),
            EndTurn(1, ms(121_000), "limit"),
            StoreMessage(1, COMPLETE),
            Prepare(1, 1, COMPLETE),
            Release(1, 1),
            CloseUtterance(1),
            OpenUtterance(2, ms(121_220)),
            Duck(),
        ],
    ),
]


@pytest.mark.parametrize(("story", "actions"), [row[1:] for row in STORIES], ids=[row[0] for row in STORIES])
def test_story(story: list[At], actions: list[Action]) -> None:
    assert play(story)[1] == actions


MANUAL = replace(RULES, manual=True)


def test_manual_turns_end_by_commit_alone() -> None:
    state, actions = play([*said(COMPLETE), elapses(60_000)], MANUAL)
    assert state.phase is Phase.PAUSING
    assert EndTurn not in [type(action) for action in actions]
    state, actions = step(state, Committed(), ms(61_000))
    assert actions == [
        EndTurn(1, ms(2000), "commit"),
        StoreMessage(1, COMPLETE),
        Prepare(1, 1, COMPLETE),
        Release(1, 1),
    ]


def test_a_manual_turn_ends_at_its_limit_too() -> None:
    _, actions = play([*said(COMPLETE), elapses(121_000)], MANUAL)
    assert EndTurn(1, ms(2000), "limit") in actions


def test_a_commit_is_heard_even_where_no_speech_was_noticed() -> None:
    state, actions = play([At(2000, Committed(ms(500)))], MANUAL)
    assert actions == [OpenUtterance(1, ms(500)), Transcribe(1)]
    _, actions = step(state, Transcribed(1, ""), ms(2100))
    assert actions == [EndTurn(1, ms(2000), "commit"), NoWords(1), CloseUtterance(1)]


def test_without_partials_length_alone_cuts() -> None:
    _, actions = play([*answered(), starts(4000), goes_on(4300, 300)], replace(RULES, partials=False))
    assert actions[-1] == Hold()


def test_nothing_happens_after_the_end() -> None:
    state, _ = play([At(1000, Hangup())])
    for event in (SpeechStarted(0), Typed(), Prompted(), Stopped(), Hangup(), Committed(0)):
        assert step(state, event, ms(2000)) == (state, [])
