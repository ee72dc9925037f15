"""Refuses a data dir that another service uses."""

from __future__ import annotations

from ._small_json import loads, read_small
from .errors import AnotherServiceError
from .trust import check_open

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .settings import Worker

# file -> under which key it says whose it is
NAMED_IN = (("launch.json", "name"), ("spawn.lock", "service"))


def check_service(worker: Worker) -> None:
    """Look whether a file in the data dir names another service; raises AnotherServiceError.

    A file that says nothing of it is nobody's in particular.
    """
    for file, key in NAMED_IN:
        path = worker.path(file)
        service = _service(path, key)
        if service and service != worker.name:
            raise AnotherServiceError(path, service, worker.name)


def service_of(data_dir: str) -> str:
    """Give the name of the service whose data dir this is; "" where none is named."""
    named = (_service(f"{data_dir}/{file}", key) for file, key in NAMED_IN)
    return next(filter(None, named), "")


def _service(path: str, key: str) -> str:
    try:
        said = loads(read_small(path, check_open))
    except (OSError, ValueError, RecursionError):
        return ""
    service = said.get(key) if isinstance(said, dict) else None
    return service if isinstance(service, str) else ""
