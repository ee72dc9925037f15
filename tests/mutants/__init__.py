"""Mutation testing: small mistakes at random in a copy of the code, seen by its tests or not."""
