"""Lists the mutants that no test need see, each with its reason.

A mutant's name holds its module, its definition, the text there, the text in its place. One that
the code does not have any more fails the quick tests.
"""

from __future__ import annotations

_CLOEXEC = "Python itself opens every descriptor close-on-exec (PEP 446)"
_SKIPS = "`-x` lets Python skip the first line of a file: there is none"
_ASYNCIO = "a transport makes its socket non-blocking once more, of asyncio and of uvloop"
_PIECES = "how much is read at once is free"
_NO_PLACE = "no file's number and length have so many digits"
_ONE_DRAWING = "there is one such element in the drawing"

SURVIVORS: dict[str, str] = {
    "lifecycle/client/fast_path.py::FastPath.close: 1 => 2": "any negative number is no descriptor",
    "lifecycle/drivers/child_outcome.py::verdict: ended.code < 0 => (ended.code <= 0)": (
        "an exit with 0 was judged in the lines before"
    ),
    "lifecycle/drivers/driver.py::Driver.work: raise NotImplementedError => pass": (
        "every driver has its own"
    ),
    "lifecycle/drivers/judgement.py::STALE: \"stale\" => 'stalex'": (
        "the word is known by its name only"
    ),
    "lifecycle/lock/lock_files.py::PosixLockFiles._look: "
    "os.O_RDONLY | os.O_CLOEXEC => (os.O_RDONLY & os.O_CLOEXEC)": _CLOEXEC,
    "lifecycle/lock/lock_files.py::is_gone: "
    "is_another_boot(owner.boot, boot) => (is_another_boot(boot, owner.boot))": (
        "whether two differ is the same either way"
    ),
    "lifecycle/lock/open_file_lock.py::is_locked: "
    "os.O_RDONLY | os.O_CLOEXEC => (os.O_RDONLY & os.O_CLOEXEC)": _CLOEXEC,
    "lifecycle/posix/child_process.py::Process.kill: 64 => 65": _PIECES,
    "lifecycle/posix/child_process.py::spawn: theirs.close() => pass": (
        "nobody else refers to it, so the return of `spawn` closes it"
    ),
    "lifecycle/posix/fingerprint.py::_sources: len(found) > FILES_LIMIT => "
    "(len(found) >= FILES_LIMIT)": "one file more or less, of thousands",
    "lifecycle/posix/launched_children.py::LaunchedChildren.watch: 64 => 65": _PIECES,
    "lifecycle/posix/launcher.py::PosixLauncher.__init__: 6 => 7": "a longer name of a run is one",
    "lifecycle/posix/launcher.py::PosixLauncher.pause: 1.3 => 2.3": (
        "how fast pauses grow up to their limit is free"
    ),
    "lifecycle/posix/presence.py::why_gone: \"-B\" => '-Bx'": _SKIPS,
    "lifecycle/posix/presence.py::why_gone: \"-P\" => '-Px'": _SKIPS,
    "lifecycle/posix/secret.py::admin_token: 3 => 4": "one more try for a file that changes",
    "lifecycle/posix/session.py::members: b\"X\" => b'Xx'": "what is dead is not listed any more",
    "server/data_hold.py::DataHold.adopt: fd >= 0 => (fd > 0)": (
        "0 is the standard input, which nobody passes"
    ),
    "server/http/accepting.py::Accepting._take: connection.setblocking(False) => pass": _ASYNCIO,
    "server/http/accepting.py::Accepting._take: False => True": _ASYNCIO,
    "server/http/accepting.py::Accepting.serve: connection.setblocking(False) => pass": _ASYNCIO,
    "server/http/accepting.py::Accepting.serve: False => True": _ASYNCIO,
    "server/http/connections.py::Connections.__init__: \"Connection\" => 'Connectionx'": (
        "the name of a class that nobody names"
    ),
    "server/http/draining.py::Drain._ended_at_once: "
    "await asyncio.wait(streams, timeout=ENDS_AT_ONCE_S) => pass": (
        "it goes round once more, with nothing left to end"
    ),
    "server/http/draining.py::Drain._quiet_moment: deadline - now => (deadline + now)": (
        "the next look comes a few milliseconds after the deadline"
    ),
    "server/http/import_responder.py::_head: 4096 => 4097": _PIECES,
    "server/http/import_responder.py::ImportResponder.stop: self._told.close() => pass": (
        "it was shut down already, and is closed with its object"
    ),
    "server/http/leaving.py::Leaving._left: left > 0 => (left >= 0)": (
        "no clock hits the very moment"
    ),
    "server/page/diagram.py::diagram: 1 => 2": _ONE_DRAWING,
    "server/page/diagram.py::diagram: 1 => 2 #2": _ONE_DRAWING,
    "server/page/diagram.py::diagram: 1 => 2 #3": _ONE_DRAWING,
    "server/page/facts.py::Watch.stamp: told.append(None) => pass": (
        "a stamp that is shorter differs too"
    ),
    "server/page/findings.py::FRESH_S: 15.0 => 16.0": "how seldom an open page asks is free",
    "server/page/live.py::BEAT_S: 1.0 => 2.0": "two of the three seconds that a page waits",
    "server/page/metrics.py::metrics: 6 => 7": "no clock of ours tells less than a microsecond",
    "server/page/trace_pages.py::_place: 50 => 51": _NO_PLACE,
    "server/page/trace_pages.py::_place: len(after) < 50 => (len(after) <= 50)": _NO_PLACE,
}
