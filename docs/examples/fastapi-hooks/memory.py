"""A memory for agents: hooks bring what happens, and the next prompt gets it as context."""

import sys
from functools import partial
from typing import Any

from fastapi import FastAPI

from incumbent.cli import commands
from incumbent.lifecycle import Worker

__version__ = "1.0.0"
worker = partial(Worker, "memory", __version__, "memory:app")
app = FastAPI()
tools: dict[str, list[str]] = {}  # by session


@app.post("/api/events", status_code=201)
async def happened(event: dict[str, Any]) -> dict[str, Any]:
    """Take one event in; answer a prompt's hook with what the session has done so far."""
    payload = event["payload"]
    used = tools.setdefault(payload.get("session_id", ""), [])
    if event["event"] == "PostToolUse":
        used.append(payload.get("tool_name", "?"))
    if event["event"] != "UserPromptSubmit":
        return {}
    context = f"Tools used so far: {', '.join(used) or 'none'}"
    answer = {"hookEventName": "UserPromptSubmit", "additionalContext": context}
    return {"hook": {"hookSpecificOutput": answer}}


if __name__ == "__main__":
    sys.exit(commands(worker, sys.argv[1:], "python -m memory"))
