"""Makes api/doors/pages/static/glow-voice.min.js from glow-voice.js: `python scripts/minify_client.py [ESBUILD]`.

It takes esbuild (Debian's package `esbuild`, or `npm install esbuild`), which neither the service nor its tests need:
the file is kept in the repository, and its first line names the source that it was made of.
"""

import hashlib
import subprocess
import sys
from pathlib import Path

STATIC = Path(__file__).parents[1] / "api" / "doors" / "pages" / "static"


def main() -> None:
    """Minify the client."""
    esbuild = sys.argv[1] if len(sys.argv) > 1 else "esbuild"
    source = STATIC / "glow-voice.js"
    command = [esbuild, str(source), "--minify", "--format=esm", "--charset=utf8", "--target=es2022"]
    small = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    first = f"/* Glow Voice, GPL-3.0-or-later; glow-voice.js {digest} */\n"
    (STATIC / "glow-voice.min.js").write_text(first + small, "utf-8")


if __name__ == "__main__":
    main()
