"""Fixtures that several folders share."""

from tests.servers_llm import llm_server, llm_server_running
from tests.service import service

__all__ = ["llm_server", "llm_server_running", "service"]
