"""Answers that one can keep: certificates, and a checker that did not find them.

Nothing here imports the verifier or the interpreter.  What is trusted stands in
docs/certificates.md.
"""
