"""Runs `worker-service`: the console entry."""

import sys

from .arguments import is_hook, named, split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from incumbent.lifecycle.settings import Worker


def main(
    argv: "list[str] | None" = None,
    worker: "Callable[..., Worker]" = named,
    also: "Collection[str] | None" = None,
) -> int:
    """Run one command and give its exit code; without `argv`, the one this process was begun for.

    `worker` makes the worker, given the options that say where it is. Of the commands for authors
    there are those in `also`; without it, all.

    A hook runs on every event of its caller, so it meets no parser, nor anything else that is
    slow to import.
    """
    words = sys.argv[1:] if argv is None else argv
    given, rest = split(words)
    if is_hook(words, rest):
        try:
            # Not `importlib`, whose own import a hook would pay for.
            hook = __import__("incumbent.cli.hook", fromlist=["quick"])
        except ModuleNotFoundError as error:
            if error.name != "incumbent.cli.hook":
                raise
        else:
            code: int = hook.quick(given, rest, worker, last=argv is None)
            return code
    if rest == ["mcp"] and "json" not in given and "trouble" not in given:
        served = _served(given, worker)
        if served is not None:
            return served
    from .dispatch import guarded

    return guarded(given, rest, worker, argv is None, also)


def _served(given: "dict[str, str]", worker: "Callable[..., Worker]") -> int | None:
    """Serve an agent's client, which waits for the first answer; None where something is wrong."""
    from incumbent.lifecycle.errors import IncumbentError

    from .arguments import places

    stdio = __import__("incumbent.cli.mcp.stdio", fromlist=["serve"])
    try:
        code: int = stdio.serve(worker(**places(given)))
        return code
    except IncumbentError:
        return None  # whoever has the words for it meets it again


if __name__ == "__main__":
    sys.exit(main())
