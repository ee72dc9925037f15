"""The secret of the admin calls stays between this user's processes."""

import errno
import os
import subprocess
import sys

import pytest

from incumbent.lifecycle import files
from incumbent.lifecycle.errors import FilesError
from incumbent.lifecycle.posix.secret import admin_token, token_now

PROGRAM = (
    "import sys; from incumbent.lifecycle.posix.secret import *; "
    "print(admin_token(sys.argv[1], []))"
)


def test_the_secret_is_made_once(data_dir):
    path = data_dir / "token"
    first = admin_token(str(path), [])
    assert len(bytes.fromhex(first)) == 32
    assert admin_token(str(path), []) == first


def test_only_its_user_can_read_the_secret(data_dir):
    path = data_dir / "token"
    admin_token(str(path), [])
    assert path.stat().st_mode & 0o777 == 0o600


def test_two_data_dirs_have_two_secrets(data_dir):
    assert admin_token(str(data_dir / "one"), []) != admin_token(str(data_dir / "other"), [])


def test_processes_that_make_it_at_once_get_the_same(data_dir):
    path = data_dir / "token"
    makers = [
        subprocess.Popen([sys.executable, "-c", PROGRAM, path], stdout=subprocess.PIPE)
        for _ in range(6)
    ]
    assert len({maker.communicate()[0] for maker in makers}) == 1
    assert [entry.name for entry in data_dir.iterdir()] == ["token"]


@pytest.mark.parametrize(
    "content", [b"", b"short\n", b"\xff" * 64, b"G" * 64, b"x" * 64, b"0" * 63]
)
def test_a_corrupt_secret_is_set_aside(data_dir, content):
    path = data_dir / "token"
    path.write_bytes(content)
    assert len(bytes.fromhex(admin_token(str(path), []))) == 32
    [aside] = data_dir.glob("token.corrupt-*")
    assert aside.read_bytes() == content


def test_a_secret_that_cannot_be_made_is_an_error(data_dir):
    with pytest.raises(FilesError):
        admin_token(str(data_dir / "missing" / "token"), [])


def test_a_secret_that_stays_corrupt_is_an_error_in_the_end(data_dir, monkeypatch):
    path = data_dir / "token"
    path.write_bytes(b"no secret")
    asides: list[str] = []

    def not_set_aside(name: str) -> str:
        asides.append(name)
        return "it can't be set aside"

    monkeypatch.setattr(files, "set_aside", not_set_aside)
    with pytest.raises(FilesError) as raised:
        admin_token(str(path), [])
    assert (raised.value.path, raised.value.reason) == (str(path), "it changes while it is read")
    assert 1 < len(asides) < 10


def test_a_secret_that_cannot_be_read_now_is_none_now(data_dir, monkeypatch):
    path = str(data_dir / "token")
    secret = admin_token(path, [])

    def no_more(*_: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", no_more)
        assert token_now(path) == ""
    assert token_now(path) == secret
