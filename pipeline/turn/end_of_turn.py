"""Judges by text rules, and by the votes of prosody and of an end-of-turn model, whether a turn is complete."""

import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from pipeline.turn.dictated import Dictation, dictation


class Verdict(StrEnum):
    COMPLETE = "complete"
    UNSURE = "unsure"
    VOICE_UP = "voice up"
    UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True)
class EndOfTurn:
    """Judges the end of a turn.

    The words come first: where they settle it, nobody else is asked. Otherwise a voice that is still up says that the
    turn goes on, and an end-of-turn model has a vote, whose "unfinished" a fallen voice outvotes.

    Attributes:
        voice_unfinished: the probability by prosody up to which the voice is still up.
        voice_higher: by how much less than at the ends of this caller's latest turns it is up, for callers who hardly
            lower their voice.
        voice_fallen: the probability by prosody from which it has fallen. That alone ends nothing: it also falls at
            the end of a phrase.
        model_complete: an end-of-turn model's probability from which a turn counts as complete.
        model_unfinished: its probability up to which a turn counts as unfinished.
    """

    voice_unfinished: float = 0.35
    voice_higher: float = 0.1
    voice_fallen: float = 0.6
    model_complete: float = 0.9
    model_unfinished: float = 0.2

    def verdict(
        self,
        text: str,
        prosody: float | None = None,
        model: float | None = None,
        *,
        dictated: Dictation | None = None,
        endings: Sequence[float] = (),
    ) -> Verdict:
        """Judge the text together with the votes.

        Args:
            text: the turn so far, as transcribed.
            prosody: the probability that the turn is over by pitch and level, None if they do not tell.
            model: the same by an end-of-turn model (Smart Turn's output), None without one.
            dictated: whether the text ends with a dictation, and whether that is complete.
            endings: the probabilities by prosody at the ends of this caller's latest turns.
        """
        written = _judged(text.strip(), dictated)
        if not leaves_open(text, dictated):
            return written
        if self.is_up(prosody, endings):
            return Verdict.VOICE_UP
        if model is None:
            return written
        if model >= self.model_complete:
            return Verdict.COMPLETE
        fallen = prosody is not None and prosody >= self.voice_fallen
        return Verdict.UNFINISHED if model <= self.model_unfinished and not fallen else written

    def is_up(self, prosody: float | None, endings: Sequence[float] = ()) -> bool:
        """Return whether the voice is still up, also in comparison with the ends of this caller's latest turns."""
        if prosody is None:
            return False
        usual = statistics.median(endings) - self.voice_higher if endings else self.voice_unfinished
        return prosody <= min(self.voice_unfinished, usual)

    def heeds(self, text: str, dictated: Dictation | None) -> bool:
        """Return whether the end of this text shows how this caller ends turns.

        Numbers and unfinished words do not, nor a question without a question word, which may rise.
        """
        stripped = text.strip()
        if not stripped or dictated is not None or _NUMBER.search(stripped) or _may_rise(stripped):
            return False
        return _judged(stripped, None) is not Verdict.UNFINISHED


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_FILLERS = _words("um uh er erm hmm like well also then just maybe very really actually basically so too")
_DETERMINERS = _words("an a the my your his its our their every each")
_CONJUNCTIONS = _words(
    "and or but because if when while although unless until since than which who whose whether what whenever wherever"
)
_PREPOSITIONS = _words(
    "of to at by for from with about into onto over under between through without within during after against near"
)
_AUXILIARIES = _words(
    "is are was were am be been being has had have do does did will would can could shall should may might must"
    " isn't aren't wasn't don't doesn't didn't won't can't cannot couldn't shouldn't wouldn't haven't hasn't"
)
_SUBJECTS = _words("i we they he she it's i'm we're they're you're i've we've i'll we'll i'd he's she's there's that's")
_PARTICLES = _words("in on off up out down")
_LINKING = _words("seem seems seemed look looks looked sound sounds become becomes means")
_WANT_AN_OBJECT = _words(
    """
    want wants wanted need needs needed tell told give gave given send bring brought put make makes made get got take
    took taken buy bought find found reach saw like likes liked believe believes wondering trying tried going promise
    promised explain explained think guess say says said ask asked asking meet use used using
    """
)
_ATTRIBUTES = _words(
    """
    new old last first second third next other same different main whole best worst big bigger biggest small smaller
    smallest large larger largest only final little few good great long short certain former
    """
)
_PRONOUNS = _words("i you he she it we they there this that")
_DIGITS = _words("zero oh one two three four five six seven eight nine double triple")
_SHORT_ANSWER = re.compile(
    r"^(?:(?:yes|no|yeah|sure|of course) )+(?:i|we|you|he|she|it|they|that|there|this) "
    r"(?:is|are|am|was|were|do|does|did|will|would|can|could|should|have|has|had|don't|didn't|can't|won't|isn't)$"
)
_HANGING_PHRASE = re.compile(
    r"(?:\b(?:my|the|your|his|her) (?:\w+ )?(?:name|number|address|date|order|email|birthday|code|account)"
    r"(?: is| was|'s)"
    r"|\b(?:i|we) (?:mean|would|am|was|have|need|want)(?: to)?"
    r"|\band another thing|\bfor example|\bsuch as|\bas well as|\bhold on|\bwait|\bin order"
    r"|\b(?:let|tell|ask|show|give|send) (?:me|us|you|him|her|them)"
    r"|\bhow (?:much|many|long|far|often|old|soon|\w+ly)|\b(?:so|too|as) (?:much|many)"
    r"|\b(?:hundred|thousand|\d+00) end"
    r"|\b(?:can|could|would|will) you please|^thank"
    r"|\b(?:and|but|or|so|that|because|if|when|whether|than) (?:it|you|there|this)"
    r"|\w (?:because|if|when|whenever|while|although|whether|unless)"
    r"(?: (?:i|you|we|they|he|she|it|my|your|the|a|an|our|his|her|their|there))? \w+"
    r"|\w that (?:my|your|the|a|an|our|his|her|their) \w+"
    r"|\b(?:what|which) (?:kind|sort|type)|\ba (?:lot|couple|bit|kind|sort)"
    r"|\b(?:main|first|only|biggest|whole) (?:reason|problem|thing|point|question)"
    r"|\b(?:can|could|would|will|do|does|did|should|may|might|must|are|is|was|were) (?:i|you|we|they|he|she|it|there))$"
)
_THAT_STANDS = re.compile(
    r"\b(?:about|of|for|like|with|do|did|on|to|at|than|by|after|before|know|see|all) that$"
    r"|^(?:what|who|where|how)(?:'s| is| was| about) that$"
)
_PHRASAL_VERB = re.compile(
    r"\b(?:turn|come|came|go|going|plug|log|sign|hold|switch|step|check|fill|send|hand|keep|carry|put|move|set|give|get"
    r"|work|find|figure|run|sold|break|hang|pick|back|wake|sit|shut|calm|write|cut)(?:s|ed|ned|ing)? "
    r"(?:it |that |this |them |me )?(?:in|on|off|up|out|down)$"
)
_QUESTION = re.compile(
    r"\b(?:(?:can|could|would|will|do|does|did|is|are|was|were|have|has|may|should|shall|am)(?:n't)?"
    r" (?:i|you|we|they|he|she|it|there|this|that|these|those|the|my|your|his|her|our|their|anyone|anything|anybody)"
    r"|^(?:what|when|where|who|why|how|which|whose)) .*"
)
_QUESTION_WORD = re.compile(r"\b(?:what|when|where|who|why|how|which|whose)(?:'s)?\b")
_CLOSING = re.compile(
    r"\b(?:please|thanks|thank you|goodbye|bye|okay|yes|no|sure|exactly|of course|you too|again)$"
    r"|\b(?:thank you|thanks)(?: \w+){1,6}$|^(?:right|yeah|yep|nope|hello|hi|stop|correct)$"
)
_NUMBER = re.compile(r"\d\W*$")
_TOKEN = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|\d+")


_DICTATED = {
    Dictation.GOES_ON: Verdict.UNFINISHED,
    Dictation.PERHAPS_WHOLE: Verdict.UNSURE,
    Dictation.ANY_LENGTH: Verdict.UNFINISHED,
    Dictation.MAY_GO_ON: Verdict.UNFINISHED,
    Dictation.WHOLE: Verdict.COMPLETE,
}


def leaves_open(text: str, dictated: Dictation | None) -> bool:
    """Return whether the text leaves it to the votes if the turn is complete: words that are unsure, and no number.

    Args:
        text: the turn so far, as transcribed.
        dictated: whether it ends with a dictation.
    """
    stripped = text.strip()
    if not stripped or dictated is not None or _NUMBER.search(stripped):
        return False
    return _judged(stripped, None) is Verdict.UNSURE


def judge_text(text: str, asked: str = "") -> Verdict:
    """Judge by the text rules alone, which are English; of other languages only punctuation and digits count.

    A text with an open end (a conjunction, an article, a verb without its object, a filler, a comma) is unfinished, and
    so is an incomplete number, spelling or list. A question, thanks, a short answer and a number of the length asked
    for are complete. A statement may always go on.
    """
    stripped = text.strip()
    return _judged(stripped, dictation(stripped, asked))


def _judged(stripped: str, dictated: Dictation | None) -> Verdict:
    if dictated is not None:
        return _DICTATED[dictated]
    if stripped.endswith((",", "-", "–", "—", ":", ";", "...", "…")):
        return Verdict.UNFINISHED
    words = _TOKEN.findall(stripped.lower().replace("’", "'"))
    if not words:
        return Verdict.UNSURE
    if stripped[-1] in "?!":
        return Verdict.COMPLETE
    plain = " ".join(words)
    if _hangs(words, plain):
        return Verdict.UNFINISHED
    last = words[-1]
    if last in _DIGITS or last.isdigit():
        return Verdict.UNSURE
    if _CLOSING.search(plain):
        return Verdict.COMPLETE
    question = _QUESTION.search(plain)
    if question and len(question[0].split()) >= 4:
        return Verdict.COMPLETE
    return Verdict.UNSURE


def _may_rise(stripped: str) -> bool:
    """Return whether this is a question without a question word."""
    plain = " ".join(_TOKEN.findall(stripped.lower().replace("’", "'")))
    asks = stripped.endswith("?") or _QUESTION.search(plain)
    return bool(asks) and not _QUESTION_WORD.search(plain)


def _hangs(words: list[str], plain: str) -> bool:
    """Return whether the last words need more."""
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    if _SHORT_ANSWER.search(plain) or (last == "so" and before in ("think", "hope", "say", "believe", "do")):
        return False
    if last in _FILLERS:
        stands = last in ("then", "too", "well", "also") and f"{before} {last}" not in ("and then", "and also")
        return len(words) == 1 or not stands
    if last in _DETERMINERS | _CONJUNCTIONS | _PREPOSITIONS | _SUBJECTS | _LINKING or _HANGING_PHRASE.search(plain):
        return True
    if last in _AUXILIARIES:
        return not re.search(r"\b(?:what|how|where|who) (?:\w+ )?(?:it|that|this|he|she|they|you|there) \w+$", plain)
    if last in _PARTICLES:
        return not _PHRASAL_VERB.search(plain)
    if last in ("that", "this", "these", "those"):
        return len(words) > 1 and not _THAT_STANDS.search(plain)
    if last in ("no", "any", "some"):
        return len(words) > 1 and before not in ("oh", "yes", "no", "well", "said")
    if last in _WANT_AN_OBJECT:
        # "What should I get" has its object already.
        return not re.search(r"\b(?:what|which|who|where|how|when)\b|\bthat \w+ \w+$", plain)
    attribute = last in _ATTRIBUTES and (before in _DETERMINERS or before in _DIGITS or before in _ATTRIBUTES)
    return attribute or last in ("last", "next")
