"""The turn machine's state and its rules: who has the floor, and how patient the persona is.

The state has two sides. The learner's side is its `phase`; the persona's side is what the `reply` is doing:

    phase      listening  nobody speaks
               hearing    the learner speaks
               pausing    a silence inside the utterance; its transcript and reply are prepared as a revision
               thinking   the turn is over; its transcript or the reply's first audio is awaited
               ended      the call is over
    reply      none       the persona is silent
               playing    its audio is being sent
               ducked     the learner made a sound: no further audio is sent until it is clear what it was
               held       the learner speaks over it: the client discarded it; without words it resumes from there
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import assert_never

from pipeline.turn.actions import Action, EndReason
from pipeline.turn.dictated import Dictation
from pipeline.turn.end_of_turn import EndOfTurn, Verdict
from pipeline.turn.events import WHOLE, CallEndReason, Leave, Prompted
from voice.audio.formats import RATE_HZ, Samples

RHYTHM_MS = 50
"""How much longer than `endpoint_ms` a dictation that may be whole is waited on, at the caller's own rhythm."""


STEADY = 0.75
STEADY_TIMES, UNSTEADY_TIMES = 1.4, 1.75
"""How many times the longest pause of a dictation the next one may last: less if all are this share of it or more."""

PAUSES = 8
"""Pauses of a turn from which the caller's rhythm is known."""

ENDINGS = 5
"""Ends of turns from which is learned how high the caller's voice is there."""

IN_VAIN = 3
"""How many of them an end counts for that was waited on in vain: one is enough to wait no more."""


def samples(milliseconds: float) -> Samples:
    """Convert milliseconds to samples at 16 kHz."""
    return round(milliseconds * RATE_HZ / 1000)


class Phase(StrEnum):
    LISTENING = "listening"
    HEARING = "hearing"
    PAUSING = "pausing"
    THINKING = "thinking"
    ENDED = "ended"


class ReplyPhase(StrEnum):
    NONE = "none"
    PLAYING = "playing"
    DUCKED = "ducked"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Rules:
    """How patient the persona is, in milliseconds.

    Attributes:
        endpoint_ms: silence that ends a turn when its text says nothing either way.
        complete_ms: the same when the text reads as complete.
        unfinished_ms: the same when the text reads as unfinished ("my number is", "because").
        max_turn_ms: a turn longer than this is ended.
        restore_ms: silence that restores a ducked reply.
        duck_ms: speech that ducks a restored reply again.
        interrupt_ms: barge-in threshold once the partial holds real words (or without partials).
        interrupt_without_words_ms: barge-in threshold while the partial holds no words yet.
        noise_ms: sound over a held reply that lasts this long without words is noise: the reply resumes.
        manual: turns end by `Commit` alone.
        on_request: what the learner says is stored, and answered only if that is `Requested`.
        barge_in: speech over a reply interrupts it; otherwise it is heard, and answered after the reply.
        partials: the recogniser produces partials, so that words can confirm a barge-in.
    """

    endpoint_ms: int = 500
    complete_ms: int = 350
    unfinished_ms: int = 1400
    max_turn_ms: int = 120_000
    restore_ms: int = 100
    duck_ms: int = 60
    interrupt_ms: int = 300
    interrupt_without_words_ms: int = 600
    noise_ms: int = 3000
    manual: bool = False
    on_request: bool = False
    barge_in: bool = True
    partials: bool = True

    def patience(
        self, verdict: Verdict, dictated: Dictation | None = None, *, pauses: tuple[Samples, ...] = ()
    ) -> Samples:
        """Return the silence that ends a turn.

        Args:
            verdict: that of its text.
            dictated: whether the text ends with a dictation: then the caller's own rhythm counts, too.
            pauses: the latest pauses of the turn.
        """
        longest_pause = max(pauses, default=0)
        match verdict:
            case _ if dictated in (Dictation.ANY_LENGTH, Dictation.MAY_GO_ON):
                most = max(self.unfinished_ms, self.endpoint_ms)
                between = (
                    self.endpoint_ms + RHYTHM_MS if dictated is Dictation.ANY_LENGTH else (most + self.endpoint_ms) / 2
                )
                return min(max(samples(between), round(_times(pauses) * longest_pause)), samples(most))
            case Verdict.COMPLETE:
                usual = samples(min(self.complete_ms, self.endpoint_ms))
            case Verdict.UNFINISHED:
                return samples(max(self.unfinished_ms, self.endpoint_ms))
            case Verdict.UNSURE:
                usual = samples(self.endpoint_ms)
            case Verdict.VOICE_UP:
                return (samples(self.endpoint_ms) + self.patience(Verdict.UNFINISHED)) // 2
            case _ as never:
                assert_never(never)
        rhythm = round(1.2 * longest_pause) if dictated is not None else 0
        return max(usual, min(rhythm, samples(self.endpoint_ms + RHYTHM_MS)))


def _times(pauses: tuple[Samples, ...]) -> float:
    """Return how many times the longest pause the next one may last, less for a caller with a steady rhythm."""
    between = [pause for pause in pauses if pause > max(pauses) / 2]  # the others are within groups
    return STEADY_TIMES if len(between) >= 2 and min(between) >= STEADY * max(between) else UNSTEADY_TIMES


# ----------------------------------------------------------------- state


@dataclass(frozen=True, slots=True)
class Turn:
    """The state of the conversation.

    Attributes:
        phase, reply: see the module's docstring.
        number: the learner's current or latest turn, from 1; 0 before the first.
        revision: the newest revision, from 1.
        speaking_revision: the revision whose reply is playing, ducked or held.
        started_at, last_speech: of the current utterance.
        transcript: of the current utterance at `revision`, once known.
        partial: its latest partial.
        spoken: the persona's latest words at the time of that partial.
        verdict: whether its text is complete.
        so_far: its transcript at the pause before, if a dictation went on there.
        pauses: its latest pauses with speech after them.
        prosody: at its latest pause, as far as it counts; see `EndOfTurn.heeds`.
        endings: the prosody of the latest turns at their ends.
        typed: the turn holds typed text that awaits its answer.
        stored: the turn holds a message already, spoken (it was reopened after its end) or typed.
        over_reply: the utterance began over a reply that no words have stopped: it may be an echo.
        tuned_out: its sound over the reply turned out to be noise.
        failed: the recogniser failed at `revision`.
        closing: why the turn ended, until the persona speaks.
        unanswered: this turn gets no reply, as the learner stopped it.
        owed: an answer is due as soon as the floor is free: it was requested, or is to words over a protected prompt.
        hanging_up: the call ends when the open utterance is stored.
        ending: why.
        leaving: the end of the call that the latest reply asks for; None once the conversation goes on.
        lingering: the moment after its last word has not passed yet.
        line: the pending prompt.
        waiting: prompts that insist, until the floor is free.
        protected_to: no barge-in before this sample; 0 for no protection.
        muted: audio is ignored.
        deadline: sample at which `Elapsed` is fed.
    """

    rules: Rules = field(default_factory=Rules)
    judge: EndOfTurn = field(default_factory=EndOfTurn)
    phase: Phase = Phase.LISTENING
    reply: ReplyPhase = ReplyPhase.NONE
    number: int = 0
    revision: int = 0
    speaking_revision: int = 0
    started_at: Samples = 0
    last_speech: Samples = 0
    transcript: str | None = None
    partial: str = ""
    spoken: str = ""
    verdict: Verdict = Verdict.UNSURE
    so_far: str = ""
    pauses: tuple[Samples, ...] = ()
    prosody: float | None = None
    endings: tuple[float, ...] = ()
    typed: bool = False
    stored: bool = False
    over_reply: bool = False
    tuned_out: bool = False
    failed: bool = False
    closing: EndReason | None = None
    unanswered: bool = False
    owed: bool = False
    hanging_up: bool = False
    ending: CallEndReason = "caller"
    leaving: Leave | None = None
    lingering: bool = False
    line: Prompted | None = None
    waiting: tuple[Prompted, ...] = ()
    protected_to: Samples = 0
    muted: bool = False
    deadline: Samples | None = None

    @property
    def wants_frames(self) -> bool:
        """Whether every frame is fed to the machine as `SpeechContinued`."""
        return self.phase is Phase.HEARING and self.reply is not ReplyPhase.NONE

    @property
    def hangs_on_words(self) -> bool:
        """Whether the words of a partial may stop or restore a reply; once words stopped it, the transcript decides."""
        stopped_for_words = self.reply is ReplyPhase.HELD and not self.over_reply
        return self.reply is not ReplyPhase.NONE and not stopped_for_words

    @property
    def awaits_transcript(self) -> bool:
        """Whether the turn is over but its words are not known yet."""
        return self.phase is Phase.THINKING and self.closing is not None and self.transcript is None

    @property
    def unasked(self) -> bool:
        """Whether the reply that is being prepared answers nobody: a greeting, or a word after a long silence."""
        return self.phase is Phase.THINKING and self.closing is None and not self.typed

    @property
    def floor_is_free(self) -> bool:
        """Whether nobody speaks and nobody is waited for."""
        return self.phase is Phase.LISTENING and self.reply is ReplyPhase.NONE

    @property
    def answering(self) -> bool:
        """Whether a reply to the ended turn is being prepared."""
        return self.phase is Phase.THINKING and not self.awaits_transcript

    @property
    def has_answer(self) -> bool:
        """Whether what was said so far is being answered, and nobody speaks over it."""
        return self.answering or (self.phase is Phase.LISTENING and self.reply is not ReplyPhase.NONE)

    @property
    def answers(self) -> bool:
        """Whether the words of this turn are to be answered."""
        return not self.unanswered and not self.going and (self.owed or not self.rules.on_request)

    @property
    def going(self) -> bool:
        """Whether the call ends now, whatever is said."""
        return self.leaving is not None and self.leaving.final

    @property
    def insistent(self) -> bool:
        """Whether the persona says, or is about to say, what nothing may interrupt."""
        return self.protected_to >= WHOLE or (self.line is not None and self.line.protected >= WHOLE)

    @property
    def utterance_open(self) -> bool:
        """Whether the learner's audio belongs to an utterance now."""
        return self.phase in (Phase.HEARING, Phase.PAUSING)


Step = tuple[Turn, list[Action]]
"""The next state, and the actions in order."""
