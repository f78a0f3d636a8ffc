"""Weights of installed packages: joined once, checked by hash, whole or not at all."""

import errno
import shutil
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.weights import ABOUT, FIRST, SECOND, SMALL, install, make_wheels, without_packages
from voice.errors import EngineUnavailable
from voice.weights.packaged import is_installed, join, join_installed, of_folder, whole_where_whole

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = install(tmp_path / "site-packages")
    without_packages(monkeypatch, folder)
    return folder


def only_whole(folder: Path) -> bool:
    """Whether nothing half done lies there."""
    return not folder.exists() or sorted(path.name for path in folder.iterdir()) in ([], ["about.json", "model.bin"])


def test_parts_are_joined_and_the_bytes_told(packages: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    join_installed(SMALL, tmp_path / "small", lambda done, total: seen.append((done, total)))
    assert (tmp_path / "small" / "model.bin").read_bytes() == FIRST + SECOND
    assert (tmp_path / "small" / "about.json").read_bytes() == ABOUT
    assert only_whole(tmp_path / "small")
    assert seen == sorted(seen)
    assert seen[-1] == (SMALL.size, SMALL.size)


def test_packages_are_found_without_being_imported(packages: Path) -> None:
    (packages / "small_model_1" / "__init__.py").write_text("raise RuntimeError('imported')", "utf-8")
    assert is_installed(SMALL)
    shutil.rmtree(packages / "small_model_1")
    shutil.rmtree(packages / "small_model_2")
    assert not is_installed(SMALL)


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        (
            "small_model_1/data/model.bin.part1",
            None,
            "model.bin.part1 is missing from the installed package small-model-1",
        ),
        ("small_model_1/data/model.bin.part1", FIRST[:-1], "model.bin.part1 of small-model-1 has .* instead of"),
        ("small_model_2/data/model.bin.part2", SECOND + b"!", "part2 of small-model-2 has more bytes instead of"),
        (
            "small_model_2/data/model.bin.part2",
            SECOND[:-1] + b"!",
            "model.bin of small-model-1, small-model-2 is damaged",
        ),
        ("small_model_2/data/about.json", ABOUT[:-1] + b"]", "about.json of small-model-2 is damaged"),
    ],
    ids=["missing", "cut", "longer", "another hash", "another hash of a small file"],
)
def test_a_part_that_is_not_what_it_must_be(
    packages: Path, tmp_path: Path, name: str, data: bytes | None, sentence: str
) -> None:
    if data is None:
        (packages / name).unlink()
    else:
        (packages / name).write_bytes(data)
    with pytest.raises(EngineUnavailable, match=sentence) as refusal:
        join_installed(SMALL, tmp_path / "small")
    assert "pip install --force-reinstall" in str(refusal.value)
    assert only_whole(tmp_path / "small")
    assert not (tmp_path / "small" / "model.bin").exists()


def test_one_package_without_the_other_is_told(packages: Path, tmp_path: Path) -> None:
    shutil.rmtree(packages / "small_model_2")
    assert is_installed(SMALL)
    with pytest.raises(EngineUnavailable, match="missing from the installed package small-model-2"):
        join_installed(SMALL, tmp_path / "small")


def test_two_versions_of_a_package_are_told(packages: Path, tmp_path: Path) -> None:
    (packages / "small_model_1-1.0.0.dist-info" / "METADATA").write_text("Name: small-model-1\nVersion: 1.0.0\n")
    other = packages / "small_model_1-2.0.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Name: small-model-1\nVersion: 2.0.0\n", "utf-8")
    with pytest.raises(EngineUnavailable, match=r"Two versions of small-model-1 are installed \(1\.0\.0 and 2\.0\.0\)"):
        join_installed(SMALL, tmp_path / "small")


def test_a_disk_without_room_is_told_before_anything_is_written(
    packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(1 << 30, 1 << 30, SMALL.size))
    with pytest.raises(
        EngineUnavailable, match=r"no room for whisper:small.* takes 18 MB and 1 MB are free.*make room"
    ):
        join_installed(SMALL, tmp_path / "small")
    assert only_whole(tmp_path / "small")


def test_a_disk_that_fills_up_meanwhile_is_told(packages: Path, tmp_path: Path) -> None:
    def full(done: int, total: int) -> None:
        if done > len(FIRST):
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(EngineUnavailable, match=r"no room left for whisper:small"):
        join_installed(SMALL, tmp_path / "small", full)
    assert only_whole(tmp_path / "small")


def test_a_folder_that_cannot_be_written_is_told(packages: Path, tmp_path: Path) -> None:
    (tmp_path / "models").write_bytes(b"a file, not a folder")
    with pytest.raises(EngineUnavailable, match=r"cannot be written to .*; set GLOW_MODELS_DIR to another folder"):
        join_installed(SMALL, tmp_path / "models" / "small")


def test_several_join_at_once_into_one_folder(packages: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        for future in [threads.submit(join_installed, SMALL, tmp_path / "small") for _ in range(16)]:
            future.result()
    assert (tmp_path / "small" / "model.bin").read_bytes() == FIRST + SECOND
    assert only_whole(tmp_path / "small")


def test_wheels_in_a_folder_are_read_without_being_installed(tmp_path: Path) -> None:
    wheels = make_wheels(tmp_path / "wheels")
    join(SMALL, tmp_path / "small", of_folder(wheels), "get it again")
    assert (tmp_path / "small" / "model.bin").read_bytes() == FIRST + SECOND


def test_two_versions_of_a_wheel_are_told(tmp_path: Path) -> None:
    wheels = make_wheels(tmp_path / "wheels")
    make_wheels(wheels, "2.0.0")
    with pytest.raises(EngineUnavailable, match="has two versions of small-model-"):
        join(SMALL, tmp_path / "small", of_folder(wheels), "get it again")


@pytest.mark.parametrize("kept", [0, 100, 2000])
def test_a_wheel_cut_short_is_told(tmp_path: Path, kept: int) -> None:
    wheels = make_wheels(tmp_path / "wheels")
    (wheel,) = wheels.glob("small_model_1-*")
    wheel.write_bytes(wheel.read_bytes()[:kept])
    with pytest.raises(EngineUnavailable, match="is cut short or not the wheel of small-model-1"):
        join(SMALL, tmp_path / "small", of_folder(wheels), "get it again")


def test_a_wheel_whose_content_was_changed_is_told(tmp_path: Path) -> None:
    wheels = make_wheels(tmp_path / "wheels")
    (wheel,) = wheels.glob("small_model_1-*")
    data = bytearray(wheel.read_bytes())
    data[len(data) // 2] ^= 0xFF
    wheel.write_bytes(bytes(data))
    with pytest.raises(EngineUnavailable, match=r"small_model_1|model\.bin"):
        join(SMALL, tmp_path / "small", of_folder(wheels), "get it again")
    assert only_whole(tmp_path / "small")


def test_loose_parts_and_whole_files_of_a_folder_serve_too(tmp_path: Path) -> None:
    parts = tmp_path / "parts"
    (parts / "deep").mkdir(parents=True)
    (parts / "deep" / "model.bin.part1").write_bytes(FIRST)
    (parts / "model.bin.part2").write_bytes(SECOND)
    (parts / "about.json").write_bytes(ABOUT)
    join(whole_where_whole(SMALL, parts), tmp_path / "one", of_folder(parts), "get it again")
    join(whole_where_whole(SMALL, tmp_path / "one"), tmp_path / "two", of_folder(tmp_path / "one"), "get it again")
    assert (tmp_path / "two" / "model.bin").read_bytes() == FIRST + SECOND
    (parts / "model.bin.part1").write_bytes(SECOND)
    with pytest.raises(EngineUnavailable, match=r"two versions of model\.bin\.part1"):
        join(SMALL, tmp_path / "three", of_folder(parts), "get it again")
