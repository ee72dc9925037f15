"""A mutant is one small mistake that compiles; a survivor has its reason and is there still."""

from pathlib import Path
from typing import Any

import pytest

from ..mutants import score
from ..mutants.__main__ import chosen
from ..mutants.judging import Judge, Verdict, modules, mutants_in, seen_by
from ..mutants.operators import Mutant, mutants_of
from ..mutants.score import lines
from ..mutants.selection import stages
from ..mutants.survivors import SURVIVORS
from ..proof.kill import REPOSITORY

pytestmark = pytest.mark.slow

CODE = '''
"""A docstring."""
TYPE_CHECKING = False
if TYPE_CHECKING:
    from x import y
LIMIT_S = 5


class Port(Protocol):
    def verb(self) -> int:
        return 1


def work(items, wait=True):
    """Another."""
    for item in items:
        if not item.fine and item.age < 3:
            continue
        try:
            call(item, 2)
        except (OSError, ValueError):
            return None
    return f"{items} words for people"
'''


def kinds(code: str) -> set[tuple[str, str]]:
    return {(mutant.before, mutant.after) for mutant in mutants_of("a/b.py", code)}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("5", "6"),
        ("True", "False"),
        ("not item.fine", "(item.fine)"),
        ("not item.fine and item.age < 3", "(not item.fine or item.age < 3)"),
        ("continue", "break"),
        ("call(item, 2)", "pass"),
        ("call(item, 2)", "(call(2, item))"),
        ("(OSError, ValueError)", "(ValueError,)"),
        ('f"{items} words for people"', "None"),
    ],
)
def test_a_small_mistake_is_made(before: str, after: str):
    assert (before, after) in kinds(CODE)


@pytest.mark.parametrize("part", ["docstring", "Another", "verb", "import", "words for people x"])
def test_what_is_no_behaviour_is_left_as_it_is(part: str):
    assert not any(part in before for before, _ in kinds(CODE) if not before.startswith("f"))


def test_one_mistake_changes_one_place():
    for mutant in mutants_of("a/b.py", CODE):
        text = mutant.put_in(CODE)
        assert text != CODE
        assert text.encode()[: mutant.start] == CODE.encode()[: mutant.start]
        assert text.endswith(CODE.encode()[mutant.end :].decode())


@pytest.mark.parametrize("path", ["lifecycle/posix/launcher.py", "server/http/draining.py"])
def test_each_mutant_of_a_module_compiles_and_has_a_name_of_its_own(path: str):
    found, text = mutants_in(path), (REPOSITORY / path).read_text()
    for mutant in found:
        compile(mutant.put_in(text), path, "exec", dont_inherit=True)
    assert len({mutant.key for mutant in found}) == len(found) > 50


def test_a_constant_gives_its_mutants_its_name():
    [mutant] = [one for one in mutants_of("a/b.py", CODE) if one.before == "5"]
    assert mutant.key == "a/b.py::LIMIT_S: 5 => 6"


def test_the_same_seed_draws_the_same_mutants():
    paths = ["lifecycle/lock/guard.py", "lifecycle/files.py"]
    assert chosen(paths, 3, 7) == chosen(paths, 3, 7) != chosen(paths, 3, 8)
    assert chosen(paths[1:], 3, 7) == chosen(paths, 3, 7)[3:]


def test_each_module_has_tests_that_are_to_see_its_mutants():
    for path in modules([]):
        found = stages(path, REPOSITORY / "tests")
        files = [file for stage in found for file in stage]
        assert files, path
        assert len(set(files)) == len(files), path
        assert all((REPOSITORY / file).is_file() for file in files)


def test_each_survivor_is_a_mutant_still_and_has_its_reason():
    paths = {key.partition("::")[0] for key in SURVIVORS}
    keys = {mutant.key for path in paths for mutant in mutants_in(path)}
    assert [key for key in SURVIVORS if key not in keys] == []
    assert all(reason.strip() for reason in SURVIVORS.values())


@pytest.mark.parametrize(
    ("code", "said", "by"),
    [
        (0, "3 passed", ""),
        (1, "FAILED tests/a.py::test_b - AssertionError", "tests/a.py::test_b"),
        (1, "ERROR tests/a.py::test_b - it was left behind", "tests/a.py::test_b"),
        (2, "ERROR tests/a.py - NameError", "tests/a.py"),
        (4, "ImportError while loading conftest", "the import of the tests"),
        (3, "FE", "the end of pytest"),
        (None, "", "the time limit"),
        (5, "no tests ran", ""),
    ],
)
def test_who_saw_a_mutant_is_read_off_pytests_words(code: int | None, said: str, by: str):
    assert seen_by(code, said) == by


def test_the_score_counts_what_should_be_seen():
    one = Mutant("lifecycle/a.py", "f", "constant", "1", "2", 1, 1, 0, 1)
    verdicts = [Verdict(one, "tests/a.py::b", 1.0), Verdict(one, "", 1.0)]
    assert lines([*verdicts, Verdict(one, "", 1.0, "pytest exited 5")])[2:] == [
        "| lifecycle | 2 | 1 | 0 | 1 | 50 % |",
        "| all | 2 | 1 | 0 | 1 | 50 % |",
    ]


def test_the_score_stands_on_the_page_of_what_is_checked():
    assert score.SCORE.read_text() in score.PAGE.read_text()


def test_a_score_takes_the_place_of_the_one_before(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    for name, text in (("PAGE", "before\nold\nafter\n"), ("SCORE", "old\n")):
        (tmp_path / name).write_text(text)
        monkeypatch.setattr(score, name, tmp_path / name)
    one = Mutant("lifecycle/a.py", "f", "constant", "1", "2", 1, 1, 0, 1)
    score.put_down([Verdict(one, "tests/a.py::b", 1.0)], "today:")
    written = (tmp_path / "SCORE").read_text()
    assert written.startswith("today:\n\n| folder |")
    assert "| lifecycle | 1 | 1 | 0 | 0 | 100 % |" in written
    assert (tmp_path / "PAGE").read_text() == f"before\n{written}after\n"


def test_what_could_end_other_programs_is_not_tried_where_nothing_keeps_it_in(tmp_path: Path):
    class Open:
        """A place whose processes can signal anybody's."""

        apart = ()
        repository = tmp_path

    place: Any = Open()
    path = "lifecycle/posix/session.py"
    verdict = Judge(place).judged(Mutant(path, "f", "constant", "1", "2", 1, 1, 0, 1))
    assert "unshare" in verdict.trouble
    assert lines([verdict])[2:] == ["| all | 0 | 0 | 0 | 0 | — |"]
