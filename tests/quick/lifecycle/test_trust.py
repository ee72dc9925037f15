"""Nothing is used that another user owns, may write, or could swap."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import shutil
import stat
import struct
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from incumbent.lifecycle import FilesError, TrustError, Worker, files
from incumbent.lifecycle.private import make_folder, open_file
from incumbent.lifecycle.trust import DECIDING, check_data_dir, check_open

US, THEM = 41_201, 41_202  # no user of this machine has these numbers
GROUND = os.path.realpath("/tmp")  # the sticky folder that everybody may write

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="NOT TESTED: only root can be two users at once"
)


@pytest.fixture
def ground() -> Iterator[Path]:
    """Give a folder of root's that every user can look into."""
    path = Path(tempfile.mkdtemp(dir=GROUND))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def as_user(uid: int, act: Callable[[], object], gid: int | None = None) -> str:
    """Do this as that user, in a process of its own; give what came of it, an error as its text."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setgroups([])
        os.setgid(uid if gid is None else gid)
        os.setuid(uid)
        try:
            said = f"{act()}"
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(theirs, said.encode())
        os._exit(0)
    os.close(theirs)
    with os.fdopen(ours) as pipe:
        said = pipe.read()
    os.waitpid(pid, 0)
    return said


def folder(path: Path, owner: int, mode: int = 0o700, group: int | None = None) -> Path:
    path.mkdir()
    os.chown(path, owner, owner if group is None else group)
    path.chmod(mode)
    return path


def file(path: Path, owner: int, mode: int = 0o600) -> Path:
    path.write_text("{}")
    os.chown(path, owner, owner)
    path.chmod(mode)
    return path


def verdict(path: Path, uid: int = US) -> str:
    return as_user(uid, lambda: check_data_dir(str(path)))


# The data dir itself.


def test_a_folder_of_our_own_is_used(ground):
    assert verdict(folder(ground / "data", US)) == "None"


def test_a_folder_that_is_not_there_yet_is_used(ground):
    assert verdict(ground / "missing" / "data") == "None"


def test_a_folder_of_roots_is_used(ground):
    assert verdict(folder(ground / "data", 0, 0o755)) == "None"


def test_a_folder_of_another_is_refused_whatever_its_mode(ground):
    path = folder(ground / "data", THEM, 0o755)
    said = verdict(path)
    assert said.startswith("TrustError: ")
    assert f"{path}: it belongs to the user {THEM}, not to you (mode 0755)" in said
    assert f"move it away: `mv {path} {path}.old`" in said
    assert "chown" not in said
    told = path.stat()
    assert (told.st_uid, stat.S_IMODE(told.st_mode)) == (THEM, 0o755)


def test_a_folder_of_an_ordinary_user_is_anothers_to_root(ground):
    with pytest.raises(TrustError) as caught:
        check_data_dir(str(folder(ground / "data", US)))
    assert (caught.value.owner, caught.value.mode) == (US, 0o700)
    assert "run this as that user" in str(caught.value)
    assert isinstance(caught.value, FilesError)


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702, 0o1777])
def test_a_folder_that_others_may_write_is_refused_until_it_is_mended(ground, mode):
    path = folder(ground / "data", US, mode)
    said = verdict(path)
    assert f"others may write it (owner {US}, mode {mode:04o})" in said
    assert f"look inside first, then run `chmod go-w {path}`" in said
    assert stat.S_IMODE(path.stat().st_mode) == mode
    path.chmod(mode & ~0o022)
    assert verdict(path) == "None"


def test_a_folder_that_others_may_only_read_is_used(ground):
    assert verdict(folder(ground / "data", US, 0o755)) == "None"


# The folders above.


@pytest.mark.parametrize("depth", ["data", "deep/down/data"])
def test_a_folder_above_that_others_may_write_is_refused(ground, depth):
    above = folder(ground / "above", US, 0o777)
    data = above / depth
    as_user(US, lambda: data.mkdir(parents=True, mode=0o700))
    assert f"{above}: others may write it" in verdict(data)


def test_a_folder_above_is_refused_also_before_the_data_dir_is_made(ground):
    above = folder(ground / "above", US, 0o777)
    assert f"{above}: others may write it" in verdict(above / "data")


def test_a_sticky_folder_above_is_used(ground):
    above = folder(ground / "above", 0, 0o1777)
    assert verdict(folder(above / "data", US)) == "None"


def test_a_sticky_folder_of_anothers_above_is_refused(ground):
    above = folder(ground / "above", THEM, 0o1777)
    said = verdict(folder(above / "data", US))
    assert f"{above}: it belongs to the user {THEM}" in said
    assert "INCUMBENT_DATA_DIR" in said
    assert "mv " not in said


def test_a_folder_of_anothers_above_is_refused(ground):
    above = folder(ground / "above", THEM, 0o755)
    assert f"{above}: it belongs to the user {THEM}" in verdict(folder(above / "data", US))


def test_root_does_not_go_by_a_folder_in_anothers_home(ground):
    home = folder(ground / "home", US, 0o755)
    with pytest.raises(TrustError) as caught:
        check_data_dir(str(folder(home / "data", 0)))
    assert caught.value.path == str(home)


# What decides.


@pytest.mark.parametrize("name", DECIDING)
def test_what_decides_is_refused_when_another_owns_it(ground, name):
    path = file(folder(ground / "data", US) / name, THEM, 0o644)
    said = verdict(path.parent)
    assert f"{path}: it belongs to the user {THEM}, not to you (mode 0644)" in said
    assert f"mv {path}" in said


@pytest.mark.parametrize("name", DECIDING)
def test_what_decides_is_refused_when_others_may_write_it(ground, name):
    path = file(folder(ground / "data", US) / name, US, 0o666)
    assert f"{path}: others may write it (owner {US}, mode 0666)" in verdict(path.parent)
    path.chmod(0o644)
    assert verdict(path.parent) == "None"


@pytest.mark.parametrize("owner", [US, THEM])
def test_a_link_is_judged_by_what_it_leads_to(ground, owner):
    data = folder(ground / "data", US)
    (data / "settings.json").symlink_to(file(ground / "elsewhere.json", owner, 0o644))
    assert ("belongs to" in verdict(data)) == (owner == THEM)


@pytest.mark.parametrize("owner", [US, THEM])
def test_what_was_opened_is_judged_whoever_swapped_the_path(ground, owner):
    path = file(ground / "launch.json", owner, 0o644)

    def opened() -> None:
        fd = os.open(path, os.O_RDONLY)
        check_open(fd, str(path))

    assert ("belongs to" in as_user(US, opened)) == (owner == THEM)
    assert ("belongs to" in as_user(US, lambda: files.read(str(path)))) == (owner == THEM)


# A group.


def private_user() -> pwd.struct_passwd:
    """Give an ordinary user of this machine whose group is theirs alone."""
    everybody = pwd.getpwall()
    for user in everybody:
        with contextlib.suppress(KeyError):
            group = grp.getgrgid(user.pw_gid)
            alone = sum(other.pw_gid == user.pw_gid for other in everybody) == 1
            if user.pw_uid and alone and group.gr_name == user.pw_name and not group.gr_mem:
                return user
    pytest.skip("NOT TESTED: no user of this machine has a group of their own")


def test_the_private_group_of_its_owner_may_write(ground):
    user = private_user()
    above = folder(ground / "above", user.pw_uid, 0o775, user.pw_gid)
    data = folder(above / "data", user.pw_uid, 0o770, user.pw_gid)
    file(data / "settings.json", user.pw_uid, 0o660)
    os.chown(data / "settings.json", user.pw_uid, user.pw_gid)
    assert verdict(data, user.pw_uid) == "None"


def test_a_shared_group_may_not_write(ground):
    user = private_user()
    shared = next(group.gr_gid for group in grp.getgrall() if group.gr_gid not in (0, user.pw_gid))
    data = folder(ground / "data", user.pw_uid, 0o770, shared)
    assert "others may write it" in verdict(data, user.pw_uid)


def test_a_group_that_the_database_does_not_know_may_not_write(ground):
    assert "others may write it" in verdict(folder(ground / "data", US, 0o770, US))


def test_an_access_list_behind_the_groups_bits_may_name_anybody(ground):
    user = private_user()
    data = folder(ground / "data", user.pw_uid, 0o770, user.pw_gid)
    none = 0xFFFFFFFF
    entries = [(1, 7, none), (2, 7, THEM), (4, 7, none), (16, 7, none), (32, 0, none)]
    packed = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    try:
        os.setxattr(data, "system.posix_acl_access", packed)
    except OSError as error:
        pytest.skip(f"NOT TESTED: this file system has no access lists: {error.strerror}")
    assert "others may write it" in verdict(data, user.pw_uid)


# What we make.


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777])
def test_folders_and_files_are_their_users_alone_whatever_the_umask(ground, umask):
    home = folder(ground / "home", US)

    def made() -> str:
        os.umask(umask)
        files.make_data_dir(str(home / "a" / "b" / "data"))
        files.make_own_folder(str(home / "a" / "b" / "data" / "logs"))
        os.close(open_file(str(home / "a" / "guard"), os.O_RDWR))
        files.create(str(home / "a" / "token"), b"secret")
        os.close(open_file(str(home / "a" / "guard"), os.O_RDWR))
        return str(files.read(str(home / "a" / "token")))

    assert as_user(US, made) == "b'secret'"
    for path in home.rglob("*"):
        wanted = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path


def test_a_folder_that_is_there_keeps_its_mode(ground):
    there = folder(ground / "there", 0, 0o755)
    make_folder(str(there))
    assert stat.S_IMODE(there.stat().st_mode) == 0o755


def test_a_file_in_the_way_is_no_folder(ground):
    file(ground / "data", 0)
    with pytest.raises(FileExistsError):
        make_folder(str(ground / "data"))


# Who asks.


def test_no_worker_is_made_of_what_others_may_write(data_dir):
    data_dir.chmod(0o777)
    (data_dir / "settings.json").write_text('{"port": 21001}')
    with pytest.raises(TrustError):
        Worker()


def test_a_settings_file_names_no_interpreter(data_dir):
    (data_dir / "settings.json").write_text('{"python": "/opt/evil", "log_level": "debug"}')
    worker = Worker()
    assert worker.python == sys.executable
    assert worker.log_level == "debug"
    assert "python is not taken from there" in worker.notices[0]


@pytest.mark.parametrize("how", ["argument", "environment"])
def test_an_interpreter_is_named_by_argument_or_environment(data_dir, how):
    assert data_dir.is_dir()
    if how == "argument":
        assert Worker(python="/opt/mine").python == "/opt/mine"
    else:
        environ = dict(os.environ) | {"INCUMBENT_PYTHON": "/opt/mine"}
        assert Worker(environ=environ).python == "/opt/mine"
