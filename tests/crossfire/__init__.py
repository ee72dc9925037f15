"""The drill of the stale launchers: two versions, one data dir, everybody fires."""
