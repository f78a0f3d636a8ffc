"""The words of an answer without what is not meant for the listener: thoughts, and the tokens of a chat template."""

import re
from enum import Enum, auto

_THOUGHT = r"(?:think|thinking|thoughts?|reasoning|reflection)"
_MARKER = re.compile(
    rf"(?P<opens><(?:seed:)?{_THOUGHT}>|◁think▷|<\|begin_of_thought\|>)"
    rf"|(?P<closes></(?:seed:)?{_THOUGHT}>|◁/think▷|<\|end_of_thought\|>)"
    r"|<[|｜](?P<token>[^<>|｜\s]{1,40})[|｜]>"
    r"|<(?P<bare>/?s|[be]os|pad|(?:start|end)_of_turn)>"
    r"|\[(?P<instruction>/?INST)\]",
    re.IGNORECASE,
)
_MAYBE_MARKER = re.compile(r"(?:<[^<>\s]{0,45}|◁[^◁▷\s]{0,8}|\[/?I?N?S?T?)$", re.IGNORECASE)
"""What may turn out to be the beginning of a marker as more text arrives."""
_LONGEST_MARKER = 50

_HEADER_BEGINS = {"im_start", "start_header_id", "start", "start_of_turn"}
_HEADER_ENDS = {"end_header_id", "im_sep", "im_middle"}
_SPEAKERS = {"user", "assistant", "system", "inst", "/inst"}
_TURN_ENDS = {
    "im_end", "eot_id", "eom_id", "eot", "eos", "end", "return", "call", "endoftext", "end_of_text", "end_of_turn",
    "end_of_sentence", "end▁of▁sentence", "end_of_utterance", "/s",
}  # fmt: skip
_HEADER_LIMIT = 40

_HELD_LIMIT = 200_000
"""Maximum characters that are kept of what may be a thought."""

_MUSING_BEGINS = {"okay", "ok", "alright", "hmm", "the", "we"}
_MUSING = re.compile(
    r"(?:(?:okay|ok|alright|hmm*|so|well|first|now)[,.…]*\s+)*"
    r"(?:the (?:user|learner|human|other person)(?: is| was| has| wants?| asks?| asked| says?| said| just| seems"
    r"| greets?| greeted|['’]s)\b|(?:we|i) (?:need|have|ought)? ?(?:to|should|must)"
    r" (?:respond|reply|answer|stay|figure|think)\b|let(?: me|['’]s) (?:think|break|figure|recall|analy[sz]e)\b)",
    re.IGNORECASE,
)
_MUSING_LENGTH = 48


class _Mode(Enum):
    SAY = auto()
    THOUGHT = auto()
    HEADER = auto()
    """The name of a speaker or a channel, up to the end of its line or the next token."""
    UNSURE = auto()
    """The first words, which may begin a thought without an opening tag."""
    HELD = auto()
    """Probably a thought without an opening tag; if it never ends, it was none."""


class AnswerText:
    """A filter of streamed text; what it returns in all does not depend on how the text was cut into deltas.

    Args:
        thinks_first: whether the answer begins with a thought that has no opening tag, as the model's template has
            written that already: the text is held until the closing tag. None lets the first words decide.

    Attributes:
        over: the last token of the turn was read; what follows is not the persona's.
        unopened: a closing tag came for which there was no opening one.
        retracts: it came late: what was returned before is part of the thought. The caller resets it.
    """

    def __init__(self, *, thinks_first: bool | None = None) -> None:
        self.over = self.unopened = self.retracts = False
        self._mode = {None: _Mode.UNSURE, True: _Mode.HELD, False: _Mode.SAY}[thinks_first]
        self._pending = ""
        self._held: list[str] = []
        self._held_length = 0
        self._returned = self._said = False
        self._in_channel = False

    def push(self, text: str) -> str:
        """Add a delta; return the words that are to be said."""
        text = self._pending + text
        words: list[str] = []
        at = 0
        for found in _MARKER.finditer(text):
            words.append(self._take(text[at : found.start()]))
            at = found.end()
            self._mark(found, words)
            if self.over:
                break
        maybe = _MAYBE_MARKER.search(text, max(at, len(text) - _LONGEST_MARKER))
        end = maybe.start() if maybe else len(text)
        self._pending = text[end:]
        words.append(self._take(text[at:end]))
        said = "".join(words)
        self._returned = self._returned or bool(said)
        return said

    def flush(self, *, cut: bool = False) -> str:
        """Return the last words at the end of the answer.

        Args:
            cut: the model was stopped at its limit, so that what looks like a thought is one without its end.
        """
        rest, self._pending = self._take(self._pending), ""
        return rest if cut and self._mode is _Mode.HELD else rest + self._release()

    def _take(self, text: str) -> str:
        """Return what is said of a text without markers."""
        if self.over or not text:
            return ""
        match self._mode:
            case _Mode.SAY:
                text = text if self._said else text.lstrip()
                self._said = self._said or bool(text)
                return text
            case _Mode.THOUGHT:
                return ""
            case _Mode.HEADER:
                return self._header(text)
            case _Mode.HELD:
                self._hold(text)
                return ""
            case _Mode.UNSURE:
                return self._unsure(text)

    def _mark(self, found: re.Match[str], words: list[str]) -> None:
        """Act on a marker; `words` are those before it."""
        if found["opens"]:
            words.append(self._release())
            self._mode = _Mode.THOUGHT
        elif found["closes"]:
            if self._mode is not _Mode.THOUGHT:
                self.unopened, self.retracts = True, self._returned
                self._said = False
                words.clear()
                self._dropped()
            self._mode = _Mode.SAY
        else:
            words.append(self._token((found["token"] or found["bare"] or found["instruction"]).lower()))

    def _token(self, name: str) -> str:
        if name == "channel":
            self._dropped()
            self._mode, self._in_channel = _Mode.HEADER, True
        elif name == "message":
            channel = self._dropped().strip()
            thought = self._in_channel and not channel.startswith("final")
            self._mode, self._in_channel = (_Mode.THOUGHT if thought else _Mode.SAY), False
        elif name in _HEADER_ENDS:
            self._dropped()
            self._mode = _Mode.SAY
        elif name in _HEADER_BEGINS or name in _SPEAKERS or name in _TURN_ENDS:
            words = self._release()
            self.over = self._said
            self._mode = _Mode.HEADER if name in _HEADER_BEGINS else _Mode.SAY
            return words
        return ""

    def _hold(self, text: str) -> None:
        text = text[: _HELD_LIMIT - self._held_length]
        self._held.append(text)
        self._held_length += len(text)

    def _dropped(self) -> str:
        """Forget what was held, and return it."""
        held, self._held, self._held_length = "".join(self._held), [], 0
        return held

    def _release(self) -> str:
        """Return what was held in case that it was a thought."""
        if self._mode not in (_Mode.UNSURE, _Mode.HELD):
            return ""
        self._mode = _Mode.SAY
        return self._take(self._dropped())

    def _header(self, text: str) -> str:
        self._hold(text)
        if self._in_channel:
            return ""
        name, line_end, rest = (held := "".join(self._held)).partition("\n")
        if not line_end and len(name) <= _HEADER_LIMIT:
            return ""
        self._dropped()
        self._mode = _Mode.SAY
        return self._take(rest if len(name) <= _HEADER_LIMIT else held)

    def _unsure(self, text: str) -> str:
        self._hold(text)
        start = "".join(self._held).lstrip()
        word = re.match(r"[^\W\d_]*", start)
        first, rest = (start[: word.end()], start[word.end() :]) if word else ("", start)
        if not rest and any(begin.startswith(first.lower()) for begin in _MUSING_BEGINS):
            return ""
        if first.lower() in _MUSING_BEGINS:
            if _MUSING.match(start):
                self._mode = _Mode.HELD
                return ""
            if len(start) < _MUSING_LENGTH and not re.search(r"[.!?]\s*\S+\s+\S+\s|\n", rest):
                return ""
        return self._release()


def words_of_answer(text: str) -> str:
    """Return the words of a whole answer, without thoughts and tokens."""
    answer = AnswerText(thinks_first=True)
    return answer.push(text) + answer.flush()
