"""Shapes of what objectives and standards are judged by, as content packs have them."""

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from api.doors.glow.operations.shapes import Text
from models.patterns import either
from models.records.criteria import Criterion, Prohibition, Sign

MOST_SIGNS = 50

Pattern = Annotated[str, Field(min_length=1, max_length=300)]
Patterns = Annotated[list[Pattern], Field(min_length=1, max_length=MOST_SIGNS)]
Sentence = Annotated[str, Field(min_length=1, max_length=2_000)]


class SignItem(BaseModel):
    """Patterns that show that something was done, with advice for who did not do it."""

    model_config = ConfigDict(extra="forbid")

    any: Patterns = Field(description="Regular expressions, of which one is enough.")
    do: Sentence = Field(description="What to do, told to who did not.")
    say: Text = Field(default="", description="An example of it, in the learner's words.")

    def sign(self) -> Sign:
        """Return it as a sign."""
        return Sign(either(self.any), self.do, self.say)


class NeverItem(BaseModel):
    """What must not be said."""

    model_config = ConfigDict(extra="forbid")

    any: Patterns = Field(description="Regular expressions, of which one is enough; a negated match is none.")
    tell: Sentence = Field(description="What it is, told to the learner.")
    instead: Sentence = Field(description="What to say in its place.")


Signs = Annotated[list[Pattern | SignItem], Field(max_length=MOST_SIGNS)]


class JudgedObjective(BaseModel):
    """An objective with what meets it and what breaks it."""

    model_config = ConfigDict(extra="forbid")

    text: Sentence
    signs: Signs = []
    needed: int = Field(default=1, ge=1, le=MOST_SIGNS, description="Number of different signs that meet it.")
    never: list[NeverItem] = Field(default=[], max_length=MOST_SIGNS)

    def criterion(self) -> Criterion:
        """Return it as a criterion."""
        never = tuple(Prohibition(either(item.any), item.tell, item.instead) for item in self.never)
        return Criterion(self.text, signs_of(self.signs), self.needed, never)


class SignShown(BaseModel):
    any: list[str]
    do: str = ""
    say: str = ""


class NeverShown(BaseModel):
    any: list[str]
    tell: str
    instead: str


class CriterionItem(BaseModel):
    """What an objective is judged by, as its author is shown it; several patterns have become one."""

    text: str
    signs: list[SignShown] = []
    needed: int = 1
    never: list[NeverShown] = []

    @classmethod
    def of(cls, criterion: Criterion) -> Self:
        """Render a criterion."""
        return cls(
            text=criterion.objective,
            signs=[SignShown(any=[item.pattern], do=item.do, say=item.say) for item in criterion.signs],
            needed=criterion.needed,
            never=[NeverShown(any=[item.pattern], tell=item.tell, instead=item.instead) for item in criterion.never],
        )


def signs_of(items: Sequence[Pattern | SignItem]) -> tuple[Sign, ...]:
    """Return signs, each with the advice that it has."""
    return tuple(Sign(item) if isinstance(item, str) else item.sign() for item in items)
