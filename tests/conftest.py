"""Fixtures that several folders share, and what keeps a slow machine from failing a test."""

from functools import cache

import httpx
from hypothesis import HealthCheck, settings

from tests.servers.llm import llm_server, llm_server_running
from tests.service import WAIT_S, service

__all__ = ["llm_server", "llm_server_running", "service"]

# The same examples in every run, however long one takes; `pytest --hypothesis-profile=default` looks for new ones.
settings.register_profile("steady", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")

# httpx gives up after 5 s where a test says nothing else.
for phase in ("connect", "read", "write", "pool"):
    setattr(httpx._config.DEFAULT_TIMEOUT_CONFIG, phase, WAIT_S)

# httpx reads every certificate authority for each request without a client of its own: 30 ms, thousands of times.
httpx._transports.default.create_ssl_context = cache(httpx._transports.default.create_ssl_context)
