"""How many descriptors this process may have open."""

from __future__ import annotations

import contextlib

try:
    import resource
except ImportError:  # a platform without such limits
    resource = None  # type: ignore[assignment]

RESERVE = 64  # for the app's files, a successor's pipes, the lock; a half where few are allowed
MANY = 1 << 20  # where no limit is set


def raise_limit() -> None:
    """Raise the soft limit to the hard one: 1,024 are soon used up by clients that stay."""
    if resource is None:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):  # the system's own limit may be lower
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def room() -> int:
    """Give how many descriptors clients may take; the others are kept for ourselves."""
    if resource is None:
        return MANY
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MANY
    return max(soft - min(RESERVE, soft // 2), 1)
