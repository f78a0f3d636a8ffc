"""The instructions of a Dockerfile, and an image of it made without Docker: a folder, and an environment in it."""

import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

SHIM = """#!/bin/sh
echo "{name} $*" >> {log}
"""
"""What stands for a program that changes the machine."""


def instructions(text: str) -> list[tuple[str, str]]:
    """Each instruction with its arguments, continued lines joined, without comments."""
    joined = re.sub(r"\\\n\s*", " ", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in joined.splitlines() if line.strip()]


def ignored(text: str) -> list[str]:
    """What .dockerignore leaves in: the names after the exclamation marks, where all else is ignored."""
    lines = text.split()
    assert lines[0] == "*"
    return [line.removeprefix("!") for line in lines if line.startswith("!")]


@dataclass
class Image:
    """What the instructions made.

    Attributes:
        root: stands for the root of the file system.
        environment: what ENV set, with paths below `root`.
        user: of USER.
        command, health: of CMD and HEALTHCHECK.
        changes: what would have changed the machine, a line each.
    """

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    user: int = 0
    workdir: Path = Path("/")
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)
    volumes: list[str] = field(default_factory=list)
    ports: list[str] = field(default_factory=list)

    @property
    def changes(self) -> list[str]:
        """What would have changed the machine, a line each."""
        log = self.root / "changes"
        return log.read_text().splitlines() if log.exists() else []

    @property
    def path(self) -> str:
        """The PATH of a process in the image."""
        return os.pathsep.join([str(self.root / "shims"), str(self.root / "python" / "bin"), os.defpath])

    def within(self, path: str) -> Path:
        """Where a path of the image lies on this machine."""
        return self.root / path.lstrip("/") if path.startswith("/") else self.workdir / path


def build(dockerfile: Path, context: Path, root: Path) -> Image:
    """Carry out the instructions on a new environment of the Python that runs this."""
    before = os.umask(0o022)  # as Docker's
    try:
        return _built(Image(root, workdir=root), dockerfile, context)
    finally:
        os.umask(before)


def _built(image: Image, dockerfile: Path, context: Path) -> Image:
    root = image.root
    left_in = ignored((context / ".dockerignore").read_text())
    install_python(root / "python")
    # A copied Python looks for its library where it was before.
    image.environment["LD_LIBRARY_PATH"] = str(root / "python" / "lib")
    (root / "shims").mkdir()
    for name in ("useradd", "chown"):
        shim = root / "shims" / name
        shim.write_text(SHIM.format(name=name, log=root / "changes"))
        shim.chmod(0o755)
    for name, arguments in instructions(dockerfile.read_text("utf-8")):
        match name:
            case "FROM":
                assert re.fullmatch(r"python:3\.\d+-slim", arguments)
            case "WORKDIR":
                image.workdir = image.within(arguments)
                image.workdir.mkdir(parents=True)
            case "COPY":
                *sources, target = arguments.split()
                for source in sources:
                    assert source in left_in, f".dockerignore keeps {source} out"
                    copy(context / source, image.within(target), is_folder=target.endswith("/") or target == "./")
            case "RUN":
                run(image, arguments)
            case "ENV":
                for setting in shlex.split(arguments):
                    key, value = setting.split("=", 1)
                    image.environment[key] = str(image.within(value)) if value.startswith("/") else value
            case "USER":
                image.user = int(arguments)
            case "VOLUME":
                image.volumes.append(arguments)
            case "EXPOSE":
                image.ports.append(arguments)
            case "HEALTHCHECK":
                image.health = eval(arguments[arguments.index("CMD") + 3 :])
            case "CMD":
                image.command = eval(arguments)
            case _:
                raise AssertionError(f"this test knows no {name}")
    return image


def install_python(folder: Path) -> None:
    """Put a Python with pip and nothing else into a folder, which any user can run."""
    base = Path(sys.base_prefix)
    if all(above.stat().st_mode & stat.S_IXOTH for above in (base, *base.parents)):
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        return
    # In the home of another user: a copy, whose program finds its library beside it.
    left_out = shutil.ignore_patterns("site-packages", "test", "tests", "__pycache__", "*.a", "share")
    shutil.copytree(base, folder, symlinks=True, ignore=left_out)
    for program in (folder / "bin").iterdir():
        if not program.name.startswith("python"):
            program.unlink()
    subprocess.run([folder / "bin" / "python3", "-m", "ensurepip", "--default-pip"], check=True, capture_output=True)


def copy(source: Path, target: Path, *, is_folder: bool) -> None:
    """Copy a file into a folder, or a folder's content, as COPY does."""
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target / source.name if is_folder else target)


def run(image: Image, command: str) -> None:
    """Run a command of a shell, whose absolute paths lie in the image."""
    moved = re.sub(r"(?<=\s)/(\w+)", lambda found: str(image.root / found[1]), command)
    # How this machine reaches an index of packages.
    environment = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "HOME"))}
    environment |= {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    ran = subprocess.run(
        ["/bin/sh", "-ec", moved],
        cwd=image.workdir,
        env=environment | image.environment | {"PATH": image.path},
        capture_output=True,
        text=True,
        check=False,
        timeout=800,
    )
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-3000:]
