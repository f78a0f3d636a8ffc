"""The golden timeline of a call file: comparison, and an update that preserves the rest of the file."""

import difflib
from collections.abc import Sequence
from pathlib import Path

import yaml

_CONTEXT = 3


def difference(golden: Sequence[str], lines: Sequence[str]) -> list[str]:
    """Return the first difference as lines of a unified diff, with the number of further ones; empty if equal."""
    diff = list(difflib.unified_diff(golden, lines, "golden", "replayed", lineterm="", n=_CONTEXT))
    hunks = [index for index, line in enumerate(diff) if line.startswith("@@")]
    if len(hunks) < 2:
        return diff
    return [*diff[: hunks[1]], f"... and {len(hunks) - 1} more differences"]


def update_golden(path: Path, lines: Sequence[str]) -> bool:
    """Write the timeline into the file's `golden` section, or append one; return whether the file changed.

    The rest of the file is preserved, including comments.
    """
    text = path.read_text(encoding="utf-8")
    begin, end = _place(text)
    block = "".join(["golden: |\n", *(f"  {line}\n" for line in lines)])
    before, after = text[:begin], text[end:]
    if before and not before.endswith("\n"):
        before += "\n"
    if begin == len(text) and before and not before.endswith("\n\n"):
        before += "\n"
    new = before + block + after
    if new == text:
        return False
    path.write_text(new, encoding="utf-8")
    return True


def _place(text: str) -> tuple[int, int]:
    """Return the span of the golden section; the end of the text if there is none."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    for key, value in root.value if isinstance(root, yaml.MappingNode) else ():
        if key.value == "golden":
            end = value.end_mark.index
            # YAML puts a block's end mark after the empty lines that follow it: exclude them, and comments.
            kept = text[key.start_mark.index : end]
            used = kept.rstrip()
            newline = text.find("\n", key.start_mark.index + len(used))
            return key.start_mark.index, len(text) if newline < 0 else newline + 1
    return len(text), len(text)
