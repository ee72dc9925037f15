"""Notes the last launch that was numbered, before anything slow is imported."""

from .._small_json import loads, read_small
from ..generation import Generation
from ..trust import check_open

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..settings import Worker


def noted_now(worker: "Worker") -> Generation | None:
    """Give the highest number in the launch record; None where it has none that can be read."""
    try:
        said = loads(read_small(worker.path("launch.json"), check_open))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    line, number = said.get("line"), said.get("generation")
    if isinstance(line, str) and line and type(number) is int and number >= 0:
        return Generation(line, number)
    return None
