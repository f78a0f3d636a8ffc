"""Page and block boundaries of containers, to distinguish a truncated stream from a complete one.

FFmpeg does not report truncation, so this follows the lengths that the container declares, without decoding it.
"""

from typing import Protocol

_OGG_HEADER = 27
_SEGMENT, _CLUSTER = 0x18538067, 0x1F43B675
_LONGEST_EBML_HEADER = 12


class Framing(Protocol):
    """Tracks the page or block boundaries of a container."""

    def feed(self, data: bytes) -> None:
        """Feed the next bytes, any number."""

    @property
    def whole(self) -> bool:
        """Whether the bytes so far end at the end of a page, block or file."""


class OggFraming:
    """Tracks Ogg pages. Source: RFC 3533 section 6."""

    def __init__(self) -> None:
        self._head = b""
        self._skip = 0
        self._lost = False

    def feed(self, data: bytes) -> None:
        """Feed the next bytes, any number."""
        at = 0
        while at < len(data) and not self._lost:
            if self._skip:
                taken = min(self._skip, len(data) - at)
                self._skip -= taken
                at += taken
                continue
            wanted = _OGG_HEADER + (self._head[26] if len(self._head) >= _OGG_HEADER else 0)
            missing = wanted - len(self._head)
            self._head += data[at : at + missing]
            at += missing
            if len(self._head) < wanted:
                return
            if self._head[:4] != b"OggS":
                self._lost = True
            elif len(self._head) == _OGG_HEADER + self._head[26]:
                self._skip = sum(self._head[_OGG_HEADER:])
                self._head = b""

    @property
    def whole(self) -> bool:
        """Whether the bytes so far end at the end of a page."""
        return not (self._head or self._skip or self._lost)


class EbmlFraming:
    """Tracks the elements of WebM and Matroska, inside segments and clusters. Source: RFC 8794 sections 4 to 6."""

    def __init__(self) -> None:
        self._head = b""
        self._skip = 0
        self._at = 0
        self._declared_end = 0
        self._lost = False

    def feed(self, data: bytes) -> None:
        """Feed the next bytes, any number."""
        at = 0
        while at < len(data) and not self._lost:
            if self._skip:
                taken = min(self._skip, len(data) - at)
                self._skip -= taken
                self._at += taken
                at += taken
                continue
            known = len(self._head)
            joined = self._head + data[at : at + _LONGEST_EBML_HEADER - known]
            header = _element(joined)
            if header is None:
                self._lost = len(joined) == _LONGEST_EBML_HEADER
                self._head = joined
                return
            identity, size, length = header
            at += length - known
            self._head = b""
            self._at += length
            if identity in (_SEGMENT, _CLUSTER):
                self._declared_end = max(self._declared_end, self._at + (size or 0))
            elif size is None:
                self._lost = True
            else:
                self._skip = size

    @property
    def whole(self) -> bool:
        """Whether the bytes so far end an element, and every segment and cluster with a declared size."""
        return not (self._head or self._skip or self._lost) and self._at >= self._declared_end


def _element(head: bytes) -> tuple[int, int | None, int] | None:
    """Parse an element's id, size (None: unknown) and header length; return None while bytes are missing."""
    if not head or not head[0]:
        return None
    identity_length = 9 - head[0].bit_length()
    if len(head) <= identity_length or not head[identity_length]:
        return None
    size_length = 9 - head[identity_length].bit_length()
    end = identity_length + size_length
    if len(head) < end:
        return None
    ones = (1 << 7 * size_length) - 1
    size = int.from_bytes(head[identity_length:end], "big") & ones
    return int.from_bytes(head[:identity_length], "big"), None if size == ones else size, end
