"""Says where a user's home is that the environment does not name."""

from __future__ import annotations

import os

from .errors import SettingsError


def home_by_database() -> str:
    """Give the home by the user database; raises SettingsError for a user who is not in it."""
    from pwd import getpwuid

    try:
        return getpwuid(os.getuid()).pw_dir
    except KeyError:
        told = "a folder: this user has none by the user database"
        raise SettingsError("HOME", "", told) from None
