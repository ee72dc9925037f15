"""Gives the kept events to the app of this worker, each session in its order."""
