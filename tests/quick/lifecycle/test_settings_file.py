"""A settings file is read as people write it; what can't be read is refused by its line."""

import json
import os
import subprocess
import sys

import pytest

from incumbent.lifecycle import SettingsError, Worker
from incumbent.lifecycle.errors import SettingsFileError
from incumbent.lifecycle.settings_file import KEYS, first_file

PORT = '{"port": 21001}'


@pytest.fixture
def environ(data_dir):
    return {"INCUMBENT_DATA_DIR": str(data_dir), "HOME": str(data_dir.parent / "home")}


@pytest.mark.parametrize("mark", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_file_with_a_byte_order_mark_is_read(environ, data_dir, mark):
    text = PORT if mark in ("utf-8-sig", "utf-16", "utf-32") else "\ufeff" + PORT
    (data_dir / "settings.json").write_bytes(text.encode(mark))
    assert Worker(environ=environ).port == 21001


@pytest.mark.parametrize(
    "text",
    [
        '// mine\n{"port": 21001}',
        '{"port": 21001} // mine',
        '# mine\n{"port": 21001 # no other\n}\n# end',
        '/* mine */ {"port": /* no\nother */ 21001}',
        '/*\n// {\n*/{"port": 21001}/**/',
        '{"port": 21001,}',
        '{"port": 21001, // the last\n}',
        '{"port": 21001, /* the last */ }',
        '{\r\n  // mine\r\n  "port": 21001,\r\n}\r\n',
        '{\n  "pass_env": ["A", "B",],\n  "port": 21001,\n}\n',
        '\ufeff// mine\n{"port": 21001,}',
    ],
)
def test_comments_and_a_trailing_comma_are_read(environ, data_dir, text):
    (data_dir / "settings.json").write_text(text, newline="")
    worker = Worker(environ=environ)
    assert worker.port == 21001
    assert worker.notices == []


@pytest.mark.parametrize("app", ["a//b:app", "a/*b:app", "a#b:app", "a,]b:app", 'a\\"//b:app'])
@pytest.mark.parametrize("end", ["", ","])
def test_what_stands_in_quotes_is_no_comment(environ, data_dir, app, end):
    (data_dir / "settings.json").write_text(f'{{\n// mine\n"app": "{app}"{end}\n}}')
    assert Worker(environ=environ).app == app.replace("\\", "")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", 1),
        (b" \n\t\n", 1),
        (b"// nothing\n", 1),
        (b"{", 1),
        (b'{\n  "port": 21001\n  "host": "::1"\n}', 3),
        (b'{\n  // mine\n  "port": ,\n}', 3),
        (b'{\n  "port": 21001\n', 3),
        (b'{\n  "name": "torn', 2),
        (b'{"port": 21001}\n{"port": 21001}', 2),
        (b'{\n/* never closed\n"port": 21001}', 2),
        (b'{\n\n"name": "\xff"}', 3),
        (b"{\n'port': 21001}", 2),
        (b"{\nport: 21001}", 2),
        (b'{"port": 21001} // mine\nnonsense', 2),
        (b'// mine\n{"port": 21001}\n{', 3),
        (b"[]", 1),
        (b'"text"', 1),
        (b"null", 1),
        (b"nonsense", 1),
        (b"\0", 1),
        (b"[" * 200_000, 1),
        (b'{"port": ' + b"9" * 5000 + b"}", 1),
        (b"\xff\xfe{", 1),
    ],
)
def test_what_cannot_be_read_is_refused_by_name_and_line(environ, data_dir, content, line):
    path = data_dir / "settings.json"
    path.write_bytes(content)
    with pytest.raises(SettingsError) as raised:
        Worker(environ=environ)
    assert str(raised.value).startswith(f"{path}, line {line}: ")
    assert str(raised.value).endswith("; mend it, then run `worker-service start`")
    assert path.read_bytes() == content
    assert [there.name for there in data_dir.iterdir()] == ["settings.json"]


@pytest.mark.parametrize("what", ["a folder", "a pipe", "a link to nowhere", "a link to itself"])
def test_what_is_no_file_is_refused_and_left_where_it_is(environ, data_dir, what):
    path = data_dir / "settings.json"
    if what == "a folder":
        path.mkdir()
    elif what == "a pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(path if what == "a link to itself" else data_dir / "missing")
    with pytest.raises(SettingsFileError) as raised:
        Worker(environ=environ)
    assert str(raised.value).startswith(f"{path}: ")
    assert os.path.lexists(path)
    assert [there.name for there in data_dir.iterdir()] == ["settings.json"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_file_that_may_not_be_read_is_refused(data_dir):
    (data_dir / "settings.json").write_text(PORT)
    (data_dir / "settings.json").chmod(0)
    program = (
        "import os, sys, incumbent.lifecycle.errors\n"  # nobody else may read this code
        "from incumbent.lifecycle.settings import Worker\n"
        "os.chown(sys.argv[1], 65534, 65534)\n"
        "os.chown(sys.argv[1] + '/settings.json', 65534, 65534)\n"
        "for folder in sys.argv[2:]: os.chmod(folder, 0o755)\n"
        "os.seteuid(65534)\n"
        "try:\n"
        "    Worker(data_dir=sys.argv[1], environ={})\n"
        "except Exception as error:\n"
        "    print(error)\n"
    )
    above = [str(folder) for folder in data_dir.parents if folder.stat().st_uid == 0][:-2]
    done = subprocess.run(
        [sys.executable, "-c", program, str(data_dir), *above[:1]],
        capture_output=True,
        text=True,
        check=False,
    )
    os.chown(data_dir, 0, 0)
    assert "settings.json: can't read it: Permission denied; mend it" in done.stdout, done


def test_no_file_is_every_default(environ, data_dir):
    assert Worker(environ=environ).notices == []
    assert list(data_dir.iterdir()) == []


# What the first run writes.


def test_the_first_file_says_nothing_and_is_read_quickly(environ, data_dir):
    (data_dir / "settings.json").write_bytes(first_file())
    program = "import sys; from incumbent.lifecycle import Worker; Worker(); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.split())
    assert "incumbent.lifecycle.settings" in loaded
    assert not {"incumbent.lifecycle.settings_file", "json", "re"} & loaded


def test_every_setting_is_in_the_first_file_with_a_line_that_can_be_set(environ, data_dir):
    settings = set(Worker.__slots__) - {"data_dir", "environ", "notices", "python"}
    assert {key for key, _, _ in KEYS} == settings
    path = data_dir / "settings.json"
    for key, shown, meaning in KEYS:
        text = first_file().decode()
        assert f"// {meaning}\n" in text
        path.write_text(text.replace(f'// "{key}": {shown},', f'"{key}": {shown},'))
        worker = Worker(environ=environ)
        assert worker.notices == []
        wanted = tuple(shown.strip('"').split(",")) if key == "pass_env" else json.loads(shown)
        assert getattr(worker, key) == wanted


def test_every_line_of_the_first_file_can_be_set_at_once(environ, data_dir):
    rows = first_file().decode().split("\n")
    rows = [row.replace('// "', '"') for row in rows]
    (data_dir / "settings.json").write_text("\n".join(rows))
    worker = Worker(environ=environ)
    assert (worker.port, worker.app, worker.notices) == (27123, "mytool.web:app", [])
