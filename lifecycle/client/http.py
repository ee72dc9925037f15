"""One HTTP question to a loopback port under a deadline, with nothing slow imported."""

# `socket` costs a hook several milliseconds of enum and selector imports; this is what it wraps.
from _socket import AF_INET, AF_INET6, SOCK_STREAM, socket
from time import monotonic

from .peer import GoneError, stranger, user_named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

HEAD_LIMIT_BYTES = 65_536
ANSWER_LIMIT_BYTES = 1_000_000
CUT_OFF = "the answer was cut off"
ENDLESS = "an answer without end"


class DarkError(Exception):
    """Nobody listens on the port."""


class SilentError(Exception):
    """Somebody accepted; no answer came in time, or the connection was cut before one."""


class NoAddressError(SilentError):
    """This machine has no such address, so nobody can listen on it."""


class NotHttpError(Exception):
    """Somebody answered in something else than HTTP."""


class AnotherUserError(NotHttpError):
    """The one who answers there is another user; nothing was sent."""

    def __init__(self, uid: int) -> None:
        super().__init__(uid)
        self.uid = uid

    @property
    def who(self) -> str:
        """Name the user, for people."""
        return user_named(self.uid)

    def __str__(self) -> str:
        return f"the port is held by {self.who}"


def literal(host: str) -> str:
    """Give an address as it is written before a port."""
    return f"[{host}]" if ":" in host else host


def request_bytes(
    method: str,
    path: str,
    host: str,
    port: int,
    body: bytes = b"",
    headers: str = "",
    last: bool = True,
) -> bytes:
    """Give one whole HTTP/1.1 request; after the `last` the connection is to be closed."""
    head = f"{method} {path} HTTP/1.1\r\nHost: {literal(host)}:{port}\r\n{headers}"
    if last:
        head += "Connection: close\r\n"
    if body or method == "POST":
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"{head}\r\n".encode("latin-1") + body


class Connection:
    """One connection on which questions are asked one after the other, under one deadline.

    `there` is the address at its far end, as the kernel has it. Nothing is sent to another user,
    root excepted. Connecting to oneself counts as dark: a connect to a closed port inside the
    ephemeral range can do that (Linux 6).
    """

    __slots__ = ("_deadline", "_host", "_port", "_sock", "there")

    def __init__(self, host: str, port: int, timeout: float) -> None:
        """Connect; all that follows has `timeout` seconds from now.

        Raises DarkError, NoAddressError, SilentError, NotHttpError or AnotherUserError.
        """
        self._host, self._port = host, port
        self._deadline = monotonic() + timeout
        try:
            sock = socket(_family(host), SOCK_STREAM)
        except OSError as error:
            trouble = _no_connection(error, host)
            if not isinstance(trouble, NoAddressError):
                raise  # no descriptor is left: nothing was asked
            raise trouble from error
        self._sock = sock
        try:
            sock.settimeout(timeout)
            sock.connect((host, port))
            self.there = check_far_end(sock)
        except BaseException as error:
            sock.close()
            if isinstance(error, (ConnectionRefusedError, ConnectionAbortedError)):
                raise DarkError from error
            if isinstance(error, TimeoutError):
                raise SilentError("no answer in time") from error
            if isinstance(error, OSError):
                raise _no_connection(error, host) from error
            raise

    def close(self) -> None:
        """Close it."""
        self._sock.close()

    def ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: str = "",
        last: bool = True,
        limit: int = ANSWER_LIMIT_BYTES,
    ) -> tuple[int, bytes, bytes]:
        """Give the status, the head in small letters and the body of one answer.

        An answer of more than `limit` bytes is not read. Raises SilentError or NotHttpError.
        """
        request = request_bytes(method, path, self._host, self._port, body, headers, last)
        try:
            self._sock.settimeout(self._remaining())
            self._sock.sendall(request)
            received = self._received()
            if not received:
                raise SilentError("the connection was closed without an answer")
            while (parts := _head(received)) is None:
                more = self._received()
                received += more
                if not more:
                    raise SilentError(CUT_OFF)
                if len(received) > HEAD_LIMIT_BYTES:
                    raise NotHttpError(ENDLESS)
            return parts[0], parts[1], self._body(*parts[1:], limit)
        except TimeoutError as error:
            raise SilentError("no answer in time") from error
        except (ConnectionResetError, BrokenPipeError) as error:
            raise SilentError("the connection was reset") from error

    def _body(self, head: bytes, begins: bytes, limit: int) -> bytes:
        length = _length(head)
        if length is not None and length > limit:
            raise NotHttpError(ENDLESS)
        pieces, count = [begins], len(begins)
        while length is None or count < length:
            more = self._received()
            if not more:
                break
            pieces.append(more)
            count += len(more)
            if count > limit:
                raise NotHttpError(ENDLESS)
        body = b"".join(pieces)
        if length is None:
            return _without_chunks(body) if b"\r\ntransfer-encoding: chunked" in head else body
        if count < length:
            raise SilentError(CUT_OFF)  # whoever gave it has died meanwhile
        return body[:length]

    def _received(self) -> bytes:
        self._sock.settimeout(self._remaining())
        return self._sock.recv(65536)

    def _remaining(self) -> float:
        remaining = self._deadline - monotonic()
        if remaining <= 0:
            raise SilentError("no whole answer in time")
        return remaining


def check_far_end(sock: socket) -> "tuple[Any, ...]":
    """Give the address at the far end, where it is ours, or root, who answers.

    Raises DarkError, SilentError, AnotherUserError, or NotHttpError for one that said something
    else and went.
    """
    here, there = sock.getsockname(), sock.getpeername()
    if here == there:
        raise DarkError
    try:
        uid = stranger(here, there)
    except GoneError as error:
        if said := sock.recv(ANSWER_LIMIT_BYTES):  # before it went; nothing is sent to it
            _head(said)
        raise SilentError("the connection was closed without an answer") from error
    if uid is not None:
        raise AnotherUserError(uid)
    address: tuple[Any, ...] = there
    return address


def _family(host: str) -> int:
    return AF_INET6 if ":" in host else AF_INET


def _no_connection(error: OSError, host: str) -> "SilentError":
    """Give what it means that no connection came about, beyond a refusal."""
    import errno

    nowhere = error.errno in (errno.EAFNOSUPPORT, errno.ENETUNREACH, errno.ENETDOWN)
    if error.errno == errno.EADDRNOTAVAIL:  # said too when every local port is taken
        nowhere = not _is_local(host)
    if nowhere:
        return NoAddressError(error.strerror)
    return SilentError(f"the connection failed: {error.strerror}")  # closed while we queued


def _is_local(host: str) -> bool:
    import errno

    sock = socket(_family(host), SOCK_STREAM)
    try:
        sock.bind((host, 0))
    except OSError as error:
        return error.errno != errno.EADDRNOTAVAIL
    finally:
        sock.close()
    return True


def _head(received: bytes) -> tuple[int, bytes, bytes] | None:
    if not b"HTTP/1.".startswith(received[:7]):
        raise NotHttpError("an answer that is not HTTP")
    head, gap, body = received.partition(b"\r\n\r\n")
    if not gap:
        return None
    code = head[9:12]
    if not code.isdigit():
        raise NotHttpError("an answer without a status")
    return int(code), head.lower(), body


def field(head: bytes, name: bytes) -> bytes:
    """Give the value of a header, whose name is in small letters; empty where there is none.

    The head's own letters may be of either size, as it came.
    """
    at = head.lower().find(b"\r\n%s:" % name)
    return head[at + len(name) + 3 :].partition(b"\r\n")[0].strip() if at >= 0 else b""


def _length(head: bytes) -> int | None:
    digits = field(head, b"content-length")
    if not digits.isdigit():
        return None
    if len(digits) > 9:
        raise NotHttpError(ENDLESS)
    return int(digits)


def _without_chunks(body: bytes) -> bytes:
    """Give a body that came in chunks (RFC 9112, 7.1)."""
    pieces: list[bytes] = []
    at = 0
    while True:
        end = body.find(b"\r\n", at)
        try:
            length = int(body[at : max(end, at)].partition(b";")[0], 16)
        except ValueError:
            raise SilentError(CUT_OFF) from None
        if length <= 0:
            return b"".join(pieces)
        at = end + 2 + length + 2
        pieces.append(body[end + 2 : at - 2])
        if at > len(body):
            raise SilentError(CUT_OFF)
