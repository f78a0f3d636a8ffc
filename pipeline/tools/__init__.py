"""What a persona's tools run: HTTP calls, tools of MCP servers, and what is built in."""
