"""Laws: whether two terms with metavariables are equivalent whatever the metavariables stand for.

The argument is docs/decisions/0017-laws.md.
"""
