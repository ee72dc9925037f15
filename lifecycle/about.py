"""Which incumbent this is."""

VERSION = "0.1.0"
FORMAT = 1  # of the launch record; a worker that can't read a newer one refuses the handover
