"""What to do next, for a launcher, a stop and a worker; the OS is behind ports."""
