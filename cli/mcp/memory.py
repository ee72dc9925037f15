"""Answers an agent's client what needs no worker."""

from incumbent.lifecycle.about import VERSION, command
from incumbent.lifecycle.mcp_tools import instructions, tools

from . import wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from incumbent.lifecycle.settings import Worker

    from .wire import Message

LISTS = {
    "tools/list": "tools",
    "prompts/list": "prompts",
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
}


def from_memory(worker: "Worker", message: "Message") -> "Message | None":
    """Give the answer to a request; None where it takes more than what is known here."""
    method, params = message["method"], message["params"]
    said: Message
    if method == "initialize":
        wanted = params.get("protocolVersion")
        known = wanted in wire.HANDSHAKE_VERSIONS
        said = _greeting(worker) | {
            "protocolVersion": wanted if known else wire.LATEST_HANDSHAKE,
            "serverInfo": {"name": worker.name, "version": VERSION},
        }
    elif method == "server/discover":
        said = _greeting(worker) | {"supportedVersions": list(wire.MODERN_VERSIONS)}
    elif method == "tools/list":
        said = {"tools": tools()}
    elif method == "ping":
        said = {}
    elif method in LISTS and worker.mcp:
        said = {LISTS[method]: []}
    else:
        return None
    return wire.result(message, said, worker.name)


def _greeting(worker: "Worker") -> "Message":
    can: Message = {"tools": {"listChanged": False}}
    if worker.mcp:
        can |= {"prompts": {}, "resources": {}, "completions": {}, "logging": {}}
    return {"capabilities": can, "instructions": instructions(worker.name, command())}
