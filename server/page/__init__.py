"""The page on which a person sees the worker live."""
