"""An error that says what the machine has no more of is told from any other."""

import errno

import pytest

from incumbent.lifecycle.shortage import shortage

MEMORY = "no memory is to be had"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), MEMORY),
        (OSError(errno.ENOMEM, ""), MEMORY),
        (SystemError("error return without exception set"), MEMORY),
        (ImportError("x.so: failed to map segment from shared object"), MEMORY),
        (OSError(errno.EAGAIN, ""), "no process is to be had"),
        (RuntimeError("can't start new thread"), "no thread is to be had"),
        (OSError(errno.ENOENT, ""), ""),
        (SystemError("bad argument to internal function"), ""),
        (ImportError("no module"), ""),
        (RuntimeError("no running event loop"), ""),
        (OSError(), ""),
    ],
    ids=repr,
)
def test_a_shortage_is_told_from_other_errors(error: Exception, said: str):
    assert shortage(error) == said
