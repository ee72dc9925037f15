"""Says why a release could not be made, or must not be used."""

from __future__ import annotations

from incumbent.lifecycle.errors import IncumbentError


class ReleaseError(IncumbentError):
    """A release could not be made, or must not be used; the first row says what to do."""

    def __init__(self, *rows: str) -> None:
        super().__init__(*rows)
        self.rows = rows

    def __str__(self) -> str:
        return "\n".join(self.rows)
