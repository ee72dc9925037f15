"""The commands of `worker-service`, one file each."""
