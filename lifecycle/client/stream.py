"""An HTTP answer that is read while it comes."""

from select import POLLERR, POLLHUP, POLLIN, poll

from .http import CUT_OFF, Connection, NotHttpError, SilentError, field, request_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD_LIMIT_BYTES = 100_000
CONTINUE = 100


class AskerGoneError(Exception):
    """Who wanted the answer is not there any more."""


class Stream(Connection):
    """A connection whose last answer comes piece by piece, for as long as it takes.

    `asker` is a pipe's writing end: once nobody reads from it, nobody waits for the answer.
    """

    __slots__ = ("_asker", "_left", "taken")

    def __init__(self, host: str, port: int, timeout: float, asker: int = -1) -> None:
        super().__init__(host, port, timeout)
        self._left = b""
        self._asker = asker
        self.taken = False  # whether the other side has begun to read the body

    def begin(
        self, method: str, path: str, body: bytes, headers: str, patience: float
    ) -> tuple[int, bytes]:
        """Ask; give the status and the head.

        The body is sent when the other side wants it: what fails before is as if never asked. From
        here on a piece of the answer may take `patience` seconds. Raises SilentError, NotHttpError
        or AskerGoneError.
        """
        headers += "Expect: 100-continue\r\n"
        request = request_bytes(method, path, self._host, self._port, body, headers)
        self._send(request[: len(request) - len(body)], patience)
        while True:
            head = self._until(b"\r\n\r\n", patience)
            if not head.startswith(b"HTTP/1.") or not head[9:12].isdigit():
                raise NotHttpError("an answer that is not HTTP")
            status = int(head[9:12])
            if status != CONTINUE:
                return status, head
            self.taken = True
            self._send(body, patience)

    def pieces(self, head: bytes, patience: float) -> "Iterator[bytes]":
        """Give the body that comes behind this head as it comes.

        Raises SilentError where it was cut off, AskerGoneError.
        """
        if field(head, b"transfer-encoding").lower() == b"chunked":
            yield from self._chunks(patience)
            return
        length = field(head, b"content-length")
        due = int(length) if length.isdigit() else None
        while due is None or due > 0:
            if not self._left and not self._more(patience):
                if due is None:
                    return
                raise SilentError(CUT_OFF)
            piece, self._left = self._left, b""
            due = None if due is None else due - len(piece)
            yield piece

    def _chunks(self, patience: float) -> "Iterator[bytes]":
        while True:
            size = int(self._until(b"\r\n", patience).partition(b";")[0], 16)
            if size == 0:
                return
            while len(self._left) < size + 2:
                if not self._more(patience):
                    raise SilentError(CUT_OFF)
            piece, self._left = self._left[:size], self._left[size + 2 :]
            yield piece

    def _until(self, mark: bytes, patience: float) -> bytes:
        while mark not in self._left:
            if len(self._left) > HEAD_LIMIT_BYTES:
                raise NotHttpError("a head without end")
            if not self._more(patience):
                raise SilentError("the connection was closed without a whole answer")
        line, _, self._left = self._left.partition(mark)
        return line

    def _send(self, content: bytes, patience: float) -> None:
        try:
            self._sock.settimeout(patience)
            self._sock.sendall(content)
        except (OSError, TimeoutError) as error:
            raise SilentError("the connection was cut while it was asked") from error

    def _more(self, patience: float) -> bool:
        """Read what is there, waiting if need be; False at the end."""
        waiting = poll()
        waiting.register(self._sock, POLLIN)
        if self._asker >= 0:
            waiting.register(self._asker, 0)  # an error there is told all the same
        ready = waiting.poll(patience * 1000)
        if not ready:
            raise SilentError("no answer in time")
        if any(fd == self._asker and what & (POLLERR | POLLHUP) for fd, what in ready):
            raise AskerGoneError
        try:
            more = self._sock.recv(65536)
        except ConnectionError:
            return False
        self._left += more
        return more != b""
