"""Search over states that are one integer each."""
