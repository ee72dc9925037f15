"""Installed builds: how one is made, kept, or switched to."""
