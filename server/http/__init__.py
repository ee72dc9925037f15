"""HTTP on the worker's listening socket."""
