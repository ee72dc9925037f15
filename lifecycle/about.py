"""What this incumbent is called: its version, its format, its command."""

import os

VERSION = "0.2.0"
FORMAT = 1  # of the launch record; a worker that can't read a newer one refuses the handover
COMMAND_VARIABLE = "INCUMBENT_COMMAND"


def command() -> str:
    """Give what people type before a command: a tool may have its own name for all of them."""
    return os.environ.get(COMMAND_VARIABLE) or "worker-service"
