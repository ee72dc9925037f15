"""What a caller needs on its way to a healthy worker."""
