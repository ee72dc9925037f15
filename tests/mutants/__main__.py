"""Makes mistakes at random, one at a time; exits 1 when one is neither seen nor accepted."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from .judging import Judge, Verdict, modules, mutants_in
from .operators import Mutant
from .place import Place
from .score import lines, put_down


def chosen(paths: list[str], per_module: int, seed: int) -> list[Mutant]:
    """Give so many mutants of each module, the same for the same seed whatever else is chosen."""
    drawn = []
    for path in paths:
        found = mutants_in(path)
        sample = random.Random(f"{seed}:{path}").sample(found, min(per_module, len(found)))
        drawn += sorted(sample, key=lambda mutant: mutant.start)
    return drawn


def told(verdict: Verdict) -> str:
    """Give one line for people."""
    mutant = verdict.mutant
    words = verdict.by or (f"accepted: {verdict.reason}" if verdict.reason else "ALIVE")
    where = f"{mutant.path}:{mutant.line} {mutant.scope}"
    line = f"{words}  ({verdict.seconds:.0f} s)\n    {where}: {mutant.before} => {mutant.after}"
    return line + (f"\n    ! {verdict.trouble}" if verdict.trouble else "")


def main(arguments: list[str]) -> int:
    """Judge a sample, print each verdict and the score by folder."""
    parser = argparse.ArgumentParser(prog="tests.mutants", description=__doc__)
    parser.add_argument("--per-module", type=int, default=10, metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="S")
    parser.add_argument("--only", action="append", default=[], metavar="PATH")
    parser.add_argument("--like", default="", metavar="TEXT", help="every one whose name has this")
    parser.add_argument("--quick", action="store_true", help="without processes and searches")
    parser.add_argument("--write", action="store_true", help="put the score into docs/proof.md")
    parser.add_argument("--list", action="store_true", help="run nothing")
    given = parser.parse_args(arguments)
    paths = modules(given.only)
    if given.like:
        mutants = [m for path in paths for m in mutants_in(path) if given.like in m.key]
    else:
        mutants = chosen(paths, given.per_module, given.seed)
    if given.list:
        for mutant in mutants:
            print(f"{mutant.line:4} {mutant.key}")
        return 0
    verdicts = []
    with tempfile.TemporaryDirectory(prefix="incumbent-mutants-") as root:
        place = Place(Path(root).resolve())
        judge = Judge(place, given.quick)
        try:
            for mutant in mutants:
                verdicts.append(judge.judged(mutant))
                print(told(verdicts[-1]), flush=True)
        except RuntimeError as error:  # nothing can be said where the clean code fails
            print(error, file=sys.stderr)
            return 1
        finally:
            place.close()
    print("\n".join(["", *lines(verdicts)]))
    if given.write:
        put_down(verdicts, f"{time.strftime('%Y-%m-%d', time.gmtime())}, `{' '.join(arguments)}`:")
    return 1 if any(verdict.is_alive for verdict in verdicts) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
