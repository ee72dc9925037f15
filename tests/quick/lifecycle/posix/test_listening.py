"""The kernel says who listens on an address."""

import os
import socket

import pytest

from incumbent.lifecycle.posix.listening import listens, who_listens

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/net/tcp"), reason="no /proc")


def test_who_listens_is_named_with_user_pid_and_command():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        (found,) = who_listens("127.0.0.1", port)
        assert (found.uid, found.pid) == (os.getuid(), os.getpid())
        assert "python" in found.command
        assert listens(os.getpid(), "127.0.0.1", port)
        assert who_listens("127.0.0.2", port) == []
    assert who_listens("127.0.0.1", port) == []
    assert not listens(os.getpid(), "127.0.0.1", port)


def test_who_listens_everywhere_listens_here_too():
    with socket.create_server(("", 0)) as listener:
        (found,) = who_listens("127.0.0.1", listener.getsockname()[1])
        assert found.pid == os.getpid()
