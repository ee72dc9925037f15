"""What a launcher, a stop run, a worker is to do next; the OS is behind ports."""
