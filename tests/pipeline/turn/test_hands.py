"""What the learner does besides speaking, each hard case a row: typed text, stop, mute, hanging up."""

import pytest

from pipeline.turn.actions import (
    Action,
    CloseUtterance,
    CutReply,
    End,
    EndTurn,
    Hold,
    Prepare,
    Release,
    ReopenUtterance,
    Restore,
    StoreMessage,
    Suspend,
    Transcribe,
)
from pipeline.turn.events import Hangup, Muted, Prompted, ReplyStarted, Stopped, Transcribed, Typed, Unmuted
from tests.pipeline.turn_story import (
    ANSWERED,
    COMPLETE,
    DUCKED,
    INTERRUPTED,
    OPENED,
    STOPPED,
    UNSURE,
    At,
    Story,
    answered,
    elapses,
    goes_on,
    is_quiet,
    ms,
    pauses,
    play,
    resumes,
    said,
    starts,
    transcribed,
)

STORIES: list[Story] = [
    (
        "typed text is a turn of its own",
        [At(1000, Typed())],
        [Prepare(1, 1, ""), Release(1, 1)],
    ),
    (
        "typed text cuts the reply",
        [*answered(), At(4000, Typed())],
        [*ANSWERED, CutReply(1), Prepare(2, 2, ""), Release(2, 2)],
    ),
    (
        "typed text in the middle of speech is answered with it",
        [
            starts(1000),
            At(1500, Typed()),
            pauses(2000),
            transcribed(2200, 1, COMPLETE),
            elapses(2400),
        ],
        ANSWERED[:7],
    ),
    (
        "typed text in the middle of noise is answered alone",
        [starts(1000), At(1500, Typed()), pauses(2000), transcribed(2200, 1, ""), elapses(2500)],
        [*OPENED, Transcribe(1), EndTurn(1, ms(2000), "silence"), Prepare(1, 1, ""), Release(1, 1)],
    ),
    (
        "typed text while a reply is prepared joins the turn",
        [*said(COMPLETE), elapses(2400), At(2405, Typed())],
        [*ANSWERED[:7], Suspend(1), Prepare(2, 1, ""), Release(2, 1)],
    ),
    ("stop silences the persona", [*answered(), At(4000, Stopped())], [*ANSWERED, CutReply(1)]),
    (
        "stop before the reply begins keeps the message and drops the reply",
        [*said(COMPLETE), elapses(2400), At(2405, Stopped()), At(2410, ReplyStarted(1))],
        [*ANSWERED[:7], Suspend(1), CloseUtterance(1)],
    ),
    (
        "stop before the words are known keeps them unanswered",
        [starts(1000), pauses(2000), elapses(2500), At(2600, Stopped()), transcribed(2900, 1, COMPLETE)],
        [*OPENED, Transcribe(1), EndTurn(1, ms(2000), "silence"), StoreMessage(1, COMPLETE), CloseUtterance(1)],
    ),
    (
        "mute ends the open utterance",
        [starts(1000), At(2000, Muted()), transcribed(2200, 1, COMPLETE)],
        [
            *OPENED,
            Transcribe(1),
            EndTurn(1, ms(2000), "mute"),
            StoreMessage(1, COMPLETE),
            Prepare(1, 1, COMPLETE),
            Release(1, 1),
        ],
    ),
    ("mute without an utterance does nothing", [At(1000, Muted()), At(1500, Unmuted())], []),
    (
        "a client that stops sending frames has ended its utterance",
        [starts(1000), At(2000, Muted("silence")), transcribed(2200, 1, COMPLETE)],
        [
            *OPENED,
            Transcribe(1),
            EndTurn(1, ms(2000), "silence"),
            StoreMessage(1, COMPLETE),
            Prepare(1, 1, COMPLETE),
            Release(1, 1),
        ],
    ),
    (
        "hanging up stores the open utterance and does not answer it",
        [starts(1000), At(2000, Hangup()), transcribed(2200, 1, COMPLETE)],
        [*OPENED, Transcribe(1), EndTurn(1, ms(2000), "end"), StoreMessage(1, COMPLETE), CloseUtterance(1), End()],
    ),
    ("hanging up in silence just ends", [At(1000, Hangup())], [End()]),
    ("hanging up cuts the reply", [*answered(), At(4000, Hangup())], [*ANSWERED, CutReply(1), End()]),
    (
        "typed text before the greeting is a turn of its own",
        [At(0, Prompted()), At(100, Typed())],
        [Prepare(1, 0, ""), Release(1, 0), Suspend(1), Prepare(2, 1, ""), Release(2, 1)],
    ),
    (
        "speech after typed text joins its turn, however late in the call",
        [At(500_000, Typed()), starts(500_100), elapses(500_200), pauses(501_000)],
        [
            Prepare(1, 1, ""),
            Release(1, 1),
            Suspend(1),
            ReopenUtterance(1, ms(500_100)),
            Transcribe(2),
        ],
    ),
    (
        "stop in a pause keeps the words and drops the reply",
        [*said(COMPLETE), At(2300, Stopped()), elapses(2400)],
        [
            *ANSWERED[:3],
            Suspend(1),
            EndTurn(1, ms(2000), "silence"),
            StoreMessage(1, COMPLETE),
            CloseUtterance(1),
        ],
    ),
    (
        "stop in a pause before its words are known prepares no reply",
        [starts(1000), pauses(2000), At(2200, Stopped()), transcribed(2250, 1, COMPLETE), elapses(2400)],
        [
            *OPENED,
            Transcribe(1),
            EndTurn(1, ms(2000), "silence"),
            StoreMessage(1, COMPLETE),
            CloseUtterance(1),
        ],
    ),
    (
        "who goes on after a stop is answered",
        [*said(COMPLETE), At(2200, Stopped()), resumes(2300), pauses(3000), transcribed(3200, 2, UNSURE)],
        [*ANSWERED[:3], Suspend(1), Suspend(1), Transcribe(2), Prepare(2, 1, UNSURE)],
    ),
    (
        "stop keeps quiet about words that are lost",
        [
            starts(1000),
            pauses(2000),
            elapses(2500),
            At(2600, Stopped()),
            At(2900, Transcribed(1, "", failed=True)),
        ],
        [*OPENED, Transcribe(1), EndTurn(1, ms(2000), "silence"), CloseUtterance(1)],
    ),
    (
        "stop after a reopened turn's end keeps quiet, even if only noise was added",
        [
            *said(COMPLETE),
            elapses(2400),
            starts(2600),
            pauses(2800),
            elapses(3300),
            At(3310, Stopped()),
            transcribed(3400, 2, ""),
        ],
        [
            *ANSWERED[:7],
            Suspend(1),
            ReopenUtterance(1, ms(2600)),
            Transcribe(2),
            EndTurn(1, ms(2800), "silence"),
            CloseUtterance(1),
        ],
    ),
    (
        "typed text after a stop is answered",
        [
            starts(1000),
            pauses(2000),
            elapses(2500),
            At(2600, Stopped()),
            At(2700, Typed()),
            transcribed(2900, 1, COMPLETE),
        ],
        ANSWERED[:7],
    ),
    (
        "typed text is answered though the words spoken with it are lost",
        [
            starts(1000),
            At(1500, Typed()),
            pauses(2000),
            At(2200, Transcribed(1, "", failed=True)),
            elapses(2500),
        ],
        [*OPENED, Transcribe(1), EndTurn(1, ms(2000), "silence"), Prepare(1, 1, ""), Release(1, 1)],
    ),
    (
        "stop over words that stopped the reply cuts it, though they are taken back",
        [*INTERRUPTED, At(4800, Stopped()), transcribed(4950, 2, "")],
        [*STOPPED, CutReply(1)],
    ),
    (
        "stop while a reply is held cuts it, and what is said is still answered",
        [
            *answered(),
            starts(4000),
            goes_on(4600, 600),
            At(4620, Stopped()),
            pauses(4700),
            transcribed(4950, 2, "i see a problem"),
        ],
        [
            *DUCKED,
            Hold(),
            CutReply(1),
            Transcribe(2),
            Prepare(2, 2, "i see a problem"),
        ],
    ),
    (
        "hanging up while a reply is held cuts it at once and stores the last words",
        [*answered(), starts(4000), goes_on(4600, 600), At(4620, Hangup()), transcribed(5000, 2, "bye for now")],
        [
            *DUCKED,
            Hold(),
            CutReply(1),
            Transcribe(2),
            EndTurn(2, ms(4620), "end"),
            StoreMessage(2, "bye for now"),
            CloseUtterance(2),
            End(),
        ],
    ),
    (
        "hanging up over a reply cuts it at once, words or not",
        [*answered(), starts(4000), is_quiet(4200, 120), At(4220, Hangup()), transcribed(5000, 2, "")],
        [
            *DUCKED,
            Restore(),
            CutReply(1),
            Transcribe(2),
            EndTurn(2, ms(4220), "end"),
            CloseUtterance(2),
            End(),
        ],
    ),
]


@pytest.mark.parametrize(("story", "actions"), [row[1:] for row in STORIES], ids=[row[0] for row in STORIES])
def test_story(story: list[At], actions: list[Action]) -> None:
    assert play(story)[1] == actions
