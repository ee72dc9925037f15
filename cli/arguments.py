"""Takes the arguments apart: the options of every command, the command, its own words."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from incumbent.lifecycle.settings import Worker

USAGE = "[--data-dir D] [--port P] [--json] COMMAND"
PLACES = ("data_dir", "port")


class UsageError(Exception):
    """The arguments make no command; the rows below the first one say what would."""

    def __init__(self, *rows: str) -> None:
        super().__init__(*rows)
        self.rows = rows

    def __str__(self) -> str:
        return "\n".join(self.rows)


def split(words: "list[str]") -> "tuple[dict[str, str], list[str]]":
    """Give the options of every command, wherever they stand, then all other words.

    Under `trouble` stands what is wrong with them. An empty value is: it is a variable that the
    shell did not know, where the default would be somebody's real data dir.
    """
    given: dict[str, str] = {}
    rest: list[str] = []
    words = list(words)
    while words:
        word = words.pop(0)
        name, equals, value = word.partition("=")
        if word == "--json":
            given["json"] = "yes"
        elif name in ("--data-dir", "--port"):
            if not equals and words and not words[0].startswith("--"):
                value = words.pop(0)
            if not value:
                given["trouble"] = f"{name} needs a value"
            given[name.lstrip("-").replace("-", "_")] = value
        else:
            rest.append(word)
    return given, rest


def is_hook(words: "list[str]", rest: "list[str]") -> bool:
    """Whether a hook was meant, `rest` being what `split` left of the words.

    Doubt falls on yes: its caller takes the exit code 2 of another command's usage error as an
    order to block.
    """
    if rest[:1] == ["hook"]:
        return True
    if "hook" not in words:
        return False
    from .command_table import COMMANDS  # a hook that is typed right does not pay for it

    return not rest or rest[0] not in COMMANDS


def named(data_dir: "str | None" = None, port: "str | None" = None) -> "Worker":
    """Give the worker that the environment names; raises SettingsError."""
    from incumbent.lifecycle.settings import Worker

    return Worker(data_dir=data_dir, port=port)


def places(given: "dict[str, str]") -> "dict[str, str]":
    """Give what the options of every command say of the worker's place.

    It stays text, which is checked as settings from elsewhere are.
    """
    return {place: given[place] for place in PLACES if place in given}


def seconds(text: str) -> float:
    """Give a duration in seconds; raises ValueError for what is none, or would never end."""
    duration = float(text)
    if not 0 < duration < 1e6:  # also refuses nan, a deadline that never passes
        raise ValueError("a positive number of seconds")
    return duration
