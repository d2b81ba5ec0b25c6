"""Equivalence of two terms by looking at the terms: before any transition system is built.

Each engine is a pure function from a `Store` and two terms in it to an answer with evidence.  None
is recursive: terms may be deeper than a stack.
"""
