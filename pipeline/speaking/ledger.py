"""The ledger of a reply: what was synthesized, sent, played and heard. It decides what enters the history.

Positions are samples at the session's output rate from the reply's first one; text positions are offsets into its text.
"""

import re
from dataclasses import dataclass, field

from voice.tts.base import Word

_CHARACTERS_PER_SECOND = 15
"""English at a normal pace; estimates word timings in an unfinished clause of an engine without timings."""

_TRAILING = re.compile(r"[^\w\s]*\s*")

_WORD_START = 0.5
"""The share of a word that must be played for it to count as heard."""


@dataclass(slots=True)
class _Clause:
    text_start: int
    text: str
    start: int
    end: int
    complete: bool = False
    timed: bool = False
    spans: list[Word] = field(default_factory=list)


class Ledger:
    """The account of one reply.

    Args:
        rate_hz: the session's output rate.
    """

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._clauses: list[_Clause] = []
        self.end = 0

    @property
    def text(self) -> str:
        """The text of all clauses begun so far."""
        return "".join(clause.text for clause in self._clauses)

    def begin_clause(self, text: str) -> None:
        """Begin a clause: the audio that follows says `text`. One without audio counts as heard with the one before."""
        start = self._clauses[-1].text_start + len(self._clauses[-1].text) if self._clauses else 0
        self.complete()
        self._clauses.append(_Clause(start, text, self.end, self.end))

    def add_audio(self, length: int, words: tuple[Word, ...] = ()) -> None:
        """Add audio to the clause; `words` are relative to the clause's first sample and character."""
        clause = self._clauses[-1]
        self.end += length
        clause.end = self.end
        clause.timed = clause.timed or bool(words)
        clause.spans += words

    def complete(self) -> None:
        """Complete the latest clause: no more of its audio follows."""
        if self._clauses:
            self._clauses[-1].complete = True

    def heard(self, played: int) -> str:
        """Return the text up to the last word of which at least half was played."""
        if played >= self.end and all(clause.complete for clause in self._clauses):
            return self.text
        heard_to = 0
        for clause in self._clauses:
            if played >= clause.end and clause.complete:
                heard_to = clause.text_start + len(clause.text)
                continue
            for word in self._words(clause):
                if clause.start + word.start + (word.end - word.start) * _WORD_START > played:
                    break
                heard_to = clause.text_start + word.text_end
            break
        return self.text[:heard_to].rstrip()

    def text_between(self, start: int, end: int) -> str:
        """Return the words that begin in this stretch of audio, with the spaces and punctuation around them."""
        return self.text[self._text_at(start) : self._text_at(end)]

    def _text_at(self, position: int) -> int:
        """Return the offset of the text at `position`: after the words begun before it and what trails them."""
        reached = 0
        for clause in self._clauses:
            if position >= clause.end and clause.complete:
                reached = clause.text_start + len(clause.text)
                continue
            for word in self._words(clause):
                if clause.start + word.start >= position:
                    break
                reached = clause.text_start + word.text_end
            break
        trailing = _TRAILING.match(self.text, reached)
        return trailing.end() if trailing and reached else reached

    def _words(self, clause: _Clause) -> list[Word]:
        return clause.spans if clause.timed else self._estimated(clause)

    def _estimated(self, clause: _Clause) -> list[Word]:
        """Estimate the word timings: words share the clause's audio by their length."""
        spoken = clause.text.strip()
        if not spoken:
            return []
        length = clause.end - clause.start
        if not clause.complete:
            length = max(length, len(spoken) * self._rate_hz // _CHARACTERS_PER_SECOND)
        offset = clause.text.index(spoken)
        words: list[Word] = []
        position = 0
        for token in spoken.split():
            at = spoken.index(token, position)
            position = at + len(token)
            words.append(
                Word(
                    offset + at,
                    offset + position,
                    length * at // len(spoken),
                    length * position // len(spoken),
                )
            )
        return words


class Playback:
    """The position of the client's player: the one last acknowledged, and real time since then.

    Args:
        rate_hz: the session's output rate.
    """

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._position = 0.0
        self._at = 0.0
        self._followed = False
        self._dry_at: float | None = None
        self.sent = 0

    def send(self, length: int, now: float) -> None:
        """Count audio sent to the client."""
        self._advance(now)
        self.sent += length
        self._dry_at = None

    def played(self, position: int, now: float) -> float | None:
        """Note that the client has played up to `position`, at most what it was sent.

        Returns:
            The distance in samples from the expected position; None if none was expected: this is its first
            acknowledgement, or it had nothing to play since.
        """
        self._advance(now)
        off = position - self._position if self._followed else None
        self._position = float(max(0, min(position, self.sent)))
        self._followed = True
        if position < self.sent:
            self._dry_at = None  # it lags behind what was expected
        return off

    def dry_s(self, now: float) -> float:
        """Return for how many seconds the client has had nothing left to play; 0 while it has."""
        self._advance(now)
        return 0.0 if self._dry_at is None else now - self._dry_at

    def position(self, now: float) -> int:
        """Return the sample that is being played."""
        self._advance(now)
        return round(self._position)

    def rewind(self, now: float) -> int:
        """Take back what the client had not played, as it discarded that; return its position."""
        self._advance(now)
        self._followed = False
        self.sent = round(self._position)
        self._position = float(self.sent)
        return self.sent

    def _advance(self, now: float) -> None:
        self._position += (now - self._at) * self._rate_hz
        self._at = now
        if self._position >= self.sent:
            if self._dry_at is None:
                self._dry_at = now - (self._position - self.sent) / self._rate_hz
            self._position = float(self.sent)
            self._followed = False
