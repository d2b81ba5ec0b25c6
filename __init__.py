"""wfverify: prove a workflow before you run it, run what you proved."""

__version__ = "0.1.0"
