"""The command line `worker-service`, also under the name of a tool that hosts its own worker."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from incumbent.lifecycle.settings import Worker


def commands(
    worker: "Callable[..., Worker]",
    words: "Sequence[str]",
    called: str,
    also: "Collection[str]" = (),
) -> int:
    """Run one command for a tool's own worker, as `worker-service` does; give its exit code.

    `worker` makes the worker, such as `functools.partial(Worker, "mytool", "1.2.0", "mytool:app")`;
    it gets `data_dir` and `port` where these were typed. `words` come after `called`, which is what
    people type, such as `mytool worker`: every message names its next command by it. `diagrams` and
    `build-and-sync` are for authors: they are there where `also` names them.
    """
    import os

    from incumbent.lifecycle.about import COMMAND_VARIABLE

    from .main import main

    before = os.environ.get(COMMAND_VARIABLE)
    os.environ[COMMAND_VARIABLE] = called
    try:
        return main(list(words), worker, tuple(also))
    finally:
        if before is None:
            del os.environ[COMMAND_VARIABLE]
        else:
            os.environ[COMMAND_VARIABLE] = before
