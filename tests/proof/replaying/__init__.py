"""Runs a schedule of the explorer on real processes, each held at each verb of its driver."""
