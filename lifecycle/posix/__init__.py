"""The drivers' ports on a real system."""
