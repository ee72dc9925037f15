"""Holds a private copy of the installed package, in which one mutant at a time is put."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from pathlib import Path

from ..proof.kill import PACKAGES, REPOSITORY
from .operators import Mutant
from .time_limit import VARIABLE

BESIDE_THE_TESTS = (*PACKAGES, "tests", "docs", "diagrams", ".ci")
ENDING_S = 5.0
KEPT = ("PATH", "LANG", "TMPDIR")


# A table of processes of its own: no signal gets out of it, and all in it end with it.
NAMESPACE = ("--pid", "--fork", "--mount-proc", "--kill-child")
# The first process there reaps orphans, so it is a shell, which stays for its last command.
FIRST = ("sh", "-c", '"$@"; exit $?', "sh")


def apart() -> tuple[str, ...]:
    """Give the words before a command that runs it in a process table of its own; () for none."""
    for user in ((), ("--user", "--map-current-user")):
        words = ("unshare", *user, *NAMESPACE, *FIRST)
        with contextlib.suppress(OSError):
            if subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0:
                return words
    return ()


class Place:
    """A virtual environment of its own below `root`, with the package copied into it.

    All that a test starts by `sys.executable` has the mutant too, whatever its environment says.
    What the package needs comes from the environment that this process runs in.
    """

    def __init__(self, root: Path) -> None:
        self.root, self.apart = root, apart()
        self._warm: subprocess.Popen[str] | None = None
        self._venv = root / "venv"
        self.repository = root / "repository"
        venv.create(self._venv, symlinks=True)
        site = (
            self._venv
            / "lib"
            / Path(sysconfig.get_path("purelib")).relative_to(Path(sys.prefix) / "lib")
        )
        ours = {sysconfig.get_path(name) for name in ("purelib", "platlib")}
        (site / "needed.pth").write_text("\n".join(sorted(ours)) + "\n")
        self._package = site / "incumbent"
        ignored = shutil.ignore_patterns("__pycache__", ".hypothesis", ".git", ".venv*")
        for name in PACKAGES:
            shutil.copytree(REPOSITORY / name, self._package / name, ignore=ignored)
        shutil.copytree(REPOSITORY / "diagrams", self._package / "diagrams")
        for name in BESIDE_THE_TESTS:
            shutil.copytree(REPOSITORY / name, self.repository / name, ignore=ignored)
        for file in REPOSITORY.iterdir():
            if file.is_file() and not file.name.startswith("."):
                shutil.copy(file, self.repository / file.name)
        (root / "home").mkdir()
        self._copy_scripts()

    @property
    def python(self) -> str:
        """The interpreter in which the copy is what is imported."""
        return str(self._venv / "bin" / "python")

    def _copy_scripts(self) -> None:
        for script in (Path(sys.prefix) / "bin").iterdir():
            copy = self._venv / "bin" / script.name
            if copy.exists() or not script.is_file():
                continue
            content = script.read_bytes()
            if content.startswith(b"#!") and os.fsencode(sys.prefix) in content.split(b"\n", 1)[0]:
                first, _, rest = content.partition(b"\n")
                del first
                copy.write_bytes(b"#!" + self.python.encode() + b"\n" + rest)
                copy.chmod(0o755)

    @contextlib.contextmanager
    def holding(self, mutant: Mutant) -> Iterator[None]:
        """Put the mutant in both copies of its module; take it out at the end."""
        files = [self._package / mutant.path, self.repository / mutant.path]
        text = files[0].read_text()
        mutated = mutant.put_in(text)
        try:
            _write(files, mutated)
            yield
        finally:
            _write(files, text)

    def run(
        self, tests: tuple[str, ...], limit: float, whole: float, marks: str = ""
    ) -> tuple[int | None, str]:
        """Run these tests till the first that fails; give pytest's exit code and its words.

        A test takes at most `limit` seconds, all together `whole`; then the code is None. `marks`
        chooses among them, as pytest's `-m` does. Nothing that was started is left.
        """
        arguments = ["-q", "-x", "-p", "no:randomly", "-p", "no:cacheprovider"]
        arguments += ["-p", "tests.mutants.time_limit", "-p", "no:unraisableexception"]
        arguments += ["-W", "ignore::pytest.PytestAssertRewriteWarning", "-m", marks, *tests]
        variables = {VARIABLE: f"{limit:g}"}
        if self.apart:
            return self._run_warm(arguments, variables, whole)
        process = subprocess.Popen(
            [self.python, "-m", "pytest", *arguments],
            cwd=self.repository,
            env=self._environment() | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        try:
            said, _ = process.communicate(timeout=whole)
        except subprocess.TimeoutExpired:
            process.kill()
            self.end_all()
            said, _ = process.communicate()
            return None, said
        finally:
            self.end_all()
        return process.returncode, said

    def _run_warm(
        self, arguments: list[str], variables: dict[str, str], whole: float
    ) -> tuple[int | None, str]:
        if self._warm is None or self._warm.poll() is not None:
            self._warm = subprocess.Popen(
                [*self.apart, self.python, "-m", "tests.mutants.warm"],
                cwd=self.repository,
                env=self._environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._warm.stdin is not None
        assert self._warm.stdout is not None
        out = self.root / "said.txt"
        out.unlink(missing_ok=True)
        self._warm.stdin.write(json.dumps([arguments, variables, str(out), whole]) + "\n")
        self._warm.stdin.flush()
        told = self._warm.stdout.readline()
        said = out.read_text(errors="replace") if out.exists() else ""
        if not told:  # a mutant that ended this too, as it ends whatever it can
            return None, said
        code: int | None = json.loads(told)
        return code, said

    def close(self) -> None:
        """End what runs here."""
        if self._warm is not None:
            self._warm.communicate()
        self.end_all()

    def end_all(self) -> None:
        """End every process that runs this place's own interpreter: nobody else does."""
        needle = os.fsencode(self._venv)
        for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
            if not name.isdigit() or int(name) == os.getpid():
                continue
            with contextlib.suppress(OSError):
                if Path(f"/proc/{name}/cmdline").read_bytes().startswith(needle):
                    os.kill(int(name), signal.SIGKILL)

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        return kept | {
            "PYTHONHASHSEED": "0",
            "HOME": str(self.root / "home"),
            "INCUMBENT_DATA_DIR": str(self.root / "home" / "data"),
            "INCUMBENT_PORT": "26999",
            "VIRTUAL_ENV": str(self._venv),
        }


def _write(files: list[Path], text: str) -> None:
    for file in files:
        file.write_text(text)
        # Compiled code is told stale by size and second only: two mutants may be alike in both.
        compiled = Path(importlib.util.cache_from_source(str(file)))
        compiled.unlink(missing_ok=True)
