"""Downloads from a mirror, a plain folder served over HTTP, verified by hashes known beforehand."""

from pathlib import Path

import httpx

from voice.errors import EngineUnavailable
from voice.weights.files import BLOCK, Hashing, Progress, read_sums, wrong_hash

_TIMEOUT = httpx.Timeout(30.0)
_LARGEST_SUMS = 1 << 20


def sums(address: str) -> dict[str, str]:
    """Return the hashes by file name of a mirror's SHA256SUMS file; empty if it has none.

    Raises:
        EngineUnavailable: the mirror does not respond.
    """
    try:
        with httpx.stream("GET", address, timeout=_TIMEOUT, follow_redirects=True) as answer:
            if not answer.is_success:
                return {}
            text = b""
            for block in answer.iter_bytes():
                text += block
                if len(text) > _LARGEST_SUMS:
                    return {}
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _nobody(address, error) from error
    return read_sums(text.decode("utf-8", "replace"))


def has(address: str) -> bool:
    """Return whether a URL exists.

    Raises:
        EngineUnavailable: the mirror does not respond.
    """
    try:
        with httpx.stream("GET", address, timeout=_TIMEOUT, follow_redirects=True) as answer:
            return answer.is_success
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _nobody(address, error) from error


def fetch(address: str, digests: dict[str, str], folder: Path, progress: Progress | None = None) -> None:
    """Download files into a folder. Blocking.

    Args:
        address: URL of the mirror's folder, without the last "/".
        digests: hashes by file name.
        folder: target folder; it exists.
        progress: progress callback; the total is that of the files begun so far.

    Raises:
        EngineUnavailable: a file is missing or has a wrong hash.
        OSError: a file cannot be written.
    """
    here = expected = 0
    for name, digest in digests.items():
        hashing = Hashing(digest)
        url = f"{address}/{name}"
        try:
            with httpx.stream("GET", url, timeout=_TIMEOUT, follow_redirects=True) as answer:
                if not answer.is_success:
                    raise EngineUnavailable(f"{url} is not there ({answer.status_code}); look at the mirror's files.")
                if answer.headers.get("content-type", "").startswith("text/html"):
                    raise EngineUnavailable(f"{url} is a web page and not a file of weights; look at the address.")
                expected += int(answer.headers.get("content-length", 0))
                with (folder / name).open("wb") as file:
                    for block in answer.iter_bytes(BLOCK):
                        hashing.update(block)
                        file.write(block)
                        here += len(block)
                        if progress is not None:
                            progress(here, max(expected, here))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _nobody(url, error) from error
        if not hashing.matches:
            (folder / name).unlink()
            raise wrong_hash(name, f"at {address}", "look at the mirror's files")


def _nobody(address: str, error: Exception) -> EngineUnavailable:
    return EngineUnavailable(f"{address} does not answer ({type(error).__name__}); look at the address.")
