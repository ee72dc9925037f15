"""Answers each host as its model would: one tool call, then a text."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SAID = "all is done"
TOOL = "echo by-the-tool"
CHOICE = '{"reasoning": "none", "next_speaker": "user", "model_choice": "flash"}'


def claude(asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give the events of one answer of the messages API."""
    usage = {"input_tokens": 1, "output_tokens": 1}
    message = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": []}
    yield {"type": "message_start", "message": message | {"stop_reason": None, "usage": usage}}
    offered = [tool.get("name") for tool in asked.get("tools", [])]
    calls = "Bash" in offered and "tool_result" not in json.dumps(asked["messages"])
    if calls:
        block: dict[str, Any] = {"type": "tool_use", "id": "t1", "name": "Bash", "input": {}}
        given = json.dumps({"command": TOOL, "description": "say"})
        delta = {"type": "input_json_delta", "partial_json": given}
    else:
        block, delta = {"type": "text", "text": ""}, {"type": "text_delta", "text": SAID}
    yield {"type": "content_block_start", "index": 0, "content_block": block}
    yield {"type": "content_block_delta", "index": 0, "delta": delta}
    yield {"type": "content_block_stop", "index": 0}
    why = {"stop_reason": "tool_use" if calls else "end_turn", "stop_sequence": None}
    yield {"type": "message_delta", "delta": why, "usage": usage}
    yield {"type": "message_stop"}


def codex(asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give the events of one answer of the responses API."""
    response = {"id": "r1", "object": "response", "output": []}
    yield {"type": "response.created", "response": response}
    offered = [tool.get("name") for tool in asked.get("tools", [])]
    done = "function_call_output" in json.dumps(asked.get("input", []))
    if not done and "exec_command" in offered:
        given = json.dumps({"cmd": TOOL})
        item: dict[str, Any] = {"type": "function_call", "name": "exec_command"}
        item |= {"call_id": "c1", "arguments": given}
    elif not done and "shell" in offered:
        given = json.dumps({"command": ["sh", "-c", TOOL]})
        item = {"type": "function_call", "name": "shell", "call_id": "c1", "arguments": given}
    else:
        content = [{"type": "output_text", "text": SAID}]
        item = {"type": "message", "role": "assistant", "id": "i1", "content": content}
    yield {"type": "response.output_item.done", "output_index": 0, "item": item}
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    yield {"type": "response.completed", "response": response | {"usage": usage}}


def gemini(asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give the one piece of an answer of generateContent."""
    offered = json.dumps(asked.get("tools", []))
    if "run_shell_command" in offered and "functionResponse" not in json.dumps(asked["contents"]):
        given = {"command": TOOL, "description": "say"}
        part: dict[str, Any] = {"functionCall": {"name": "run_shell_command", "args": given}}
    else:
        part = {"text": SAID}
    candidate = {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}
    usage = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}
    yield {"candidates": [candidate], "usageMetadata": usage}


class StandIn:
    """Listens on loopback in a model's place; `asked` are the bodies of its requests."""

    def __init__(self, answers: Any) -> None:
        asked: list[str] = []
        self.asked = asked

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._say(b'{"data": [], "models": []}', "application/json")

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                asked.append(body.decode(errors="replace"))
                try:
                    events = list(answers(json.loads(body)))
                except (ValueError, KeyError, TypeError):
                    events = []
                if not events or "count_tokens" in self.path or "countTokens" in self.path:
                    self._say(b'{"input_tokens": 1, "totalTokens": 1}', "application/json")
                elif "generateContent" in self.path:  # who speaks next, which model is to answer
                    events[0]["candidates"][0]["content"]["parts"] = [{"text": CHOICE}]
                    self._say(json.dumps(events[0]).encode(), "application/json")
                else:
                    named = (f"event: {e['type']}\n" if "type" in e else "" for e in events)
                    rows = (
                        f"{n}data: {json.dumps(e)}\n\n" for n, e in zip(named, events, strict=True)
                    )
                    self._say("".join(rows).encode(), "text/event-stream")

            def _say(self, body: bytes, kind: str) -> None:
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def end(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
