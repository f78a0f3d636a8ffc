"""A new content pack, made from a template that loads as it stands."""

import re
from pathlib import Path
from string import Template

from models.errors import Conflict, Invalid

TEMPLATE = Path(__file__).parent / "template"

_NAME = re.compile(r"[^\W_][\w' ,.&()-]{0,79}")
_APART = re.compile(r"[^a-z0-9]+")


def slug_of(name: str) -> str:
    """Return the short name of a pack that is called `name`: "Front desk" is "front-desk".

    Raises:
        Invalid: it has no letter of a to z and no digit, or what no name in YAML should have.
    """
    slug = _APART.sub("-", name.lower()).strip("-")
    if not slug or not _NAME.fullmatch(name):
        raise Invalid(f"{name!r} is no name for a pack: write letters, digits and spaces, such as 'Front desk'.")
    return slug


def new_pack(name: str, parent: Path) -> Path:
    """Write a new pack into a folder of its own; return the folder.

    Args:
        name: what the pack is called, such as "Front desk"; its folder and ids are made of it.
        parent: the folder that it is made in.

    Raises:
        Invalid: the name cannot be used.
        Conflict: the folder is there already.
        OSError: it cannot be written.
    """
    slug = slug_of(name)
    folder = parent / slug
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise Conflict(f"{folder} is there already: choose another name, or change the pack that is in it.") from None
    for file in sorted(TEMPLATE.iterdir()):
        if file.suffix in (".yaml", ".md"):
            text = Template(file.read_text("utf-8")).substitute(slug=slug, name=name)
            (folder / file.name).write_text(text, "utf-8")
    return folder
