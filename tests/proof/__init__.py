"""The second world: the shipped drivers over an in-memory kernel, explored exhaustively."""
