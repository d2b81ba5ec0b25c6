"""Questions to Z3 and, where it is installed, to cvc5: the same SMT-LIB text for both.

A question is answered when every solver that is asked says `unsat`; `unknown` is no answer.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import field
from typing import Any

import z3

from ..dsl.records import dataclass
from ..semantics.expr import FALSE, Expr, Op, not_
from ..semantics.smtlib import SORTS, Unreadable, text
from ..semantics.walks import postorder
from .near import about


def question(premises: Sequence[Expr], goal: Expr) -> str:
    """Premises and not the goal; names by first occurrence, so that alike questions are alike."""
    terms = [*premises, not_(goal)]
    names: dict[tuple[Op, int], str] = {}
    declared: list[str] = []
    for leaf in postorder(terms):
        if leaf.op in (Op.VAR, Op.POST, Op.INPUT) and (leaf.op, leaf.index) not in names:
            if leaf.sort not in SORTS:
                raise Unreadable("a stack has no text")
            names[leaf.op, leaf.index] = f"x{len(names)}"
            declared.append(f"(declare-const x{len(names) - 1} {SORTS[leaf.sort]})\n")
    lines = (f"(assert {text(t, lambda n: names[n.op, n.index])})\n" for t in terms)
    return "".join((*declared, *lines))


@dataclass
class Solvers:
    """`used` names the solvers; `second` turns cvc5 off.  Answers are kept by the text.

    After `until` (of time.monotonic) nothing is proved any more.
    """

    milliseconds: int = 5000
    second: bool = True
    until: float = float("inf")
    asked: int = 0
    _known: dict[str, bool] = field(default_factory=dict)
    _cvc5: Any = None

    def __post_init__(self) -> None:
        if self.second:
            try:
                import cvc5

                self._cvc5 = cvc5
            except ImportError:
                self.second = False

    @property
    def used(self) -> list[str]:
        """With their versions."""
        own = f"Z3 {z3.get_version_string()}"
        return [own, *([f"cvc5 {self._cvc5.__version__}"] if self.second else [])]

    def proves(self, premises: Iterable[Expr], goal: Expr) -> bool:
        """Do the premises surely imply the goal?"""
        given = list(premises)
        if any(p is FALSE for p in given):
            return True
        if time.monotonic() > self.until:
            return False
        near = about(given, goal)
        return self._proves(near, goal) or (len(near) < len(given) and self._proves(given, goal))

    def _proves(self, given: Sequence[Expr], goal: Expr) -> bool:
        try:
            script = question(given, goal)
        except Unreadable:  # of stacks nothing is asked
            return False
        if script not in self._known:
            self.asked += 1
            self._known[script] = self._z3(script) and (not self.second or self._second(script))
        return self._known[script]

    def _z3(self, script: str) -> bool:
        solver = z3.Solver()
        solver.set("timeout", self.milliseconds)
        try:
            solver.from_string(script)
            return bool(solver.check() == z3.unsat)
        except z3.Z3Exception:
            return False

    def _second(self, script: str) -> bool:
        solver = self._cvc5.Solver()
        solver.setOption("tlimit-per", str(self.milliseconds))
        parser = self._cvc5.InputParser(solver)
        whole = f"(set-logic ALL)\n{script}(check-sat)\n"
        parser.setStringInput(self._cvc5.InputLanguage.SMT_LIB_2_6, whole, "question")
        symbols, answer = parser.getSymbolManager(), ""
        while not (command := parser.nextCommand()).isNull():
            answer = command.invoke(solver, symbols)
        return str(answer).strip() == "unsat"
