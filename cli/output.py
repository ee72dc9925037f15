"""Results on stdout, talk on stderr."""

from __future__ import annotations

import json
import sys
from typing import Any


def as_json(said: dict[str, Any]) -> None:
    """Print one JSON object, the only thing on stdout."""
    print(json.dumps(said), flush=True)


def tell(sentence: str) -> None:
    """Say something to people."""
    print(f"worker-service: {sentence}", file=sys.stderr, flush=True)
