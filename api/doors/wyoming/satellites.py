"""The list of satellites that a machine dials: a file beside its database, read again when it changes.

It is a file, and no table, because a satellite takes one caller only: each machine of a service has its own.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from models.errors import Conflict, Invalid, NotFound

FILE = "satellites.json"

_ADDRESS = re.compile(r"tcp://[^\s/]+:\d{1,5}")


@dataclass(frozen=True, slots=True)
class Satellite:
    """A satellite, and who answers there.

    Attributes:
        address: such as tcp://kitchen:10700.
        practice: id or name; empty for the persona's, or else the first one.
        persona: id or name; empty for the practice's first.
    """

    address: str
    practice: str = ""
    persona: str = ""

    @property
    def host_and_port(self) -> tuple[str, int]:
        """Where to dial it.

        Raises:
            Invalid: the address is none.
        """
        try:
            parts = urlsplit(self.address)
            if not _ADDRESS.fullmatch(self.address) or parts.hostname is None or parts.port is None:
                raise ValueError
        except ValueError:
            raise Invalid(f"{self.address!r} is no address of a satellite: write tcp://HOST:PORT.") from None
        return parts.hostname, parts.port


def read_satellites(folder: Path) -> list[Satellite]:
    """Read the list; empty if there is none.

    Raises:
        Invalid: the file is damaged.
    """
    file = folder / FILE
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))
        return [Satellite(**entry) for entry in entries]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError):
        raise Invalid(f"{file} is damaged: remove it, and add the satellites again.") from None


def add_satellite(folder: Path, satellite: Satellite) -> None:
    """Add a satellite.

    Raises:
        Invalid: its address is none.
        Conflict: it is in the list.
    """
    known = read_satellites(folder)
    if satellite.host_and_port in [other.host_and_port for other in known]:
        raise Conflict(f"{satellite.address} is dialled already: remove it first to change it.")
    _write(folder, [*known, satellite])


def remove_satellite(folder: Path, address: str) -> None:
    """Remove a satellite.

    Raises:
        NotFound: it is not in the list.
    """
    known = read_satellites(folder)
    left = [satellite for satellite in known if satellite.address != address]
    if len(left) == len(known):
        raise NotFound(f"There is no satellite {address}: list them with `glow satellite list`.")
    _write(folder, left)


def _write(folder: Path, satellites: Iterable[Satellite]) -> None:
    file = folder / FILE
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps([asdict(satellite) for satellite in satellites], indent=2) + "\n", encoding="utf-8")
    fresh.replace(file)  # the service may be reading it
