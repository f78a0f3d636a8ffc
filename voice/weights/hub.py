"""Downloads from the Hugging Face hub or a mirror of its protocol, verified by the hub's hashes."""

import errno
from importlib import import_module
from pathlib import Path
from typing import Any

from voice.errors import EngineUnavailable
from voice.weights.files import Progress, git_blob, matches, wrong_hash

_CACHE = ".cache"


def fetch(
    repository: str,
    patterns: tuple[str, ...],
    folder: Path,
    progress: Progress | None,
    endpoint: str | None,
    digests: dict[str, str],
) -> None:
    """Download a repository's files into a folder; resume an interrupted download. Blocking.

    Args:
        repository: such as "Systran/faster-whisper-base".
        patterns: glob patterns of the files.
        folder: target folder; it may exist.
        progress: progress callback; without one the hub's client draws its own progress bars on the terminal.
        endpoint: URL of the hub; None for the default.
        digests: hashes by file name; other files are verified by the hub's own.

    Raises:
        EngineUnavailable: no such hub, repository or file, a response that is not a hub's, or a damaged file.
        OSError: the disk is full.
    """
    from huggingface_hub import snapshot_download

    bars: dict[str, Any] = {} if progress is None else {"tqdm_class": _reporting_to(progress)}
    try:
        snapshot_download(repository, local_dir=folder, allow_patterns=list(patterns), endpoint=endpoint, **bars)
        for path in [path for path in folder.rglob("*") if path.is_file() and _CACHE not in path.parts]:
            _check(repository, path, path.relative_to(folder).as_posix(), endpoint, digests.get(path.name))
    except EngineUnavailable:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        # The hub's client raises what its HTTP client, its parser and the disk raise.
        raise EngineUnavailable(f"Cannot download {repository} from the hub ({_reason(error)}).") from error


def has_begun(folder: Path) -> bool:
    """Return whether the folder holds an interrupted download that the hub's client can resume."""
    return any(folder.glob(f"{_CACHE}/**/*.incomplete"))


def _check(repository: str, path: Path, name: str, endpoint: str | None, digest: str | None) -> None:
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    if digest is not None:
        good = matches(path, digest)
    else:
        etag = get_hf_file_metadata(hf_hub_url(repository, name, endpoint=endpoint), endpoint=endpoint).etag or ""
        if len(etag) == 64:
            good = matches(path, f"sha256:{etag}")
        elif len(etag) == 40:
            good = git_blob(path) == etag
        else:
            raise EngineUnavailable(f"The hub gives no hash of {name} in {repository}, so that it cannot be checked.")
    if not good:
        path.unlink()
        raise wrong_hash(path.name, f"from the hub's {repository}", "pull it again")


def _reason(error: Exception) -> str:
    if isinstance(error, ValueError) and "Expecting value" in str(error):
        return "it answered with a web page or something else that is no model hub's answer"
    return type(error).__name__


def _reporting_to(progress: Progress) -> type:
    tqdm: Any = import_module("tqdm.auto").tqdm  # comes with the hub's client, without types

    class Reporting(tqdm):  # type: ignore[misc]
        """A progress bar that calls back instead of drawing; bars that count files are ignored."""

        def __init__(self, *arguments: Any, **options: Any) -> None:
            self._bytes = options.get("unit") == "B"
            options.pop("name", None)
            super().__init__(*arguments, **{**options, "disable": True})
            self._here = options.get("initial", 0)

        def update(self, n: float | None = 1) -> bool | None:
            self._here += n or 0
            if self._bytes and self.total:
                progress(int(self._here), int(self.total))
            return None

    return Reporting
