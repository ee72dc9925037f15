"""Says whether an error means that the machine has no more to give."""

from __future__ import annotations

import errno

_WORDS = {errno.EAGAIN: "no process is to be had", errno.ENOMEM: "no memory is to be had"}
_NO_THREAD = "can't start new thread"  # CPython's, under RuntimeError
_NO_ERROR = "without exception set"  # CPython's, where there was no memory for the error either
_NO_MAPPING = "failed to map segment"  # the dynamic loader's, under ImportError


def shortage(error: BaseException) -> str:
    """Give what there is none of, as half a sentence; "" for an error of another kind."""
    if isinstance(error, MemoryError):
        return _WORDS[errno.ENOMEM]
    if isinstance(error, OSError):
        return _WORDS.get(error.errno or 0, "")
    if isinstance(error, RuntimeError) and _NO_THREAD in str(error):
        return "no thread is to be had"
    if isinstance(error, SystemError) and _NO_ERROR in str(error):
        return _WORDS[errno.ENOMEM]
    if isinstance(error, ImportError) and _NO_MAPPING in str(error):
        return _WORDS[errno.ENOMEM]
    return ""
