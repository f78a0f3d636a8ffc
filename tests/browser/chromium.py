"""Where Chromium is on this machine, and how tests start it."""

import os
import shutil

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
"""Debian's package `chromium`; the driver's own download of a browser is not used."""

ABSENT = "There is no Chromium: tests/browser is skipped. Run `apt-get install chromium`, or name one in CHROMIUM."

FLAGS = [
    "--no-sandbox",  # as root, in a container, there is none
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP plain.test 127.0.0.1",  # a name that is not this machine's own: no secure context
]
FAKE_MICROPHONE = "--use-fake-device-for-media-stream"
