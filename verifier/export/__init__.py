"""The rules of a spec for other model checkers."""
