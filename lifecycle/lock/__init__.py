"""Who may spawn: the spawn lock, its files, its guard, whose it is."""
