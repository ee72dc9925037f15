"""Says which tests are to see a mistake in which module, the quickest first."""

from __future__ import annotations

from pathlib import Path

# What looks at a folder beside the quick tests of its own name: quick ones first, then processes.
BESIDE = {
    "lifecycle/posix": (
        "tests/quick/server/test_worker.py tests/quick/server/process",
        "tests/process/test_cold.py tests/process/test_restart.py tests/process/test_shortage.py "
        "tests/process/test_gone_builds.py tests/process/test_foreign.py "
        "tests/process/test_hard_ends.py tests/process/test_files.py",
    ),
    "lifecycle/lock": (
        "tests/quick/server/test_worker.py tests/quick/lifecycle/posix",
        "tests/process/test_hard_ends.py tests/process/test_files.py tests/process/test_doctor.py",
    ),
    "lifecycle/client": (
        "tests/quick/lifecycle/posix tests/quick/cli",
        "tests/process/test_fast_path.py tests/process/test_hook.py tests/process/test_foreign.py "
        "tests/process/test_no_address.py",
    ),
    "lifecycle/drivers": (
        "tests/quick/proof/test_explorer.py tests/quick/server/test_worker.py",
        "tests/process/test_cold.py tests/process/test_restart.py tests/process/test_hard_ends.py "
        "tests/process/test_drain.py",
    ),
    "lifecycle/machine": ("tests/spec tests/quick/lifecycle/drivers tests/quick/cli",),
    "lifecycle": (
        "tests/quick/lifecycle/test_settings.py tests/quick/lifecycle/test_record.py "
        "tests/quick/lifecycle/posix tests/quick/lifecycle/client tests/quick/lifecycle/drivers",
        "tests/process/test_cold.py tests/process/test_files.py tests/process/test_trust.py "
        "tests/process/test_gone_builds.py tests/process/test_status.py",
    ),
    "server/process": (
        "tests/quick/server/test_worker.py",
        "tests/process/test_managers.py tests/process/test_descriptors.py "
        "tests/process/test_forks.py tests/process/test_restart.py tests/process/test_drain.py "
        "tests/process/test_by_hand.py",
    ),
    "server/http": (
        "tests/quick/server/test_worker.py",
        "tests/process/test_drain.py tests/process/test_pages.py tests/process/test_restart.py "
        "tests/process/test_descriptors.py",
    ),
    "server/app": (
        "tests/quick/server",
        "tests/process/test_cold.py tests/process/test_drain.py tests/process/test_tool_authors.py "
        "tests/process/test_build.py",
    ),
    "server/page": (
        "tests/quick/server/http/test_endpoints.py",
        "tests/process/test_page.py tests/process/test_pages.py",
    ),
    "server": (
        "tests/quick/server",
        "tests/process/test_by_hand.py tests/process/test_cold.py tests/process/test_restart.py "
        "tests/process/test_managers.py tests/process/test_drain.py tests/process/test_recorder.py "
        "tests/process/test_under_fire.py",
    ),
    "cli": (
        "tests/quick/cli",
        "tests/process/test_hook.py tests/process/test_status.py tests/process/test_doctor.py "
        "tests/process/test_mcp.py tests/process/test_mcp_bridge.py tests/process/test_build.py "
        "tests/process/test_first_run.py tests/process/test_text_is_data.py",
    ),
}


# Words and numbers, of whichever folder.
OF_ALL = "tests/quick/test_words_and_budgets.py"


def folder_of(path: str) -> str:
    """Give the folder under whose name a module's score stands."""
    return path.rpartition("/")[0]


def stages(path: str, tests: Path) -> list[tuple[str, ...]]:
    """Give what to run for one module, stage by stage: its own tests, its folder's, the others'.

    `tests` is the folder that holds the tests. No file is run twice.
    """
    folder, _, name = path.rpartition("/")
    own = sorted(
        (tests / "quick" / folder).glob(f"test_*{name.removesuffix('.py').strip('_')}*.py")
    )
    of_folder = sorted((tests / "quick" / folder).glob("test_*.py"))
    rest = [stage.split() for stage in BESIDE.get(folder) or BESIDE[folder.partition("/")[0]]]
    done: set[Path] = set()
    chosen: list[tuple[str, ...]] = []
    of_folder = [*of_folder, tests.parent / OF_ALL]
    for stage in (own, of_folder, *([tests.parent / word for word in words] for words in rest)):
        files = [file for place in stage for file in _files(place) if file not in done]
        done |= set(files)
        if files:
            chosen.append(tuple(str(file.relative_to(tests.parent)) for file in files))
    return chosen


def _files(place: Path) -> list[Path]:
    return sorted(place.rglob("test_*.py")) if place.is_dir() else [place] * place.is_file()
