"""The catalogue: every law as text in the language, with its name.

Metavariables `p q r s h k` stand for any workflow term, `b c` for any test; `E` is a permanent
error, `F` a transient one, `m n` are pools of one unit, and `stuck` is a wait for what never comes.
Concrete activities are `u1 u2`, which last and do not fail, with the undo activities `v1 v2`.
Nothing here says whether a law holds: that is found out (verifier/equivalence/laws).
"""

from __future__ import annotations

from ...dsl.records import dataclass


@dataclass(frozen=True, slots=True)
class Law:
    """`left == right`.  `needs` are side conditions under which it is tried as well, of these:

    fixed            no test changes while the term runs
    nothing beside   tests change with steps of the metavariables only
    alone            nobody else uses the pools, nor do the metavariables
    no throw p       p raises no error and does not return
    moves p          p takes a step whenever it is run, and ends with one
    nothing to undo  no metavariable has an undo
    independent      the metavariables touch no data in common, and none of them throws
    """

    name: str
    family: str
    left: str
    right: str
    needs: tuple[tuple[str, ...], ...] = ()


def _law(name: str, left: str, right: str, *needs: tuple[str, ...]) -> tuple[str, ...]:
    return (name, left, right, *map("; ".join, needs))


_FIXED = ("fixed",)
_UNDO = ("nothing to undo",)
_CALM = ("no throw p", "no throw q")
_EACH = "if (i == 0) { p } else { q }"

_TABLE: dict[str, tuple[tuple[str, ...], ...]] = {
    "sequence": (
        _law("seq-assoc", "{p ; q} ; r", "p ; {q ; r}"),
        _law("seq-skip-left", "skip ; p", "p"),
        _law("seq-skip-right", "p ; skip", "p"),
        _law("seq-stuck-left", "stuck ; p", "stuck"),
        _law("seq-fail-left", "fail F ; p", "fail F"),
        _law("seq-stuck-right", "p ; stuck", "stuck", ("no throw p",)),
        _law("seq-fail-right", "p ; fail F", "fail F"),
        _law("seq-commute", "p ; q", "q ; p", ("independent",)),
        _law("seq-idem", "p ; p", "p"),
    ),
    "choice": (
        _law("choice-comm", "p + q", "q + p"),
        _law("choice-assoc", "{p + q} + r", "p + {q + r}"),
        _law("choice-idem", "p + p", "p"),
        _law("choice-stuck", "p + stuck", "p"),
        _law("choice-skip", "p + skip", "p"),
        _law("choice-fail", "p + fail F", "p"),
        _law("choice-seq-right", "{p + q} ; r", "p ; r + q ; r"),
        _law("choice-seq-left", "p ; {q + r}", "p ; q + p ; r"),
    ),
    "parallel": (
        _law("par-comm", "p || q", "q || p"),
        _law("par-assoc", "{p || q} || r", "p || {q || r}"),
        _law("par-skip", "p || skip", "p"),
        _law("par-stuck", "p || stuck", "p ; stuck"),
        _law("par-choice", "p || {q + r}", "p || q + p || r"),
        _law("par-idem", "p || p", "p"),
        _law("par-exchange", "{p || q} ; {r || s}", "{p ; r} || {q ; s}"),
        _law("par-seq", "p || q", "p ; q", ("independent",)),
        _law("par-expand", "p || q", "p ; q + q ; p", ("independent",)),
        _law("par-expand-atomic", "{x := 2} || {w := 2}", "{x := 2 ; w := 2} + {w := 2 ; x := 2}"),
        _law("par-fail", "fail F || p", "fail F"),
        _law("par-fail-fail", "fail F || fail F", "fail F"),
        _law("par-if", "if (b) { p } else { q } || r", "if (b) { p || r } else { q || r }", _FIXED),
    ),
    "if": (
        _law("if-same", "if (b) { p } else { p }", "p"),
        _law("if-not", "if (b) { p } else { q }", "if (not b) { q } else { p }"),
        _law("if-true", "if (true) { p } else { q }", "p"),
        _law("if-false", "if (false) { p } else { q }", "q"),
        _law("if-no-else", "if (b) { p }", "if (b) { p } else { skip }"),
        _law(
            "if-nested-then",
            "if (b) { if (b) { p } else { q } } else { r }",
            "if (b) { p } else { r }",
        ),
        _law(
            "if-nested-else",
            "if (b) { p } else { if (b) { q } else { r } }",
            "if (b) { p } else { r }",
        ),
        _law(
            "if-swap",
            "if (b) { if (c) { p } else { q } } else { if (c) { r } else { s } }",
            "if (c) { if (b) { p } else { r } } else { if (b) { q } else { s } }",
        ),
        _law(
            "if-and",
            "if (b) { if (c) { p } else { q } } else { q }",
            "if (b and c) { p } else { q }",
        ),
        _law(
            "if-or",
            "if (b) { p } else { if (c) { p } else { q } }",
            "if (b or c) { p } else { q }",
        ),
        _law(
            "if-seq-right",
            "if (b) { p } else { q } ; r",
            "if (b) { p ; r } else { q ; r }",
        ),
        _law(
            "if-seq-left", "p ; if (b) { q } else { r }", "if (b) { p ; q } else { p ; r }", _FIXED
        ),
        _law(
            "if-choice",
            "if (b) { p + q } else { r }",
            "if (b) { p } else { r } + if (b) { q } else { r }",
        ),
        _law(
            "if-guards",
            "if (b) { p } else { q }",
            "if (b) { p } else { stuck } + if (b) { stuck } else { q }",
        ),
    ),
    "while": (
        _law(
            "while-unfold",
            "while (b) { p }",
            "if (b) { p ; while (b) { p } }",
            ("moves p",),
        ),
        _law("while-false", "while (false) { p }", "skip"),
        _law("while-true-seq", "while (true) { p } ; q", "while (true) { p }"),
        _law("while-true-skip", "while (true) { skip }", "stuck"),
        _law("while-twice", "while (b) { p } ; while (b) { p }", "while (b) { p }"),
        _law("while-if", "while (b) { if (b) { p } else { q } }", "while (b) { p }"),
        _law(
            "while-then-if",
            "while (b) { p } ; if (b) { q } else { r }",
            "while (b) { p } ; r",
        ),
        _law(
            "while-unroll",
            "while (b) { p }",
            "while (b) { p ; if (b) { p } }",
            ("moves p",),
        ),
        _law("while-nested", "while (b) { while (b) { p } }", "while (b) { p }"),
        _law(
            "while-or",
            "while (b or c) { p }",
            "while (b) { p } ; while (c) { p ; while (b) { p } }",
            ("nothing beside", "moves p"),
        ),
        _law("while-stuck", "while (b) { stuck }", "if (b) { stuck }"),
        _law("while-fail", "while (b) { fail F }", "if (b) { fail F }"),
    ),
    "try": (
        _law("try-fail", "try { fail F } catch * { h }", "h"),
        _law("try-skip", "try { skip } catch * { h }", "skip"),
        _law("try-stuck", "try { stuck } catch * { h }", "stuck"),
        _law("try-other", "try { fail E } catch F { h }", "fail E"),
        _law("try-no-throw", "try { p } catch * { h }", "p", ("no throw p",)),
        _law("try-rethrow", "try { p } catch E { fail E }", "p"),
        _law(
            "try-assoc",
            "try { try { p } catch * { h } } catch * { k }",
            "try { p } catch * { try { h } catch * { k } }",
        ),
        _law(
            "try-choice",
            "try { p + q } catch * { h }",
            "try { p } catch * { h } + try { q } catch * { h }",
        ),
        _law(
            "try-if",
            "try { if (b) { p } else { q } } catch * { h }",
            "if (b) { try { p } catch * { h } } else { try { q } catch * { h } }",
        ),
        _law(
            "try-handler-choice",
            "try { p } catch * { h + k }",
            "try { p } catch * { h } + try { p } catch * { k }",
        ),
        _law(
            "try-seq",
            "try { p ; q } catch * { h }",
            "p ; try { q } catch * { h }",
            ("no throw p",),
        ),
        _law(
            "try-seq-after",
            "try { p } catch * { h } ; r",
            "try { p ; r } catch * { h ; r }",
            ("no throw r",),
        ),
        _law(
            "try-par",
            "try { p || q } catch * { h }",
            "try { p } catch * { h } || try { q } catch * { h }",
            ("no throw p", "no throw q"),
        ),
        _law("try-same", "try { p } catch * { p }", "p", ("no throw p",)),
        _law(
            "try-two-handlers",
            "try { p } catch E { h } catch F { k }",
            "try { p } catch F { k } catch E { h }",
        ),
        _law(
            "try-handlers-nested",
            "try { p } catch E { h } catch F { k }",
            "try { try { p } catch E { h } } catch F { k }",
            ("no throw h",),
        ),
        _law("finally-skip", "try { p } finally { skip }", "p"),
        _law("finally-seq", "try { p } finally { q }", "p ; q", ("no throw p",)),
    ),
    "retry": (
        _law("retry-zero", "retry(0) { p }", "p"),
        _law("retry-skip", "retry(2) { skip }", "skip"),
        _law("retry-no-throw", "retry(2) { p }", "p", ("no throw p",)),
        _law("retry-fail", "retry(2) { fail F }", "fail F"),
        _law("retry-permanent", "retry(2) { fail E }", "fail E"),
        _law("retry-other", "retry(2 on E) { fail F }", "fail F"),
        _law("retry-once", "retry(1 on E) { p }", "try { p } catch E { p }"),
        _law("retry-once-any", "retry(1) { p }", "try { p } catch * { p }"),
        _law("retry-unfold", "retry(2 on E) { p }", "try { p } catch E { retry(1 on E) { p } }"),
        _law("retry-retry", "retry(1 on E) { retry(1 on E) { p } }", "retry(3 on E) { p }"),
        _law("retry-retry-any", "retry(1) { retry(1) { p } }", "retry(3) { p }"),
        _law(
            "retry-try",
            "retry(1 on E) { try { p } catch E { h } }",
            "try { p } catch E { h }",
            ("no throw h",),
        ),
        _law("retry-seq", "retry(1 on E) { p ; q }", "retry(1 on E) { p } ; retry(1 on E) { q }"),
        _law(
            "retry-choice", "retry(1 on E) { p + q }", "retry(1 on E) { p } + retry(1 on E) { q }"
        ),
    ),
    "within": (
        _law("within-skip", "within 9s { skip }", "skip"),
        _law("within-timeout", "within 9s { p }", "within 9s { p } else { fail Timeout }"),
        _law(
            "within-else",
            "within 9s { p } else { h }",
            "try { within 9s { p } } catch Timeout { h }",
        ),
        _law("within-stuck", "within 9s { stuck } else { h }", "wait 9s ; h"),
        _law("within-seq", "within 9s { p ; q }", "within 9s { p } ; within 9s { q }"),
        _law(
            "within-par",
            "within 9s { p || q }",
            "within 9s { p } || within 9s { q }",
            ("moves p", "moves q"),
        ),
        _law(
            "within-choice",
            "within 9s { p + q }",
            "within 9s { p } + within 9s { q }",
            ("moves p", "moves q"),
        ),
        _law(
            "within-nested",
            "within 5s { within 9s { p } else { h } } else { h }",
            "within 5s { p } else { h }",
        ),
    ),
    "saga": (
        _law("saga-plain", "saga { p }", "p", _UNDO),
        _law("saga-skip", "saga { skip }", "skip"),
        _law("saga-fail", "saga { fail F }", "fail F"),
        _law("saga-once", "saga { saga { p } }", "saga { p }"),
        _law("saga-no-throw", "saga { u1 ; u2 }", "u1 ; u2"),
        _law("saga-undo", "saga { u1 ; fail F }", "u1 ; v1 ; fail F"),
        _law("saga-undo-order", "saga { u1 ; u2 ; fail F }", "u1 ; u2 ; v2 ; v1 ; fail F"),
        _law(
            "saga-undo-par",
            "saga { {u1 || u2} ; fail F }",
            "{u1 || u2} ; {v1 || v2} ; fail F",
        ),
        _law("saga-seq", "saga { p ; q }", "saga { p } ; saga { q }", _UNDO),
        _law(
            "saga-seq-undo",
            "saga { u1 ; p }",
            "saga { u1 } ; saga { p }",
            ("no throw p",),
        ),
        _law("saga-nested-seq", "saga { saga { u1 } ; p }", "saga { u1 ; p }"),
        _law("saga-inner-left", "saga { saga { p } ; q }", "saga { p ; q }"),
        _law("saga-inner-right", "saga { p ; saga { q } }", "saga { p ; q }"),
        _law("saga-inner-par", "saga { saga { p } || q }", "saga { p || q }", _CALM),
        _law(
            "saga-inner-try",
            "saga { try { saga { p } } catch * { h } }",
            "saga { try { p } catch * { h } }",
            _UNDO,
            ("no throw p",),
        ),
        _law("saga-choice", "saga { p + q }", "saga { p } + saga { q }"),
        _law(
            "saga-if",
            "saga { if (b) { p } else { q } }",
            "if (b) { saga { p } } else { saga { q } }",
        ),
        _law("saga-par", "saga { p || q }", "saga { p } || saga { q }", _CALM),
        _law("saga-seq-fail", "saga { p ; fail F }", "saga { p } ; fail F", _UNDO),
        _law("saga-try", "saga { try { p } catch * { h } }", "try { saga { p } } catch * { h }"),
        _law(
            "saga-finally", "saga { try { p } finally { q } }", "try { saga { p } } finally { q }"
        ),
    ),
    "using": (
        _law("using-skip", "using (m) { skip }", "skip", ("alone",)),
        _law("using-fail", "using (m) { fail F }", "fail F", ("alone",)),
        _law(
            "using-seq",
            "using (m) { p ; q }",
            "using (m) { p } ; using (m) { q }",
            ("alone", "moves p"),
        ),
        _law(
            "using-if",
            "using (m) { if (b) { p } else { q } }",
            "if (b) { using (m) { p } } else { using (m) { q } }",
            _FIXED,
        ),
        _law("using-choice", "using (m) { p + q }", "using (m) { p } + using (m) { q }"),
        _law(
            "using-swap",
            "using (m) { using (n) { p } }",
            "using (n) { using (m) { p } }",
            ("alone",),
        ),
        _law("using-both", "using (m, n) { p }", "using (m) { using (n) { p } }", ("alone",)),
        _law("using-both-comm", "using (m, n) { p }", "using (n, m) { p }"),
        _law("using-twice", "using (m) { using (m) { p } }", "using (m) { stuck }"),
        _law("using-plain", "using (m) { p }", "p", ("alone",)),
        _law(
            "using-par",
            "using (m) { p } || using (m) { q }",
            "using (m) { p } ; using (m) { q } + using (m) { q } ; using (m) { p }",
        ),
    ),
    "each": (
        _law("each-one", "each i in 0..0 { p }", "p"),
        _law("each-one-seq", "each i in 0..0 seq { p }", "p"),
        _law("each-none", "each i in 1..0 { p }", "skip"),
        _law("each-seq", "each i in 0..1 seq { p }", "p ; p"),
        _law("each-seq-three", "each i in 0..2 seq { p }", "p ; {p ; p}"),
        _law("each-par", f"each i in 0..1 {{ {_EACH} }}", "p || q"),
        _law("each-order", f"each i in 0..1 {{ {_EACH} }}", "q || p"),
        _law(
            "each-at-once",
            f"each i in 0..1 at_most 2 at once {{ {_EACH} }}",
            f"each i in 0..1 {{ {_EACH} }}",
            ("moves p", "moves q"),
        ),
        _law(
            "each-one-at-once",
            f"each i in 0..1 at_most 1 at once {{ {_EACH} }}",
            f"each i in 0..1 seq {{ {_EACH} }}",
        ),
        _law("each-split", "each i in 0..2 seq { p }", "each i in 0..1 seq { p } ; p"),
    ),
    "protection": (
        _law("nocancel-plain", "nocancel { p }", "p"),
        _law("nocancel-twice", "nocancel { nocancel { p } }", "nocancel { p }"),
        _law("nocancel-seq", "nocancel { p ; q }", "nocancel { p } ; nocancel { q }"),
    ),
}

LAWS = tuple(
    Law(name, family, left, right, tuple(tuple(n.split("; ")) for n in needs))
    for family, rows in _TABLE.items()
    for name, left, right, *needs in rows
)

# What the terms name, as declarations in a workflow.
DECLARED = """\
  var x: int = 1
  var w: int = 1
  activity v1 { }
  activity v2 { }
  activity u1 { undo v1() }
  activity u2 { undo v2() }
"""
# The same in instances: what undoes leaves a trace in the data.
EFFECTS = DECLARED.replace("activity v1 { }", "activity v1 { do { x := x + 1 } }").replace(
    "activity v2 { }", "activity v2 { do { x := 2 * x } }"
)
