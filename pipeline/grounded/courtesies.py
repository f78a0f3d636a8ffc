"""What people say that no document answers: greetings, thanks, and questions about what can be asked here."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from pipeline.llm.reflection import normalised

Kind = Literal["greeting", "wellbeing", "thanks", "agreement", "farewell", "self", "documents"]

Item = TypeVar("Item")

LONGEST = 300
"""Number of characters that are read of what was said."""

NAMED, NAMED_ALOUD = 8, 3
"""Number of titles that an answer in writing and a spoken one name."""

_POLITE = r"(?:please|thanks|thank you|thx|sir|madam|there|all|everyone|again|friend|my friend|so much|very much|a lot)"
_NAME = r"(?: (?:gloo|glean|assistant))?"
_KINDS: tuple[tuple[Kind, str], ...] = (
    (
        "greeting",
        rf"(?:hi+|hello|hey+|howdy|hiya|greetings|good (?:morning|afternoon|evening|day))"
        rf"(?: {_POLITE})*{_NAME}(?: i have a question| can i ask (?:you )?something)?",
    ),
    (
        "wellbeing",
        rf"(?:(?:hi|hello|hey){_NAME} )?how are (?:you|things)(?: doing)?(?: today)?|how is it going|what is up",
    ),
    (
        "thanks",
        r"(?:ok(?:ay)? |great |perfect |alright |no )?(?:many thanks|thanks|thank you|thx|cheers|ta)"
        r"(?: (?:so|very) much)?"
        r"(?: (?:a lot|again|anyway|indeed|for (?:your|the|all your|all the) (?:help|answers?|time)))?"
        r"(?: that (?:is|was|helps|helped)(?: all| me)?(?: a lot| very helpful| helpful)?"
        r"| you have been (?:very )?helpful)?",
    ),
    (
        "agreement",
        r"(?:ok(?:ay)?|alright|all right|got it|i see|i understand|understood|great|perfect|good|nice|cool|fine|right|"
        r"makes sense|that helps|that is all|no that is all|no|nothing else|yes|yep|sure)(?: {_POLITE})?",
    ),
    (
        "farewell",
        rf"(?:ok(?:ay)? )?(?:good ?bye|bye+|bye bye|see you(?: later| soon)?|so long|farewell|good night|"
        rf"have a (?:good|nice|great) (?:day|evening|one))(?: {_POLITE})*{_NAME}",
    ),
    (
        "self",
        r"(?:who|what) are you|(?:are you )?(?:a )?(?:real )?(?:person|human|bot|robot)|what is your name|"
        r"what (?:can|do) you do(?: for me)?|how (?:can|could|will) you help(?: me)?|"
        r"(?:can|could) you help(?: me)?|i need (?:some )?help|help(?: me)?|what is this",
    ),
    (
        "documents",
        r"(?:what|which)(?: kinds? of| sorts? of| other)? "
        r"(?:documents?|docs|files|papers|texts|sources|leaflets|topics|subjects|information|material)"
        r"(?: (?:do|can|could|are|is|have|has|did) (?:you|i|we|there)"
        r"(?: (?:have|got|know|search|use|read|see|ask about|look in|here|access to|access|available|been given))*"
        r"| (?:are|is) (?:available|here|there))?(?: here| in here| available)?"
        r"|(?:list|show|name|tell) (?:me )?(?:all )?(?:of )?(?:your|the|every|all your|all the) "
        r"(?:documents?|docs|files|sources|titles)"
        r"|what (?:do you know|can you tell me|can i ask(?: you)?|can i ask you about|can i read)(?: about)?(?: here)?"
        r"|what is in (?:here|your library|the library|your documents)"
        r"|what have you (?:got|read)(?: here)?",
    ),
)
_WHOLE = tuple((kind, re.compile(pattern.replace("{_POLITE}", _POLITE))) for kind, pattern in _KINDS)
_ABOUT = re.compile(
    r"(?:(?:what|which)(?: other)?|do you have(?: any)?|have you got(?: any)?|are there(?: any)?|is there an?y?|"
    r"(?:list|show|name)(?: me)?(?: the| all| your)*) "
    r"(?:documents?|docs|files|papers|leaflets|sources|texts)\b"
    r"(?: (?:do|can|are|have) (?:you|i|there))?(?: (?:have|got|there|here))* (?:about|on|regarding|concerning|for) (.+)"
)
_FILLERS = re.compile(r"^(?:(?:um+|uh+|so|well|and|oh|please) )+|(?: please)+$")


@dataclass(frozen=True, slots=True)
class Courtesy:
    """What was said.

    Attributes:
        about: a subject, of which documents are asked for; empty for all of them.
    """

    kind: Kind
    about: str = ""

    @property
    def names_documents(self) -> bool:
        """Whether the answer names documents."""
        return self.kind in ("self", "documents")


def courtesy_of(text: str) -> Courtesy | None:
    """Return what a text says if nothing else is in it; None for a question to the documents."""
    said = _FILLERS.sub("", normalised(text[:LONGEST]))
    if found := _ABOUT.fullmatch(said):
        return Courtesy("documents", found[1])
    return next((Courtesy(kind) for kind, pattern in _WHOLE if pattern.fullmatch(said)), None)


def reply_to(courtesy: Courtesy, titles: Sequence[str], *, spoken: bool) -> str:
    """Answer as a person would.

    Args:
        titles: the documents that may be asked about, or that are about the subject.
        spoken: whether the answer is read aloud, and names fewer.
    """
    match courtesy.kind:
        case "greeting":
            return "Hello! What would you like to know?"
        case "wellbeing":
            return "I am well, thank you. What would you like to know?"
        case "thanks":
            return "You are welcome. Is there anything else that you would like to know?"
        case "agreement":
            return "Good. If there is anything else that you would like to know, just ask."
        case "farewell":
            return "Goodbye, and take care."
        case "self":
            return f"I am an assistant, and I look answers up in documents. {_listed(titles, '', spoken=spoken)}"
        case "documents":
            return _listed(titles, courtesy.about, spoken=spoken)


def _listed(titles: Sequence[str], about: str, *, spoken: bool) -> str:
    if not titles:
        return f"I have no document about {about}." if about else "I have no documents here yet."
    most = NAMED_ALOUD if spoken else NAMED
    named = spread(titles, most)
    quoted = [title if spoken else f"“{title}”" for title in named]
    listed = f"{', '.join(quoted[:-1])} and {quoted[-1]}" if len(quoted) > 1 else quoted[0]
    subject = f" about {about}" if about else ""
    if len(titles) == 1:
        return f"I have one document{subject}: {listed}. Ask me what you would like to know of it."
    some = f"I have {len(titles)} documents{subject}: {listed}."
    if len(titles) > most:
        some = f"I have {len(titles)} documents{subject}, among them {listed}."
    return f"{some} Ask me about any of them."


def spread(items: Sequence[Item], most: int) -> list[Item]:
    """Choose at most so many of a list, from its whole length, so that different subjects are named."""
    if len(items) <= most:
        return list(items)
    return [items[place * len(items) // most] for place in range(most)]
