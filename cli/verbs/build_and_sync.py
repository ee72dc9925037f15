"""Builds a project into a release, then restarts the worker into it."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable

from incumbent.lifecycle import runs
from incumbent.lifecycle.data_dir import DataDir
from incumbent.lifecycle.errors import NotVerifiedError
from incumbent.lifecycle.journal import Follower
from incumbent.lifecycle.settings import Worker

from ..arguments import seconds
from ..outcome import restarted
from ..output import as_json, show, tell
from ..releases.content import remove_tree
from ..releases.error import ReleaseError
from ..releases.store import Releases
from ..releases.switch import needed_paths, switch
from ..releases.wheel import app_of, build, unpack, version_of
from ..trace_reader import narrow
from ..waiting import run_waits_told


def configure(parser: argparse.ArgumentParser) -> None:
    """Add what is built, and how it is recorded."""
    parser.add_argument("project", nargs="?", default=".", metavar="PROJECT", help="its folder")
    parser.add_argument("--pin", action="store_true", help="also back to an older version, to stay")
    parser.add_argument("--dev", action="store_true", help="add the content's hash to the version")
    parser.add_argument("--timeout", type=seconds, metavar="S", help="for the restart, in seconds")


def run(worker: Worker, options: argparse.Namespace) -> int:
    """Print the proof of the new release; raises ReleaseError, NotVerifiedError."""
    project = os.path.abspath(options.project)
    app = app_of(project) or worker.app
    runs.bootstrap(worker)
    releases = Releases(worker)
    with releases.guarded():
        with releases.new_folder() as folder, tempfile.TemporaryDirectory() as wheels:
            tell(f"building {project}")
            wheel = build(project, wheels)
            version = version_of(wheel)
            tell(f"installing version {version}")
            unpack(wheel, folder)
            release, new = releases.install(folder, version, app, options.dev)
        tell(f"restarting into {release.path}" + ("" if new else ", which was there already"))
        follower = Follower(DataDir(worker.data_dir).trace)
        try:
            with run_waits_told(worker):
                health = switch(worker, release, options.pin, options.timeout, _telling(follower))
        except (ReleaseError, NotVerifiedError):
            if new and release.path not in needed_paths(worker, None):
                remove_tree(release.path)  # it never served: the version is free for a better try
            raise
        finally:
            follower.close()
        for removed in releases.prune(needed_paths(worker, health)):
            tell(f"removed the old release {removed}")
    if options.json:
        said = {"ok": True, "pid": health.pid, "version": health.version, "release": release.path}
        as_json(said)
    else:
        show(restarted(health))
    return 0


def _telling(follower: Follower) -> Callable[[], None]:
    def tell_new() -> None:
        for line in follower.new_lines():
            tell(*narrow(line))

    return tell_new
