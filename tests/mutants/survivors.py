"""Lists the mutants that no test need see, each with its reason.

A mutant's name holds its module, its definition, the text there, the text in its place. One that
the code does not have any more fails the quick tests.
"""

from __future__ import annotations

SURVIVORS: dict[str, str] = {
    "lifecycle/client/fast_path.py::FastPath.close: 1 => 2": "any negative number is no descriptor",
    "lifecycle/posix/secret.py::admin_token: 3 => 4": "one more try for a file that changes",
    "server/http/import_responder.py::_head: 4096 => 4097": "how much is read at once is free",
}
