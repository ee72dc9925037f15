"""The hosted app: loading it, starting it, ending it."""
