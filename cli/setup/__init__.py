"""The hosts of hooks: what is written into their own files, what is taken back."""
