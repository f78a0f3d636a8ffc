"""The browser client as a package: its size, its names, and what `npm pack` makes of it."""

import gzip
import hashlib
import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from api.doors.pages import STATIC
from tests.service import RunningService, http

ROOT = Path(__file__).parents[4]
CLIENT = (STATIC / "glow-voice.js").read_text("utf-8")
TYPES = (STATIC / "glow-voice.d.ts").read_text("utf-8")
PACKAGE = json.loads((STATIC / "package.json").read_text("utf-8"))
SCRIPTS = ("glow-voice.js", "glow-echo.js", "glow-capture.js", "glow-playback.js")


def test_the_client_is_under_20_kb_on_the_wire(service: RunningService) -> None:
    sizes = {}
    for name in SCRIPTS:
        with http.stream("GET", f"{service.url}/static/{name}", headers={"Accept-Encoding": "gzip"}) as answer:
            raw = b"".join(answer.iter_raw())
        assert answer.headers["content-encoding"] == "gzip"
        assert gzip.decompress(raw) == (STATIC / name).read_bytes()
        sizes[name] = len(raw)
    assert sum(sizes.values()) - sizes["glow-echo.js"] < 15_000
    assert sum(sizes.values()) < 20_000


def test_the_small_client_is_made_of_the_readable_one_and_under_20_kb() -> None:
    small = (STATIC / "glow-voice.min.js").read_bytes()
    digest = hashlib.sha256((STATIC / "glow-voice.js").read_bytes()).hexdigest()
    assert digest.encode() in small.splitlines()[0], "run scripts/minify_client.py"
    assert len(small) < 20_000


def test_the_declarations_name_what_the_client_has() -> None:
    events = TYPES[TYPES.index("interface CallEvents") : TYPES.index("export class Call ")]
    declared = set(re.findall(r"^  (\w+): (?:\{|Record)", events, re.MULTILINE))
    emitted = set(re.findall(r'#emit\("(\w+)"', CLIENT))
    assert emitted == declared
    call = TYPES[TYPES.index("export class Call ") :]
    methods = set(re.findall(r"^  (\w+)\(", call, re.MULTILINE)) - {"constructor"}
    for name in methods:
        assert re.search(rf"^  (async )?{name}\(", CLIENT, re.MULTILINE), name
    for name in re.findall(r"^  (?:readonly )?(\w+)\??: ", call, re.MULTILINE):
        assert re.search(rf"^  (get )?{name}\b", CLIENT, re.MULTILINE), name


def test_every_key_of_the_client_has_its_sentence() -> None:
    sentences = dict(re.findall(r'^  (\w+): "(.*)",$', CLIENT[: CLIENT.index("export class")], re.MULTILINE))
    used = set(re.findall(r'(?:#tell|#once|#trouble|#solved|#again|CallError)\("(\w+)"\)', CLIENT))
    assert used
    assert used <= set(sentences)
    assert all(re.search(r"[.?]$", sentence) for sentence in sentences.values())


def test_nothing_in_it_is_made_from_text_or_comes_from_elsewhere() -> None:
    for name in SCRIPTS:
        text = (STATIC / name).read_text("utf-8")
        assert not re.search(r"\beval\b|new Function|blob:|https?://|localStorage|sessionStorage|innerHTML", text), name


def test_the_package_has_the_version_and_licence_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert (PACKAGE["version"], PACKAGE["license"]) == (project["version"], project["license"])
    assert not {"dependencies", "peerDependencies"} & set(PACKAGE)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_npm_packs_it(tmp_path: Path) -> None:
    packed = subprocess.run(
        ["npm", "pack", "--json", "--offline", "--pack-destination", str(tmp_path)],
        cwd=STATIC, capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    (made,) = json.loads(packed.stdout)
    assert {file["path"] for file in made["files"]} == {
        *SCRIPTS,
        "glow-voice.min.js",
        "glow-voice.d.ts",
        "package.json",
        "LICENSE",
    }
    assert (tmp_path / f"glow-voice-{PACKAGE['version']}.tgz").exists()
