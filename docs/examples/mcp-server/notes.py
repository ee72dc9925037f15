"""An MCP server that many sessions of an agent share: what one is told, all know."""

import sys
from functools import partial

from mcp.server.mcpserver import MCPServer

from incumbent.cli import commands
from incumbent.lifecycle import Worker

__version__ = "1.0.0"
worker = partial(Worker, "notes", __version__, "notes:app", mcp="app")
server = MCPServer("notes", instructions="What one session remembers, the others recall.")
app = server.streamable_http_app()  # the SDK's own app, at /mcp
kept: list[str] = []


@server.tool()
def remember(text: str) -> int:
    """Keep a note; give how many there are."""
    kept.append(text)
    return len(kept)


@server.tool()
def recall() -> list[str]:
    """Give all notes."""
    return kept


if __name__ == "__main__":
    sys.exit(commands(worker, sys.argv[1:], "python -m notes"))
