"""The app of the drill: records every event, answers the hooks that may bring context."""

from __future__ import annotations

import json
import os
from typing import Any

__version__ = "1.0.0"
CONTEXT = "what the app of the drill knows"
ASKED_FOR_IT = ("SessionStart", "UserPromptSubmit", "BeforeAgent")


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Take an event in by POST, give all of them by GET."""
    if scope["type"] != "http":
        return
    path = os.path.join(os.environ["INCUMBENT_DATA_DIR"], "drill.jsonl")
    if scope["method"] == "POST":
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        said = _taken(json.loads(body), path)
    else:
        with open(path, encoding="utf-8") as file:
            said = {"events": [json.loads(line) for line in file]}
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(said).encode()})


def _taken(event: dict[str, Any], path: str) -> dict[str, Any]:
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps(event) + "\n")
    if event["event"] not in ASKED_FOR_IT:
        return {}
    answer = {"hookEventName": event["event"], "additionalContext": CONTEXT}
    return {"hook": {"hookSpecificOutput": answer}}
