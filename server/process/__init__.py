"""The worker's process: how it was spawned, its logs, its manager, its deadline."""
