"""Every speed the project promises, each measured against a reference in the same run."""
