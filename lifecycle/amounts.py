"""Says an amount of time or of bytes as people do."""

from __future__ import annotations

# seconds of a unit, its name; a duration is told in the largest that fits, then the next
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))
_SIZES = ("B", "kB", "MB", "GB", "TB")


def duration(seconds: float) -> str:
    """Give a duration in its two largest units: `3 d 4 h`, `2 min 5 s`, `0.4 s`, `12 ms`."""
    if seconds < 0.1:
        return f"{max(seconds, 0) * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for (unit, name), (smaller, below) in zip(_UNITS, (*_UNITS[1:], (1, "s")), strict=True):
        if whole >= unit:
            rest = whole % unit // smaller
            return f"{whole // unit} {name}" + (f" {rest} {below}" if rest else "")
    return f"{whole} s"


def size(count: int) -> str:
    """Give a number of bytes as disks are sold, by thousands: `512 B`, `41.9 MB`."""
    amount, unit = float(count), 0
    while amount >= 999.5 and unit < len(_SIZES) - 1:
        amount, unit = amount / 1000, unit + 1
    return (
        f"{amount:.1f} {_SIZES[unit]}"
        if unit and amount < 99.95
        else f"{amount:.0f} {_SIZES[unit]}"
    )
