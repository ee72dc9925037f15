"""Writes messages of JSON-RPC as the Model Context Protocol has them, with next to no import."""

from incumbent.lifecycle.about import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Message = dict[str, Any]

HANDSHAKE_VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
LATEST_HANDSHAKE = HANDSHAKE_VERSIONS[-1]
MODERN_VERSIONS = ("2026-07-28",)  # without a handshake: each request says what its client can
VERSION_KEY = "io.modelcontextprotocol/protocolVersion"
SERVER_KEY = "io.modelcontextprotocol/serverInfo"

# JSON-RPC 2.0, then the codes of MCP's own.
PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602
INTERNAL_ERROR = -32603
UNSUPPORTED_VERSION = -32022

_CACHED = ("server/discover", "tools/list", "prompts/list", "resources/list")


def version_of(message: "Message") -> str:
    """Give the protocol revision that a request names itself; "" for one after a handshake."""
    params = message.get("params")
    meta = params.get("_meta") if isinstance(params, dict) else None
    said = meta.get(VERSION_KEY) if isinstance(meta, dict) else None
    return said if isinstance(said, str) else ""


def result(message: "Message", said: "Message", name: str) -> "Message":
    """Give the answer to a request, with what its protocol revision wants around it.

    `name` is the service's.
    """
    if version_of(message):
        cached = {"cacheScope": "private", "ttlMs": 0} if message["method"] in _CACHED else {}
        whose = {SERVER_KEY: {"name": name, "version": VERSION}}
        said = said | cached | {"resultType": "complete", "_meta": said.get("_meta", {}) | whose}
    return {"jsonrpc": "2.0", "id": message["id"], "result": said}


def error(identity: object, code: int, sentence: str, data: object = None) -> "Message":
    """Give the refusal of a request; the identity is None where it could not be read."""
    said: Message = {"code": code, "message": sentence}
    if data is not None:
        said["data"] = data
    return {"jsonrpc": "2.0", "id": identity, "error": said}


def tool_result(said: "Message", as_text: str) -> "Message":
    """Give what a tool gave; `as_text` is for a client that reads text only."""
    return {
        "content": [{"type": "text", "text": as_text}],
        "structuredContent": said,
        "isError": not said["ok"],
    }
