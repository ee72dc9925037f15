"""The worker process: hosts one ASGI app behind the lifecycle's endpoints."""
