"""Who listens is read off the kernel's tables, field by field; in doubt nobody does."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
from typing import Any

import pytest

from incumbent.lifecycle.posix.listening import Listener, listens, who_listens

from ....world import bystander

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/net/tcp"), reason="no /proc")

HERE = "127.0.0.1"
LISTENING = "import socket, sys; one = socket.create_server(('127.0.0.1', 0)); " \
    "print(one.getsockname()[1], flush=True); sys.stdin.read()"  # fmt: skip


def fields(address: str, port: int, state: str, uid: int, inode: str) -> str:
    local = f"{address}:{port:04X}"
    return f"   0: {local} 00000000:0000 {state} 00000000:00000000 00:0 0 {uid} 7 {inode} 1 2\n"


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Give what the kernel's tables say, to be filled; a table without a text is not there."""
    said: dict[str, str] = {}
    opened = open

    def reading(path: Any, *more: Any, **other: Any) -> Any:
        name = str(path).removeprefix("/proc/net/")
        if name not in ("tcp", "tcp6"):
            return opened(path, *more, **other)
        if name not in said:
            raise FileNotFoundError(path)
        return io.StringIO("  sl  local_address\n" + said[name])

    monkeypatch.setattr("builtins.open", reading)
    return said


LOOPBACK = "0100007F" if sys.byteorder == "little" else "7F000001"
LOOPBACK_6 = "00000000000000000000000001000000" if sys.byteorder == "little" else "0" * 31 + "1"
NOT_OURS = "999999999"


def test_a_listener_of_another_user_is_told_by_its_number(tables: dict[str, str]):
    tables["tcp"] = fields(LOOPBACK, 8080, "0A", 4242, NOT_OURS)
    assert who_listens(HERE, 8080) == [Listener(4242)] == [Listener(4242, 0, "")]
    assert not listens(os.getpid(), HERE, 8080)


@pytest.mark.parametrize(
    ("port", "state"), [(8081, "0A"), (8080, "01"), (8080, "06")], ids=["port", "open", "waiting"]
)
def test_what_does_not_listen_there_is_nobody(tables: dict[str, str], port: int, state: str):
    tables["tcp"] = fields(LOOPBACK, port, state, 0, NOT_OURS)
    assert who_listens(HERE, 8080) == []


def test_every_line_of_both_tables_is_read(tables: dict[str, str]):
    tables["tcp"] = fields(LOOPBACK, 1, "0A", 1, "1") + fields(LOOPBACK, 8080, "0A", 2, NOT_OURS)
    tables["tcp6"] = fields("0" * 32, 8080, "0A", 3, NOT_OURS)
    assert [one.uid for one in who_listens(HERE, 8080)] == [2, 3]


def test_a_table_that_is_not_there_hides_no_other(tables: dict[str, str]):
    tables["tcp6"] = fields(LOOPBACK_6, 8080, "0A", 3, NOT_OURS)
    assert [one.uid for one in who_listens("::1", 8080)] == [3]
    assert who_listens(HERE, 8080) == []


def test_an_address_is_read_word_by_word(tables: dict[str, str]):
    word = "0A0B0C0D"
    said = word if sys.byteorder == "big" else "0D0C0B0A"
    tables["tcp"] = fields(said, 8080, "0A", 3, NOT_OURS)
    assert [one.uid for one in who_listens("10.11.12.13", 8080)] == [3]
    assert who_listens("13.12.11.10", 8080) == []


def test_a_process_of_ours_is_named_by_its_words():
    child = subprocess.Popen(
        [sys.executable, "-c", LISTENING, "two words\udcff", "\x1b[1m", "x" * 200],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert child.stdout is not None
        port = int(child.stdout.readline())
        [found] = who_listens(HERE, port)
        assert (found.pid, found.uid) == (child.pid, os.getuid())
        assert found.command.startswith(f"{sys.executable} -c import socket")
        assert len(found.command) == 80
        assert found.command.isprintable()
        assert listens(child.pid, HERE, port)
        assert not listens(os.getpid(), HERE, port)
    finally:
        child.kill()
        child.communicate()


def test_a_process_whose_command_is_short_is_named_without_what_cannot_be_printed():
    code = "import sys,socket as s;o=s.create_server(('',0));print(o.getsockname()[1],flush=1);" \
        "sys.stdin.read()"  # fmt: skip
    child = subprocess.Popen(
        ["py \x1b\udcff", "-c", code], executable=sys.executable,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONHOME": sys.base_prefix},
    )  # fmt: skip
    try:
        assert child.stdout is not None
        [found] = who_listens(HERE, int(child.stdout.readline()))
        assert found.command.startswith("py ?\ufffd -c import sys")
    finally:
        child.kill()
        child.communicate()


def test_of_two_who_have_the_same_socket_both_are_named():
    with socket.create_server((HERE, 0)) as listener:
        port = listener.getsockname()[1]
        heir = subprocess.Popen(["sleep", "60"], pass_fds=(listener.fileno(),))
        try:
            assert {one.pid for one in who_listens(HERE, port)} == {os.getpid(), heir.pid}
        finally:
            heir.kill()
            heir.wait()


def test_who_is_gone_while_we_look_is_nobody(monkeypatch: pytest.MonkeyPatch):
    listed = os.listdir
    gone = 2**22 + 1

    def with_one_more(path: str) -> list[str]:
        return [str(gone), "self", *listed(path)] if path == "/proc" else listed(path)

    with bystander() as other, socket.create_server((HERE, 0)) as listener:
        monkeypatch.setattr(os, "listdir", with_one_more)
        port = listener.getsockname()[1]
        assert [one.pid for one in who_listens(HERE, port)] == [os.getpid()]
        assert not listens(gone, HERE, port)
        assert not listens(other.pid, HERE, port)


def test_where_there_is_no_proc_nobody_is_named(monkeypatch: pytest.MonkeyPatch):
    def none(path: str) -> list[str]:
        raise FileNotFoundError(path)

    with socket.create_server((HERE, 0)) as listener:
        port = listener.getsockname()[1]
        monkeypatch.setattr(os, "listdir", none)
        assert who_listens(HERE, port) == [Listener(os.getuid())]
        assert not listens(os.getpid(), HERE, port)


def test_a_command_that_cannot_be_read_is_none(monkeypatch: pytest.MonkeyPatch):
    opened = open

    def denied(path: Any, *more: Any, **other: Any) -> Any:
        if str(path).endswith("/cmdline"):
            raise PermissionError(path)
        return opened(path, *more, **other)

    with socket.create_server((HERE, 0)) as listener:
        monkeypatch.setattr("builtins.open", denied)
        [found] = who_listens(HERE, listener.getsockname()[1])
    assert found == Listener(os.getuid(), os.getpid(), "")


def test_a_descriptor_that_is_closed_while_we_look_hides_no_other(monkeypatch: pytest.MonkeyPatch):
    listed = os.listdir

    def with_one_more(path: str) -> list[str]:
        return ["999999", *listed(path)] if path.endswith("/fd") else listed(path)

    with socket.create_server((HERE, 0)) as listener:
        port = listener.getsockname()[1]
        monkeypatch.setattr(os, "listdir", with_one_more)
        assert listens(os.getpid(), HERE, port)
