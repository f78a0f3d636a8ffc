"""Fixtures that several folders share, and what keeps a slow machine from failing a test."""

import os
from pathlib import Path

# Nothing here speaks TLS, and every client reads all certificate authorities: 30 ms, thousands of times.
os.environ.setdefault("SSL_CERT_DIR", str(Path(__file__).parent / "fixtures"))

# The packaged sentence model reads all documents for half a minute after the first question, while answers change.
os.environ.setdefault("GLOW_EMBEDDINGS", "none")

import pytest
from hypothesis import HealthCheck, settings

from tests.browser.chromium import ABSENT, CHROMIUM
from tests.neural import neural_models, whisper_base
from tests.servers.llm import llm_server, llm_server_running
from tests.service import service

__all__ = ["llm_server", "llm_server_running", "neural_models", "service", "whisper_base"]

# The same examples in every run, however long one takes; `pytest --hypothesis-profile=default` looks for new ones.
settings.register_profile("steady", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")


@pytest.hookimpl(tryfirst=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Say in the very last line that the tests of the browser were skipped, whichever were chosen."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if CHROMIUM is None and reporter is not None and not hasattr(config, "workerinput"):
        reporter.write_line(ABSENT)
