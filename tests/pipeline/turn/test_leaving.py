"""How a call is left, each hard case a row: goodbyes, transfers, lines that wait or insist, answers on request."""

from dataclasses import replace

import pytest

from pipeline.turn.actions import (
    Action,
    CloseUtterance,
    CutReply,
    Duck,
    End,
    EndTurn,
    Hold,
    Linger,
    OpenUtterance,
    Prepare,
    Release,
    ReopenUtterance,
    Restore,
    SayPrompt,
    StoreMessage,
    Suspend,
    Transcribe,
    TransferCall,
)
from pipeline.turn.events import (
    WHOLE,
    Hangup,
    Leave,
    Lingered,
    Partial,
    Prompted,
    ReplyFinished,
    ReplyStarted,
    Requested,
    Stopped,
    Transcribed,
    Typed,
)
from pipeline.turn.machine import samples
from tests.pipeline.turn_story import (
    ANSWERED,
    COMPLETE,
    OPENED,
    RULES,
    At,
    Story,
    answered,
    elapses,
    goes_on,
    ms,
    pauses,
    play,
    said,
    starts,
    transcribed,
)

GREETING = Prompted("Good morning, this is Robin.", protected=samples(500))
NOTICE = Prompted("This call is recorded.", WHOLE, insists=True, aside=True)
WARNING = Prompted("One minute is left.", insists=True)
TIME_UP = Prompted("Our time is up.", WHOLE, insists=True, leave=Leave("duration", final=True))
STILL_THERE = Prompted("Are you still there?")

GOODBYE = [*answered(), At(5000, ReplyFinished(1, Leave()))]
"""A reply that ends the call was heard at 5 s."""

NOTICED = [At(0, NOTICE), At(20, ReplyStarted(1))]
UP = [At(0, TIME_UP), At(20, ReplyStarted(1)), At(3000, ReplyFinished(1, Leave("duration", final=True)))]
UP_SAID: list[Action] = [SayPrompt(1, 0, TIME_UP), Release(1, 0), CloseUtterance(0), Linger()]

STORIES: list[Story] = [
    (
        "a goodbye ends the call a moment after its last word was heard",
        [*GOODBYE, At(5300, Lingered())],
        [*ANSWERED, Linger(), End("persona")],
    ),
    (
        "who interrupts the goodbye stays",
        [*answered(), At(4000, Typed()), At(4100, ReplyFinished(1, Leave())), At(4400, Lingered())],
        [*ANSWERED, CutReply(1), Prepare(2, 2, ""), Release(2, 2)],
    ),
    (
        "words after the goodbye keep the caller on the line",
        [*GOODBYE, starts(5100), At(5300, Lingered()), *said(COMPLETE, start=5100, end=6000, revision=2)[1:]],
        [*ANSWERED, Linger(), OpenUtterance(2, ms(5100)), Transcribe(2), Prepare(2, 2, COMPLETE)],
    ),
    (
        "the call goes on after such words, and a goodbye said again ends it",
        [
            *GOODBYE,
            *said(COMPLETE, start=5100, end=6000, revision=2),
            elapses(6400),
            At(6410, ReplyStarted(2)),
            At(6500, Lingered()),
            At(8000, ReplyFinished(2, Leave())),
            At(8300, Lingered()),
        ],
        [
            *ANSWERED,
            Linger(),
            OpenUtterance(2, ms(5100)),
            Transcribe(2),
            Prepare(2, 2, COMPLETE),
            EndTurn(2, ms(6000), "silence"),
            StoreMessage(2, COMPLETE),
            Prepare(2, 2, COMPLETE),
            Release(2, 2),
            CloseUtterance(2),
            Linger(),
            End("persona"),
        ],
    ),
    (
        "a cough after the goodbye keeps nobody",
        [
            *GOODBYE,
            starts(5100),
            At(5300, Lingered()),
            pauses(5400),
            transcribed(5600, 2, ""),
            elapses(5900),
            At(6200, Lingered()),
        ],
        [
            *ANSWERED,
            Linger(),
            OpenUtterance(2, ms(5100)),
            Transcribe(2),
            EndTurn(2, ms(5400), "silence"),
            CloseUtterance(2),
            Linger(),
            End("persona"),
        ],
    ),
    (
        "speech over the end of the goodbye is waited for, and words keep the caller",
        [
            *answered(),
            starts(4000),
            At(4200, ReplyFinished(1, Leave())),
            pauses(4700),
            transcribed(4950, 2, COMPLETE),
            elapses(5100),
        ],
        [
            *ANSWERED,
            OpenUtterance(2, ms(4000)),
            Duck(),
            Transcribe(2),
            Prepare(2, 2, COMPLETE),
            EndTurn(2, ms(4700), "silence"),
            StoreMessage(2, COMPLETE),
            Prepare(2, 2, COMPLETE),
            Release(2, 2),
        ],
    ),
    (
        "a key after the goodbye keeps the caller on the line",
        [*GOODBYE, At(5100, Typed()), At(5300, Lingered())],
        [*ANSWERED, Linger(), Prepare(2, 2, ""), Release(2, 2)],
    ),
    (
        "stop after the goodbye keeps the caller on the line",
        [*GOODBYE, At(5100, Stopped()), At(5300, Lingered())],
        [*ANSWERED, Linger()],
    ),
    (
        "who hangs up first has ended the call",
        [*GOODBYE, At(5100, Hangup())],
        [*ANSWERED, Linger(), End("caller")],
    ),
    (
        "a goodbye without words ends the call, too",
        [*said(COMPLETE), elapses(2400), At(2450, ReplyFinished(1, Leave())), At(2750, Lingered())],
        [*ANSWERED[:7], CloseUtterance(1), Linger(), End("persona")],
    ),
    (
        "a transfer comes after the last word, and the call goes on until it is carried out",
        [
            *answered(),
            At(5000, ReplyFinished(1, Leave("transfer", "human"))),
            At(5300, Lingered()),
            At(5400, Prompted("Nobody answers there.")),
        ],
        [
            *ANSWERED,
            Linger(),
            TransferCall("human"),
            SayPrompt(2, 1, Prompted("Nobody answers there.")),
            Release(2, 1),
        ],
    ),
    (
        "hanging up keeps its first reason",
        [starts(1000), At(2000, Hangup("lost")), At(2100, Hangup("closing")), transcribed(2200, 1, COMPLETE)],
        [
            *OPENED,
            Transcribe(1),
            EndTurn(1, ms(2000), "end"),
            StoreMessage(1, COMPLETE),
            CloseUtterance(1),
            End("lost"),
        ],
    ),
    # ------------------------------------------------------------- what is protected
    (
        "a greeting is not interrupted in its first half second, and as usual after it",
        [
            At(0, GREETING),
            At(20, ReplyStarted(1)),
            starts(60),
            goes_on(400, 340),
            goes_on(540, 480),
            At(550, Partial("hello i want", "")),
            goes_on(560, 500),
        ],
        [SayPrompt(1, 0, GREETING), Release(1, 0), CloseUtterance(0), OpenUtterance(1, ms(60)), Duck(), Hold()],
    ),
    (
        "what is said over the protected beginning is the first turn",
        [
            At(0, GREETING),
            At(20, ReplyStarted(1)),
            starts(40),
            pauses(250),
            transcribed(450, 2, COMPLETE),
            elapses(650),
        ],
        [
            SayPrompt(1, 0, GREETING),
            Release(1, 0),
            CloseUtterance(0),
            OpenUtterance(1, ms(40)),
            Transcribe(2),
            EndTurn(1, ms(250), "silence"),
            CutReply(1),
            StoreMessage(1, COMPLETE),
            Prepare(2, 1, COMPLETE),
            Release(2, 1),
        ],
    ),
    (
        "nothing interrupts an announcement, and what was said over it is answered after it",
        [
            *NOTICED,
            *said(COMPLETE, start=1000, end=2000, revision=2),
            elapses(2400),
            At(2500, Stopped()),
            At(4000, ReplyFinished(1)),
        ],
        [
            SayPrompt(1, 0, NOTICE),
            Release(1, 0),
            CloseUtterance(0),
            OpenUtterance(1, ms(1000)),
            Transcribe(2),
            EndTurn(1, ms(2000), "silence"),
            StoreMessage(1, COMPLETE),
            CloseUtterance(1),
            Prepare(3, 1, ""),
            Release(3, 1),
        ],
    ),
    (
        "what is typed over an announcement is answered after it",
        [*NOTICED, At(1000, Typed()), At(4000, ReplyFinished(1))],
        [SayPrompt(1, 0, NOTICE), Release(1, 0), CloseUtterance(0), Prepare(2, 1, ""), Release(2, 1)],
    ),
    (
        "who speaks before an announcement has begun is heard once it has",
        [At(0, NOTICE), starts(10), At(120, ReplyStarted(1)), starts(200)],
        [SayPrompt(1, 0, NOTICE), Release(1, 0), CloseUtterance(0), OpenUtterance(1, ms(200))],
    ),
    # ------------------------------------------------------------- what waits for the floor
    (
        "a warning waits until the persona has finished",
        [*answered(), At(4000, WARNING), At(5000, ReplyFinished(1))],
        [*ANSWERED, SayPrompt(2, 1, WARNING), Release(2, 1)],
    ),
    (
        "a warning waits until the caller has said nothing after all",
        [starts(1000), At(1500, WARNING), pauses(2000), transcribed(2250, 1, ""), elapses(2500)],
        [
            *OPENED,
            Transcribe(1),
            EndTurn(1, ms(2000), "silence"),
            CloseUtterance(1),
            SayPrompt(2, 1, WARNING),
            Release(2, 1),
        ],
    ),
    (
        "who speaks before a warning has begun comes first, and the warning after the answer",
        [
            At(900, WARNING),
            *said(COMPLETE, revision=2),
            elapses(2400),
            At(2410, ReplyStarted(2)),
            At(4000, ReplyFinished(2)),
        ],
        [
            SayPrompt(1, 0, WARNING),
            Release(1, 0),
            Suspend(1),
            *OPENED,
            Transcribe(2),
            Prepare(2, 1, COMPLETE),
            EndTurn(1, ms(2000), "silence"),
            StoreMessage(1, COMPLETE),
            Prepare(2, 1, COMPLETE),
            Release(2, 1),
            CloseUtterance(1),
            SayPrompt(3, 1, WARNING),
            Release(3, 1),
        ],
    ),
    (
        "a word after a silence waits for nobody",
        [*answered(), At(4000, STILL_THERE), At(5000, ReplyFinished(1))],
        ANSWERED,
    ),
    (
        "a line that waits already does not wait twice",
        [*answered(), At(4000, WARNING), At(4100, WARNING), At(5000, ReplyFinished(1)), At(5010, ReplyFinished(2))],
        [*ANSWERED, SayPrompt(2, 1, WARNING), Release(2, 1), CloseUtterance(1)],
    ),
    # ------------------------------------------------------------- the time is up
    ("when the time is up the call ends after the sentence", [*UP, At(3300, Lingered())], [*UP_SAID, End("duration")]),
    (
        "and whatever is said over it is stored, and not answered",
        [
            *UP[:2],
            *said(COMPLETE, start=1000, end=2000, revision=2),
            elapses(2400),
            UP[2],
            At(3100, Typed()),
            At(3300, Lingered()),
        ],
        [
            *UP_SAID[:3],
            OpenUtterance(1, ms(1000)),
            Transcribe(2),
            EndTurn(1, ms(2000), "silence"),
            StoreMessage(1, COMPLETE),
            CloseUtterance(1),
            Linger(),
            End("duration"),
        ],
    ),
    (
        "and who is speaking then has the open utterance stored",
        [*UP, starts(3100), At(3300, Lingered()), transcribed(3600, 2, COMPLETE)],
        [
            *UP_SAID,
            OpenUtterance(1, ms(3100)),
            Transcribe(2),
            EndTurn(1, ms(3300), "end"),
            StoreMessage(1, COMPLETE),
            CloseUtterance(1),
            End("duration"),
        ],
    ),
]

ON_REQUEST: list[Story] = [
    (
        "a turn is stored and not answered",
        [*said(COMPLETE), elapses(2400)],
        [*OPENED, Transcribe(1), EndTurn(1, ms(2000), "silence"), StoreMessage(1, COMPLETE), CloseUtterance(1)],
    ),
    (
        "a turn is answered when that is asked for",
        [*said(COMPLETE), elapses(2400), At(9000, Requested())],
        [
            *OPENED,
            Transcribe(1),
            EndTurn(1, ms(2000), "silence"),
            StoreMessage(1, COMPLETE),
            CloseUtterance(1),
            Prepare(2, 1, ""),
            Release(2, 1),
        ],
    ),
    (
        "what is asked for in a turn comes at its end",
        [starts(1000), At(1500, Requested()), *said(COMPLETE)[1:], elapses(2400)],
        ANSWERED[:-1],
    ),
    (
        "what is asked for before the words are known waits for them",
        [starts(1000), pauses(2000), elapses(2500), At(2600, Requested()), transcribed(2900, 1, COMPLETE)],
        ANSWERED[:-1],
    ),
    (
        "what is asked for is given, though the turn held no words",
        [starts(1000), At(1500, Requested()), pauses(2000), transcribed(2200, 1, ""), elapses(2500)],
        [
            *OPENED,
            Transcribe(1),
            EndTurn(1, ms(2000), "silence"),
            CloseUtterance(1),
            Prepare(2, 1, ""),
            Release(2, 1),
        ],
    ),
    ("what is typed is not answered", [At(1000, Typed())], []),
    (
        "what is typed is answered on request",
        [At(1000, Typed()), At(1100, Requested())],
        [Prepare(1, 1, ""), Release(1, 1)],
    ),
    (
        "one request is one answer",
        [At(1000, Requested()), At(1010, Requested()), At(1100, ReplyStarted(1)), At(1200, Requested())],
        [Prepare(1, 0, ""), Release(1, 0), CloseUtterance(0)],
    ),
    (
        "words stop the reply all the same, and wait for their answer",
        [
            At(500, Requested()),
            At(600, ReplyStarted(1)),
            starts(1000),
            pauses(2000),
            transcribed(2200, 2, COMPLETE),
            elapses(2400),
        ],
        [
            Prepare(1, 0, ""),
            Release(1, 0),
            CloseUtterance(0),
            *OPENED,
            Duck(),
            Restore(),
            Transcribe(2),
            CutReply(1),
            EndTurn(1, ms(2000), "silence"),
            StoreMessage(1, COMPLETE),
            CloseUtterance(1),
        ],
    ),
    (
        "a turn taken up again is still answered",
        [
            starts(1000),
            At(1500, Requested()),
            *said(COMPLETE)[1:],
            elapses(2400),
            starts(2500),
            pauses(3000),
            transcribed(3200, 2, "and one more thing for you"),
            elapses(3500),
        ],
        [
            *ANSWERED[:-1],
            Suspend(1),
            ReopenUtterance(1, ms(2500)),
            Transcribe(2),
            Prepare(2, 1, "and one more thing for you"),
            EndTurn(1, ms(3000), "silence"),
            StoreMessage(1, "and one more thing for you"),
            Prepare(2, 1, "and one more thing for you"),
            Release(2, 1),
        ],
    ),
    (
        "words that are lost are not apologised for unasked",
        [starts(1000), pauses(2000), At(2200, Transcribed(1, "", failed=True)), elapses(2500)],
        [*OPENED, Transcribe(1), EndTurn(1, ms(2000), "silence"), CloseUtterance(1)],
    ),
]


@pytest.mark.parametrize(("story", "actions"), [row[1:] for row in STORIES], ids=[row[0] for row in STORIES])
def test_story(story: list[At], actions: list[Action]) -> None:
    assert play(story)[1] == actions


@pytest.mark.parametrize(("story", "actions"), [row[1:] for row in ON_REQUEST], ids=[row[0] for row in ON_REQUEST])
def test_story_of_replies_on_request(story: list[At], actions: list[Action]) -> None:
    assert play(story, replace(RULES, on_request=True))[1] == actions
