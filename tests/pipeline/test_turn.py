"""The hard cases of spoken dialogue, each a row: what happens, and what must come of it."""

from dataclasses import dataclass, replace

import pytest

from pipeline.turn import Phase, Rules, Turn, samples, step
from pipeline.turn_events import (
    Action,
    Apologise,
    CloseUtterance,
    Committed,
    CutReply,
    Duck,
    Elapsed,
    End,
    EndTurn,
    Event,
    GoOn,
    Hangup,
    Hold,
    Muted,
    NoWords,
    OpenUtterance,
    Partial,
    Prepare,
    Prompted,
    Release,
    ReopenUtterance,
    ReplyFinished,
    ReplyStarted,
    Restore,
    SpeechContinued,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    Stopped,
    StoreMessage,
    Suspend,
    Transcribe,
    Transcribed,
    Typed,
    Unmuted,
)

RULES = Rules(endpoint_ms=500, complete_ms=400, unfinished_ms=1200)
COMPLETE = "what seems to be the problem"
UNFINISHED = "my number is"
UNSURE = "a red one"


def ms(milliseconds: float) -> int:
    return samples(milliseconds)


@dataclass(frozen=True)
class At:
    """An event at a time of the call, in milliseconds."""

    time: float
    event: Event


def starts(at: float) -> At:
    return At(at + 80, SpeechStarted(ms(at)))


def pauses(last_speech: float) -> At:
    return At(last_speech + 180, SpeechPaused(ms(last_speech)))


def resumes(at: float) -> At:
    return At(at, SpeechResumed())


def goes_on(at: float, run: float) -> At:
    return At(at, SpeechContinued(ms(run), 0))


def is_quiet(at: float, quiet: float) -> At:
    return At(at, SpeechContinued(0, ms(quiet)))


def transcribed(at: float, revision: int, text: str, spoken: str = "") -> At:
    return At(at, Transcribed(revision, text, spoken))


def elapses(at: float) -> At:
    return At(at, Elapsed())


def said(text: str, *, start: float = 1000, end: float = 2000, revision: int = 1) -> list[At]:
    """An utterance up to its transcript at the pause."""
    return [starts(start), pauses(end), transcribed(end + 250, revision, text)]


def answered(text: str = COMPLETE) -> list[At]:
    """A whole turn up to the first audio of its reply, at 2.5 s."""
    return [*said(text), elapses(2400), At(2410, ReplyStarted(1))]


def play(story: list[At], rules: Rules = RULES) -> tuple[Turn, list[Action]]:
    state, done = Turn(rules=rules), []
    for item in story:
        state, actions = step(state, item.event, ms(item.time))
        done += actions
    return state, done


OPENED = [OpenUtterance(1, ms(1000))]
ANSWERED = [
    *OPENED,
    Transcribe(1),
    Prepare(1, 1, COMPLETE),
    EndTurn(1, ms(2000), "silence"),
    StoreMessage(1, COMPLETE),
    Prepare(1, 1, COMPLETE),
    Release(1, 1),
    CloseUtterance(1),
]
REPLIES_DIGITS = "and what is the number on your receipt please"

STORIES: list[tuple[str, list[At], list[Action]]] = [
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
        [*OPENED, *ANSWERED[1:2], *ANSWERED[3:7]],
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
        "a cough ducks the reply and lets it go on",
        [*answered(), starts(4000), goes_on(4120, 120), is_quiet(4280, 120)],
        [*ANSWERED, OpenUtterance(2, ms(4000)), Duck(), Restore()],
    ),
    (
        "words over the reply cut it",
        [*answered(), starts(4000), At(4280, Partial("wait", "")), goes_on(4300, 300)],
        [*ANSWERED, OpenUtterance(2, ms(4000)), Duck(), CutReply(1)],
    ),
    (
        "words do not cut before they are long enough",
        [*answered(), starts(4000), At(4200, Partial("wait", "")), goes_on(4280, 280)],
        [*ANSWERED, OpenUtterance(2, ms(4000)), Duck()],
    ),
    (
        "a nod does not cut the reply",
        [*answered(), starts(4000), At(4300, Partial("uh huh", "")), goes_on(4700, 700), is_quiet(4900, 120)],
        [*ANSWERED, OpenUtterance(2, ms(4000)), Duck(), Restore()],
    ),
    (
        "a nod that is transcribed makes no message",
        [
            *answered(),
            starts(4000),
            is_quiet(4450, 120),
            pauses(4300),
            transcribed(4600, 2, "right"),
            elapses(4800),
        ],
        [
            *ANSWERED,
            OpenUtterance(2, ms(4000)),
            Duck(),
            Restore(),
            Transcribe(2),
            EndTurn(2, ms(4300), "silence"),
            CloseUtterance(2),
        ],
    ),
    (
        "a short word that is no nod cuts once it is known",
        [*answered(), starts(4000), is_quiet(4450, 120), pauses(4300), transcribed(4600, 2, "stop")],
        [
            *ANSWERED,
            OpenUtterance(2, ms(4000)),
            Duck(),
            Restore(),
            Transcribe(2),
            CutReply(1),
            Prepare(2, 2, "stop"),
        ],
    ),
    (
        "the persona's own echo does not cut, and ducks her only until it is known",
        [
            *answered(),
            starts(4000),
            At(4300, Partial("the number on your", REPLIES_DIGITS)),
            *[goes_on(4320 + extra, 320 + extra) for extra in range(0, 900, 20)],
        ],
        [*ANSWERED, OpenUtterance(2, ms(4000)), Duck(), Restore()],
    ),
    (
        "words that follow an echo cut",
        [
            *answered(),
            starts(4000),
            At(4300, Partial("the number on your", REPLIES_DIGITS)),
            goes_on(4320, 320),
            At(4900, Partial("the number on your wait a minute please", REPLIES_DIGITS)),
            goes_on(4920, 920),
            goes_on(4940, 940),
        ],
        [*ANSWERED, OpenUtterance(2, ms(4000)), Duck(), Restore(), Duck(), CutReply(1)],
    ),
    (
        "an echo that outlasts the reply makes no message",
        [
            *answered(),
            starts(4000),
            is_quiet(4200, 120),
            At(4400, ReplyFinished(1)),
            pauses(4500),
            transcribed(4750, 2, "on your receipt please", REPLIES_DIGITS),
            elapses(5000),
        ],
        [
            *ANSWERED,
            OpenUtterance(2, ms(4000)),
            Duck(),
            Restore(),
            Transcribe(2),
            EndTurn(2, ms(4500), "silence"),
            CloseUtterance(2),
        ],
    ),
    (
        "a nod that outlasts the reply answers it",
        [
            *answered(),
            starts(4000),
            is_quiet(4200, 120),
            At(4400, ReplyFinished(1)),
            pauses(4500),
            transcribed(4750, 2, "yeah", REPLIES_DIGITS),
            elapses(5000),
        ],
        [
            *ANSWERED,
            OpenUtterance(2, ms(4000)),
            Duck(),
            Restore(),
            Transcribe(2),
            Prepare(2, 2, "yeah"),
            EndTurn(2, ms(4500), "silence"),
            StoreMessage(2, "yeah"),
            Prepare(2, 2, "yeah"),
            Release(2, 2),
        ],
    ),
    (
        "the persona's words, taken up after they cut her, are the learner's",
        [
            *answered(),
            starts(4000),
            At(4280, Partial("wait", REPLIES_DIGITS)),
            goes_on(4300, 300),
            pauses(5000),
            transcribed(5250, 2, "what is the number on the receipt", REPLIES_DIGITS),
        ],
        [
            *ANSWERED,
            OpenUtterance(2, ms(4000)),
            Duck(),
            CutReply(1),
            Transcribe(2),
            Prepare(2, 2, "what is the number on the receipt"),
        ],
    ),
    (
        "long sound without words yet holds the reply, and words then cut it",
        [*answered(), starts(4000), goes_on(4600, 600), At(4700, Partial("hold on", ""))],
        [*ANSWERED, OpenUtterance(2, ms(4000)), Duck(), Hold(), CutReply(1)],
    ),
    (
        "a false interruption lets the held reply go on",
        [*answered(), starts(4000), goes_on(4600, 600), pauses(4700), transcribed(4950, 2, "")],
        [*ANSWERED, OpenUtterance(2, ms(4000)), Duck(), Hold(), Transcribe(2), GoOn()],
    ),
    (
        "music over the reply holds it only for a while, and ducks it no more",
        [*answered(), starts(4000), *[goes_on(4020 + run, 20 + run) for run in range(0, 6000, 20)]],
        [*ANSWERED, OpenUtterance(2, ms(4000)), Duck(), Hold(), GoOn()],
    ),
    (
        "words over music cut",
        [
            *answered(),
            starts(4000),
            *[goes_on(4020 + run, 20 + run) for run in range(0, 4000, 20)],
            At(8000, Partial("please stop talking", "")),
            goes_on(8020, 4020),
            goes_on(8040, 4040),
        ],
        [*ANSWERED, OpenUtterance(2, ms(4000)), Duck(), Hold(), GoOn(), Duck(), CutReply(1)],
    ),
    (
        "a nod over a held reply lets it go on",
        [*answered(), starts(4000), goes_on(4600, 600), pauses(4700), transcribed(4950, 2, "right"), elapses(5200)],
        [
            *ANSWERED,
            OpenUtterance(2, ms(4000)),
            Duck(),
            Hold(),
            Transcribe(2),
            GoOn(),
            EndTurn(2, ms(4700), "silence"),
            CloseUtterance(2),
        ],
    ),
    (
        "a nod over a held reply whose transcript is late lets it go on",
        [*answered(), starts(4000), goes_on(4600, 600), pauses(4700), elapses(5200), transcribed(5950, 2, "right")],
        [
            *ANSWERED,
            OpenUtterance(2, ms(4000)),
            Duck(),
            Hold(),
            Transcribe(2),
            EndTurn(2, ms(4700), "silence"),
            CloseUtterance(2),
            GoOn(),
        ],
    ),
    (
        "a second interruption cuts the second reply",
        [
            *answered(),
            starts(4000),
            At(4280, Partial("wait", "")),
            goes_on(4300, 300),
            pauses(4700),
            transcribed(4950, 2, "wait a minute"),
            elapses(5200),
            At(5210, ReplyStarted(2)),
            starts(5500),
            At(5780, Partial("no", "")),
            At(5800, Partial("no stop", "")),
            goes_on(5820, 320),
        ],
        [
            *ANSWERED,
            OpenUtterance(2, ms(4000)),
            Duck(),
            CutReply(1),
            Transcribe(2),
            Prepare(2, 2, "wait a minute"),
            EndTurn(2, ms(4700), "silence"),
            StoreMessage(2, "wait a minute"),
            Prepare(2, 2, "wait a minute"),
            Release(2, 2),
            CloseUtterance(2),
            OpenUtterance(3, ms(5500)),
            Duck(),
            CutReply(2),
        ],
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
            *ANSWERED,
            OpenUtterance(2, ms(4000)),
            Duck(),
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
            *ANSWERED,
            OpenUtterance(2, ms(4000)),
            Duck(),
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
            *ANSWERED,
            OpenUtterance(2, ms(4000)),
            Duck(),
            Restore(),
            CutReply(1),
            Transcribe(2),
            EndTurn(2, ms(4220), "end"),
            CloseUtterance(2),
            End(),
        ],
    ),
    (
        "a reply that has been played is no reply to interrupt",
        [*answered(), At(6000, ReplyFinished(1)), starts(7000), goes_on(7600, 600)],
        [*ANSWERED, OpenUtterance(2, ms(7000))],
    ),
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
        "a turn that does not end is ended",
        [starts(1000), elapses(121_000)],
        [*OPENED, Transcribe(1)],
    ),
    (
        "hanging up stores the open utterance and does not answer it",
        [starts(1000), At(2000, Hangup()), transcribed(2200, 1, COMPLETE)],
        [*OPENED, Transcribe(1), EndTurn(1, ms(2000), "end"), StoreMessage(1, COMPLETE), CloseUtterance(1), End()],
    ),
    ("hanging up in silence just ends", [At(1000, Hangup())], [End()]),
    ("hanging up cuts the reply", [*answered(), At(4000, Hangup())], [*ANSWERED, CutReply(1), End()]),
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
        [*OPENED, *ANSWERED[1:2], *ANSWERED[3:7]],
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
