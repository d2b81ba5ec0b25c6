"""Activities: on one line, or one clause per line."""

from __future__ import annotations

from . import ast
from .format_control import placement
from .format_expr import SUM, expr, exprs, string, type_text
from .format_inline import block, claim, inline, retry
from .format_out import WIDTH
from .format_term import TermLayout
from .records import dataclass


@dataclass(frozen=True, slots=True)
class _Clause:
    word: str
    text: str
    place: tuple[int, int] | None = None
    body: ast.Term | None = None  # a block, which may take several lines
    tail: str = ""
    end: int = 0  # its last line in the source


class ActivityLayout(TermLayout):
    def activity(self, a: ast.Activity, indent: int) -> None:
        self.doc(a.doc, indent)
        params = ", ".join(f"{p.name}: {type_text(p.type)}" for p in a.params)
        start = f"activity {a.name}{f'({params})' if params or a.returns is not None else ''}"
        if a.returns is not None:
            start += f" -> {type_text(a.returns)}"
        clauses = self.clauses(a)
        if not clauses:
            text = f"{start} {{ }}"
        else:
            text = f"{start} {{ {'  '.join(f'{c.word} {c.text}'.rstrip() for c in clauses)} }}"
        if self.stays_inline(a, " " * indent + text) and (a.span.line or len(clauses) <= 3):
            self.out.line(indent, text)
            return
        self.out.line(indent, f"{start} {{")
        self.out.at = 0
        width = max((len(c.word) for c in clauses if len(c.word) <= 8), default=0)
        for clause in clauses:
            if clause.place is not None:
                self.out.reach(*clause.place, indent + 2)
            self.clause(clause, indent + 2, width)
            if clause.place is not None:
                self.out.at = max(self.out.at, clause.place[0], clause.end)
            if clause.body is not None:
                self.out.passed(clause.body.span)
        if a.span.line:
            self.out.upto((a.span.end_line, a.span.end_col - 1), indent + 2)
        self.out.line(indent, "}")

    def clause(self, c: _Clause, indent: int, width: int) -> None:
        text = f"{c.word.ljust(width)} {c.text}".rstrip()
        if c.body is None or self.block_stays_inline(c.body, " " * indent + text):
            self.out.line(indent, text)
            return
        self.braces(indent, f"{c.word.ljust(width)} {{", c.body, "}" + c.tail)

    def clauses(self, a: ast.Activity) -> list[_Clause]:
        """In source order; without a source in the order of the language page."""
        found: list[_Clause] = []

        def add(word: str, text: str = "", body: ast.Term | None = None, tail: str = "") -> None:
            place = self.out.word(a.span, word.split()[0]) if a.span.line else None
            found.append(_Clause(word, text, place, body, tail))

        def at(node: ast.Node, word: str, text: str) -> None:
            place = (node.span.line, node.span.col) if node.span.line else None
            found.append(_Clause(word, text, place, end=node.span.end_line))

        if a.uses:
            at(a.uses[0], "uses", ", ".join(claim(c) for c in a.uses))
        if a.takes is not None:
            at(a.takes, "takes", takes(a.takes))
        if a.runs_in is not None:
            at(a.runs_in, "runs_in", placement(a.runs_in))
        for e in a.needs:
            at(e, "needs", expr(e))
        if a.reads:
            add("reads", ", ".join(a.reads))
        if a.writes:
            add("writes", ", ".join(a.writes))
        if a.do is not None:
            add("do", block(a.do), a.do)
        for e in a.ensures:
            at(e, "ensures", expr(e))
        if a.fails:
            at(a.fails[0], "fails", ", ".join(_fail(f) for f in a.fails))
        if a.retry is not None:
            at(a.retry, "retry", retry(a.retry))
        if a.timeout is not None:
            at(a.timeout, "timeout", expr(a.timeout, SUM))
        if a.timeout_schedule is not None:
            at(a.timeout_schedule, "timeout schedule", expr(a.timeout_schedule, SUM))
        if a.heartbeat is not None:
            at(a.heartbeat, "heartbeat", expr(a.heartbeat, SUM))
        if a.beats is not None:
            at(a.beats, "beats every", takes(a.beats))
        if a.undo is not None:
            self.undo(a.undo, found)
        if a.undone_when is not None:
            at(a.undone_when, "undone when", expr(a.undone_when))
        if a.idempotent_by is not None:
            at(a.idempotent_by, "idempotent by", expr(a.idempotent_by))
        if a.at_least_once:
            add("at_least_once")
        if a.priority is not None:
            at(a.priority, "priority", expr(a.priority, SUM))
        if a.runs is not None:
            at(a.runs, "runs", _runs(a.runs))
        if all(c.place is not None for c in found):
            found.sort(key=lambda c: c.place or (0, 0))
        return found

    def undo(self, u: ast.Undo, found: list[_Clause]) -> None:
        place = (u.span.line, u.span.col) if u.span.line else None
        if u.kind == "block" and u.body is not None:
            found.append(_Clause("undo", block(u.body), place, u.body))
        elif u.body is not None:
            text = inline(u.body)
            if u.orelse is not None:
                text += f" else {block(u.orelse)}"
            found.append(_Clause("undo", text, place))
        else:
            found.append(_Clause("undo", u.kind, place))


def takes(t: ast.Takes) -> str:
    if t.dist:
        return f"{t.dist}({exprs(t.args)})"
    lo = expr(t.lo, SUM) if t.lo is not None else "0s"
    if t.hi is None:
        return f"{lo}.."
    # `takes 3s` is kept as `takes 3s`.
    if t.lo is not None and t.lo == t.hi and t.lo.span == t.hi.span:
        return lo
    return f"{lo}..{expr(t.hi, SUM)}"


def _fail(f: ast.FailClause) -> str:
    if f.probability is None:
        return f.error
    return f"{f.error} probability {expr(f.probability, SUM)}"


def _runs(r: ast.Runs) -> str:
    words = list(r.words)
    match r.kind, words:
        case "http", [verb, *rest] if verb.isidentifier() and verb.isupper():
            return " ".join(["http", verb, *(string(w) for w in rest)])
        case "container", [image, *rest] if rest:
            return f"container {string(image)} [{', '.join(string(w) for w in rest)}]"
        case _:
            return " ".join([r.kind, *(string(w) for w in words)])


__all__ = ["WIDTH", "ActivityLayout"]
