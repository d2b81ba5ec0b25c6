"""The rules of a finite spec as a TLA+ module, for TLC (Lamport 2002).

Every option of a rule is an action: guard, updates, what stays.  Claims about states are
invariants; so are those about steps, which say of each state what holds of the steps that can be
taken there.  The end of all instances stutters, so that a deadlock of the module is one of the
spec; so does a run that does not count (`assume`).  Numbers have no bound, as in the rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...semantics.expr import FALSE, TRUE, Expr, Op, and_, not_
from ...semantics.system import Obligation, TransitionSystem
from ...semantics.walks import postorder
from .finite import Finite, NotFinite, Option, answered, placed, relevant, values
from .notation import Notation, must_be_plain, must_be_short

DEFINITIONS = (
    "Rem(a, b) == IF b = 0 THEN 0 ELSE a % (IF b < 0 THEN -b ELSE b)",
    "Quo(a, b) == IF 0 < b THEN a \\div b ELSE -(a \\div (-b))",
    "Div(a, b) == IF b = 0 THEN 0 ELSE Quo(a - Rem(a, b), b)",
)
TLA = Notation(
    "TLA+",
    "TRUE",
    "FALSE",
    {
        Op.AND: "/\\",
        Op.OR: "\\/",
        Op.EQ: "=",
        Op.LE: "<=",
        Op.LT: "<",
        Op.ADD: "+",
        Op.MUL: "*",
    },
    {
        Op.NOT: "(~{})",
        Op.ITE: "(IF {} THEN {} ELSE {})",
        Op.NEG: "(-{})",
        Op.DIV: "Div({}, {})",
        Op.MOD: "Rem({}, {})",
    },
)


def tla(
    system: TransitionSystem, goals: Sequence[Obligation], *, whole: bool = False, name: str = "wf"
) -> str:
    """A module of that name in which TLC finds an invariant violated if some goal can be broken.

    It has what can matter for the goals; with `whole`, or without goals, it is all of the system,
    and a deadlock is one of it.  Raises `NotFinite` where data is not of a small finite type.
    """
    finite = Finite(relevant(system, goals, whole), goals)
    return "\n".join(_Module(finite, name).lines()) + "\n"


class _Module:
    def __init__(self, finite: Finite, name: str) -> None:
        self.finite = finite
        self.name = "".join(c if c.isalnum() and c.isascii() else "_" for c in name) or "wf"
        if self.name.strip("_").isdigit() or not self.name.strip("_"):
            self.name = f"wf_{self.name}"

    def lines(self) -> Iterator[str]:
        finite = self.finite
        known = [finite.system.variables[v] for v in finite.needed]
        options = list(self._options())
        claims = [*self._states(), *self._steps(options)]
        yield f"---- MODULE {self.name} ----"
        yield f"\\* {_quoted(finite.system.name)}, made by wfverify"
        yield "EXTENDS Integers"
        if known:
            yield "VARIABLES"
            for k, v in enumerate(known):
                comma = "," if k + 1 < len(known) else ""
                yield f"  v{v.index}{comma} \\* {_quoted(v.name)}"
        yield f"vars == <<{', '.join(f'v{v.index}' for v in known)}>>"
        yield from DEFINITIONS
        yield "Init =="
        yield "  /\\ TRUE"
        for v in known:
            if v.init is not None:
                yield f"  /\\ v{v.index} = {self._text(v.init)}"
            else:
                yield f"  /\\ v{v.index} \\in {{{', '.join(map(TLA.constant, values(v)))}}}"
        yield f"  /\\ {self._text(finite.counts)}"
        for k, o in enumerate(options):
            yield from self._action(k, o)
        yield f"Over == {self._text(finite.over)}"
        cuts = [self._when(o, True) for o in options if o.cut is not FALSE]
        yield f"Cut == {TLA.joined(Op.OR, ['FALSE', *cuts])}"
        yield "Next =="
        yield from (f"  \\/ r{k}" for k in range(len(options)))
        yield "  \\/ (Over \\/ Cut) /\\ UNCHANGED vars"
        yield "Spec == Init /\\ [][Next]_vars"
        for k, (text, message) in enumerate(claims):
            yield f"Claim{k} == {text} \\* {_quoted(message)}"
        every = [f"Claim{k}" for k in range(len(claims))]
        yield f"Claims == {TLA.joined(Op.AND, ['TRUE', *every])}"
        yield "\\* For TLC: SPECIFICATION Spec, INVARIANT Claims"
        yield "===="

    def _options(self) -> Iterator[Option]:
        for rule in self.finite.rules:
            try:
                yield from self.finite.options(rule)
            except NotFinite as found:
                raise placed(found, rule) from None

    def _when(self, o: Option, cut: bool) -> str:
        """That it can be taken, into a state where runs end to count, or not."""
        into = answered(o.cut, o.answers)
        return self._text(and_(o.guard, into if cut else not_(into)))

    def _action(self, k: int, o: Option) -> Iterator[str]:
        yield f"r{k} == \\* {_quoted(o.rule.name)}"
        yield f"  /\\ {self._when(o, False)}"
        written = dict(o.updates)
        for v, e in o.updates:
            yield f"  /\\ v{v}' = {self._text(answered(e, o.answers))}"
        kept = [f"v{v}" for v in self.finite.needed if v not in written]
        if kept:
            yield f"  /\\ UNCHANGED <<{', '.join(kept)}>>"

    def _states(self) -> Iterator[tuple[str, str]]:
        for g in self.finite.states:
            yield self._text(g.cond), g.message

    def _steps(self, options: Sequence[Option]) -> Iterator[tuple[str, str]]:
        for o in options:
            for g, part in o.goals:
                claim = answered(part, o.answers)
                if claim is not TRUE:
                    yield f"({self._when(o, False)} => {self._text(claim)})", g.message

    def _text(self, root: Expr) -> str:
        done: dict[int, str] = {}
        for node in postorder([root]):
            must_be_plain(self.finite.system, node)
            text = TLA.text(node, [done[id(a)] for a in node.args])
            must_be_short(len(text))
            done[id(node)] = text
        return done[id(root)]


def _quoted(text: str) -> str:
    """Fit for a comment up to the end of its line."""
    return "".join(c if c.isprintable() else " " for c in text)
