"""What a settings file says, also in ways that strict JSON does not take.

A hook whose file is as the first run wrote it, or strict JSON, never imports this.
"""

from __future__ import annotations

import os
import stat

from ._small_json import loads
from .errors import SettingsFileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# key, an example or the default, the meaning
KEYS = (
    ("name", '"incumbent"', "what the service is called"),
    ("host", '"127.0.0.1"', "one literal loopback address"),
    ("port", "27123", "1 to 65535; the default is computed from the data dir"),
    ("app", '"mytool.web:app"', "the ASGI or WSGI app, as module:attribute"),
    ("version", '"1.0.0"', "the version that the app says it is"),
    ("log_level", '"info"', "critical, error, warning, info, debug or trace"),
    ("handover", '"seamless"', "or rebind: close the port, then open it again"),
    ("start_timeout", "15", "seconds from a worker's start to its first healthy answer"),
    ("drain_timeout", "5", "seconds that requests in flight may take when the worker leaves"),
    ("lock_timeout", "5", "seconds that a worker which serves waits for the spawn lock"),
    ("hang_timeout", "60", "seconds that a worker's event loop may stand still; 0 is for ever"),
    ("idle_timeout", "0", "seconds after which a worker that nobody uses stops; 0 is never"),
    ("max_memory", "0", "resident size, such as 512M, above which a worker restarts; 0 is never"),
    ("events", '"proved"', "or open: events may be written and read without the proof"),
    (
        "keep_events",
        '"30d,1G"',
        "how long the built-in app keeps events, and how much; 0 is for ever",
    ),
    ("timeout", "50", "seconds that one start, restart or stop may take"),
    (
        "mcp",
        '"mytool.tools:server"',
        "an MCP server of yours; app, where the app serves /mcp itself",
    ),
    ("pass_env", '"MYTOOL_*,AWS_PROFILE"', "further variables that the app gets, or beginnings"),
)
# Going on with another value of these is another place, or another app over the same data.
UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}
LEAST_SIZE, MOST_SIZE = 2**20, 2**60
SIZE = "bytes, or a size such as 512M; 0 is never"
KEEPING = "days, a size, or both, such as 30d,1G; 0 is for ever"
DAY_S = 86_400
DECIDING = ("name", "host", "port", "app", "version")

_HEAD = """\
// Settings of this worker. An argument wins over the variable INCUMBENT_<KEY>, that over this
// file, this over the default. To set one, take away the // before it; `restart` makes it so.
{
"""
_MARKS = (
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
)


def first_file() -> bytes:
    """Give the file that the first run writes: every key with its meaning, none of them set."""
    rows = [f'  // {meaning}\n  // "{key}": {shown},\n' for key, shown, meaning in KEYS]
    return (_HEAD + "".join(rows) + "}\n").encode()


def read(path: str, content: bytes) -> dict[str, object]:
    """Give what a file says that has a byte order mark, comments or trailing commas.

    Raises SettingsFileError, with the line, for one that can't be read all the same.
    """
    text = _text(path, content)
    plain = _without_comments(path, text)
    try:
        said = loads(plain.encode())
    except (ValueError, RecursionError):
        said = None
    if isinstance(said, dict):
        return said
    if not content and not stat.S_ISREG(os.stat(path).st_mode):
        raise SettingsFileError(path, 0, "it is no file")
    raise SettingsFileError(path, *_trouble(plain))


def unreadable(path: str, error: OSError) -> SettingsFileError:
    """Give the refusal of a file that is there and can't be read."""
    return SettingsFileError(path, 0, f"can't read it: {error.strerror}")


def without(path: str, key: str, value: object, error: Exception) -> str:
    """Give the sentence on a value that can't be; raises SettingsFileError where it decides."""
    if key in DECIDING:
        raise refuse(path, key, value, str(error)) from error
    return f"settings.json: {key} is {value!r}, expected {error}; going on without it"


def size(value: object) -> int:
    """Give a size in bytes; raises ValueError for what is none, or smaller than any worker."""
    text = str(value).strip().upper().removesuffix("B").removesuffix("I")
    unit = UNITS.get(text[-1:], 1)
    number = text[:-1] if unit > 1 else text
    try:
        found = int(float(number) * unit)
    except (ValueError, OverflowError) as error:
        raise ValueError(SIZE) from error
    if found and not LEAST_SIZE <= found < MOST_SIZE:
        raise ValueError(SIZE)
    return found


def kept(value: object) -> str:
    """Give for how long, and how much, events are kept; raises ValueError for what says neither."""
    limits(str(value))
    return str(value)


def limits(text: str) -> tuple[float, int]:
    """Give the seconds and the bytes of what is kept, 0 for ever; raises ValueError."""
    age, most = 0.0, 0
    for part in text.split(",") if text != "0" else ():
        days = part.strip().lower().removesuffix("d")
        try:
            if days != part.strip().lower():
                age = float(days) * DAY_S
            else:
                most = size(part)
        except ValueError as error:
            raise ValueError(KEEPING) from error
        if not 0 <= age < float("inf"):
            raise ValueError(KEEPING)
    return age, most


def refuse(path: str, key: str, value: object, expected: str) -> SettingsFileError:
    """Give the refusal of one value, by the line that it stands on."""
    line = 0
    try:
        with open(path, "rb") as file:
            plain = _without_comments(path, _text(path, file.read()))
    except (OSError, SettingsFileError):
        plain = ""
    for number, row in enumerate(plain.split("\n"), 1):
        if f'"{key}"' in row:
            line = number
    return SettingsFileError(path, line, f"{key} is {value!r}, expected {expected}")


def unknown(keys: Iterable[str]) -> list[str]:
    """Give a sentence for each key that no setting has, with the closest that one has."""
    from difflib import get_close_matches

    known = [key for key, _, _ in KEYS]
    sentences = []
    for key in keys:
        words = key.lower().replace("-", "_").removeprefix("incumbent_")
        close = get_close_matches(words, known, 1)
        hint = f"did you mean {close[0]!r}?" if close else f"there is {', '.join(known)}"
        sentences.append(f"settings.json: no setting is called {key!r}; {hint}")
    return sentences


def _text(path: str, content: bytes) -> str:
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SettingsFileError(path, line, f"it is no text in {encoding.upper()}") from error


def _without_comments(path: str, text: str) -> str:
    """Give the text without comments and trailing commas, every line where it was."""
    out: list[str] = []
    at, comma, before = 0, -1, ""
    while at < len(text):
        letter = text[at]
        if letter == '"':
            end = at + 1
            while end < len(text) and text[end] not in '"\n':
                end += 2 if text[end] == "\\" else 1
            out.append(text[at : end + 1])
            at, comma, before = end + 1, -1, letter
        elif letter == "#" or text.startswith("//", at):
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
        elif text.startswith("/*", at):
            end = text.find("*/", at + 2)
            if end < 0:
                line = text.count("\n", 0, at) + 1
                raise SettingsFileError(path, line, "a comment begins there that never ends")
            out.append(" " + "\n" * text.count("\n", at, end))
            at = end + 2
        else:
            if letter in "}]" and comma >= 0:
                out[comma] = ""
            if letter == "," and before not in "{[:,":
                comma = len(out)
            elif not letter.isspace():
                comma = -1
            before = before if letter.isspace() else letter
            out.append(letter)
            at += 1
    return "".join(out)


def _trouble(plain: str) -> tuple[int, str]:
    """Give the line that is no JSON, with what is wrong there."""
    import json

    if not plain.strip():
        return 1, "it is empty; no settings are {}"
    try:
        json.loads(plain)
    except json.JSONDecodeError as error:
        return error.lineno, error.msg[:1].lower() + error.msg[1:]
    except RecursionError:
        return 1, "it is nested without end"
    except ValueError as error:
        return 1, str(error)
    return 1, "it is no object of settings, { }"
