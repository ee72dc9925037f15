"""Takes the arguments apart: the options of every command, the command, its own words."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from incumbent.lifecycle.settings import Worker

COMMANDS = {
    "start": "start",
    "stop": "stop",
    "restart": "restart",
    "status": "status",
    "run": "run",
    "trace": "trace",
    "diagrams": "diagrams",
}
USAGE = "usage: worker-service [--data-dir D] [--port P] [--json] COMMAND\n"


def split(words: "list[str]") -> "tuple[dict[str, str], list[str]]":
    """Give the options of every command, wherever they stand, then all other words."""
    given: dict[str, str] = {}
    rest: list[str] = []
    words = list(words)
    while words:
        word = words.pop(0)
        name, equals, value = word.partition("=")
        if word == "--json":
            given["json"] = "yes"
        elif name in ("--data-dir", "--port"):
            if not equals and not words:
                given["trouble"] = f"{name} needs a value"
                continue
            given[name.lstrip("-").replace("-", "_")] = value if equals else words.pop(0)
        else:
            rest.append(word)
    return given, rest


def worker_of(given: "dict[str, str]") -> "Worker":
    """Give the worker that the options of every command name; raises SettingsError."""
    from incumbent.lifecycle.settings import Worker

    port: Any = given.get("port")  # text is checked as settings from elsewhere are
    return Worker(data_dir=given.get("data_dir"), port=port)
