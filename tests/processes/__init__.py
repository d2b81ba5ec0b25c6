"""A second reading of the language's terms: processes that rewrite themselves, step by step.

It shares nothing with the lowering: no points, no moves, no flags.  A process is a tuple; what an
error leaves behind is the process itself, cancelled, in which only protected parts still move.
Terms are tuples as well (`text` writes them as the language does); activities are letters.

    ("act", name) ("set", n) ("fail", E) ("return",) ("skip",)
    ("seq", t..) ("par", t..) ("choice", t..) ("if", c, t, t) ("while", c, most, t)
    ("all", t..) ("any", t..) ("two", t..)            par wait_all, any, 2 of
    ("tolerate", n, t..)                              not written as text; see `text`
    ("try", t, E, t) ("finally", t, t) ("retry", n, E, t) ("saga", t) ("nocancel", t)
    ("using", t) ("within", c, t, t) ("steps", (t, (after..), join)..)
    ("transact", c, n)                                 transaction { require n == c ; n := .. }

The data: `n` (0..2), and `log`, to which every activity appends its digit: outcomes tell orders.
Where the workflow may crash, `log` is a sum: in which order two that were cut off had their effect
is not said.
"""

from .crashes import outcomes
from .terms import OLD, Term, random_term, spec, text

__all__ = ["OLD", "Term", "outcomes", "random_term", "spec", "text"]
