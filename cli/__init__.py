"""The command line `worker-service`."""
