"""Loader of objectives with what meets and what breaks them, and of signs with advice."""

from collections.abc import Callable

from models.packs.located import Section, Text
from models.packs.located_patterns import checked_pattern
from models.patterns import either
from models.records.criteria import Criterion, Prohibition, Sign, criterion_resource
from models.records.resources import Resource

_MOST_NEEDED = 100


def load_objectives(
    key: str, section: Section, ident: Callable[[str, str], str]
) -> tuple[tuple[str, ...], tuple[Resource, ...]]:
    """Return a scenario's objectives, and the criteria of those that have some.

    Args:
        key: the scenario's.
        ident: derives the id of a record from its kind and key.
    """
    texts: list[str] = []
    criteria: list[Resource] = []
    for place, item in enumerate(section.mixed("objectives")):
        if isinstance(item, Text):
            texts.append(item.value)
            continue
        criterion = _criterion(item)
        texts.append(criterion.objective)
        criteria.append(criterion_resource(ident("criterion", f"{key}/{place}"), criterion))
    return tuple(texts), tuple(criteria)


def load_signs(section: Section) -> tuple[Sign, ...]:
    """Return the `signs` of a section, each a pattern or a section with `any`, `do` and `say`."""
    found = []
    for item in section.mixed("signs"):
        if isinstance(item, Text):
            found.append(Sign(checked_pattern(section, item)))
            continue
        sign = Sign(_pattern(item), item.text("do", required=True), item.text("say"))
        item.finish()
        found.append(sign)
    return tuple(found)


def _criterion(section: Section) -> Criterion:
    signs = load_signs(section)
    criterion = Criterion(
        section.text("text", required=True),
        signs,
        round(section.number("needed", low=1, high=_MOST_NEEDED, default=1)),
        tuple(_prohibition(part) for part in section.sections("never")),
    )
    if criterion.signs and criterion.needed > len(criterion.signs):
        section.problem(
            f"'needed' is {criterion.needed}, more than there are signs ({len(signs)})", section.line_at("needed")
        )
    if not criterion.signs and not criterion.never:
        section.problem("an objective with 'text' needs 'signs' or 'never'; write it as a plain text otherwise")
    section.finish()
    return criterion


def _prohibition(section: Section) -> Prohibition:
    found = Prohibition(_pattern(section), section.text("tell", required=True), section.text("instead", required=True))
    section.finish()
    return found


def _pattern(section: Section) -> str:
    """Return one pattern for all of a section's `any`."""
    return either([checked_pattern(section, text) for text in section.texts("any", required=True)])
