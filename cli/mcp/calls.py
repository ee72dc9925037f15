"""Does what takes time in a process of its own, so that the bridge can answer meanwhile."""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# What a line of the pipe is, by its first byte.
MESSAGE, QUESTION, ANSWER, SESSION = b"m", b"q", b"a", b"s"


class Call:
    """One piece of work under way: its process, and the pipe by which it tells of it.

    `identity` is that of the request which it answers, None where it answers none; `modern` is
    whether its client cancels by going, not by saying so to the worker's server.
    """

    def __init__(self, identity: object = None, modern: bool = False) -> None:
        self.identity, self.modern = identity, modern
        self.pid = self.fd = -1
        self.session = ""
        self.answered = self.cancelled = False
        self._left = b""

    def begin(self, work: "Callable[[Telling], None]", inherited: "Iterable[int]") -> None:
        """Do the work; its process keeps none of the `inherited` descriptors."""
        self.fd, theirs = os.pipe()
        try:
            self.pid = os.fork()
        except OSError:
            os.close(self.fd)
            os.close(theirs)
            raise
        if self.pid == 0:
            try:
                os.setsid()  # whoever ends the bridge's group ends no launch with it
                for fd in (self.fd, *inherited):
                    os.close(fd)
                _do(work, Telling(theirs))
            finally:
                os._exit(0)
        os.close(theirs)

    def lines(self) -> "list[bytes] | None":
        """Give the whole lines that came since; None at the end, when its process is gone."""
        more = os.read(self.fd, 65536)
        if not more:
            os.close(self.fd)
            os.waitpid(self.pid, 0)
            return None
        *lines, self._left = (self._left + more).split(b"\n")
        return lines

    def end(self) -> None:
        """End the process, whose answer nobody wants any more."""
        os.kill(self.pid, 15)


class Telling:
    """The pipe as its writer has it."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def line(self, kind: bytes, text: str) -> None:
        """Tell one thing; raises OSError when the bridge is gone."""
        left = kind + text.encode() + b"\n"
        while left:
            left = left[os.write(self.fd, left) :]


def _do(work: "Callable[[Telling], None]", telling: Telling) -> None:
    try:
        work(telling)
    except BrokenPipeError:
        return  # the bridge is gone
    except Exception as error:
        from incumbent.lifecycle.messages import say

        say([f"{type(error).__name__}: {error}"])
