"""`wfverify fmt`: a tree as text in the one layout of the language.

What the source had on one line stays on one line where it fits; comments and single blank lines
are kept.  The result reads as the same tree, and formatting it again changes nothing.
"""

from __future__ import annotations

from . import ast
from .format_activity import ActivityLayout
from .format_control import control
from .format_expr import expr, type_text
from .format_inline import claim
from .format_out import WIDTH, Line, Out
from .format_props import property_text
from .lexer import lex
from .text import unified
from .walk import items_of


def format_spec(spec: ast.Spec) -> str:
    """The text of a tree from the parser or the checker, or from an importer without a `Flow`."""
    own = bool(spec.source) and not spec.imported_from
    source = unified(spec.source)
    out = Out(lex(source, spec.file) if own else None)
    return _Printer(out).spec(spec)


class _Printer(ActivityLayout):
    def spec(self, spec: ast.Spec) -> str:
        items = items_of(spec)
        tall = False
        for i, item in enumerate(items):
            if tall or (i and _is_tall(item)):
                self.at_node(item, 0)
                self.blank_before_comments()
            self.at_node(item, 0)
            before = len(self.out.lines)
            self.item(item)
            tall = len(self.out.lines) - before > 1
            self.out.passed(item.span)
        self.out.upto((1 << 60, 0), 0)
        return self.out.text()

    def blank_before_comments(self) -> None:
        """A blank line before an item of several lines and the comments that belong to it."""
        lines = self.out.lines
        k = len(lines)
        while k and lines[k - 1].is_comment:
            k -= 1
        if k and lines[k - 1].text:
            lines.insert(k, Line(""))

    def item(self, item: ast.Item) -> None:
        match item:
            case ast.Workflow():
                self.workflow(item)
            case ast.Activity():
                self.activity(item, 0)
            case ast.System():
                self.system(item)
            case ast.Environment() | ast.Metric() | ast.Detector() | ast.Controller():
                self.doc(item.doc, 0)
                for line in control(item):
                    self.out.line(0, line)
            case ast.Resource():
                self.doc(item.doc, 0)
                self.out.padded("resource", f"resource {_resource_name(item)}", _resource(item))
            case ast.Shared(decl=decl, durable=durable):
                self.doc(decl.doc, 0)
                self.variable("store" if durable else "shared", decl, 0)
            case ast.EnumDecl():
                self.doc(item.doc, 0)
                self.enum(item)
            case ast.ConstDecl():
                self.doc(item.doc, 0)
                self.out.line(0, f"const {item.name} = {expr(item.value)}")
            case ast.ParamDecl():
                self.doc(item.doc, 0)
                self.out.line(0, f"param {item.name}: {type_text(item.type)}")
            case ast.TypeDecl():
                self.doc(item.doc, 0)
                self.out.line(0, f"type {item.name} = {type_text(item.type)}")
            case ast.ErrorDecl():
                self.doc(item.doc, 0)
                self.out.padded("error", f"error {item.name}", f" {item.kind}")
            case ast.Channel():
                self.doc(item.doc, 0)
                self.out.line(0, _channel(item))
            case ast.Invariant() | ast.Always():
                head, _, rest = property_text(item).partition(" ")
                self.out.padded("property", head, f" {rest}")
            case _:
                self.out.line(0, property_text(item))

    def enum(self, e: ast.EnumDecl) -> None:
        text = f"enum {e.name} {{ {', '.join(e.values)} }}"
        if len(text) <= WIDTH:
            self.out.line(0, text)
            return
        self.out.line(0, f"enum {e.name} {{")
        row = " "
        for value in e.values:
            if len(row) + len(value) + 2 > WIDTH:
                self.out.line(0, row)
                row = " "
            row += f" {value},"
        self.out.line(0, row)
        self.out.line(0, "}")

    def variable(self, word: str, v: ast.VarDecl, indent: int) -> None:
        init = f" = {expr(v.init)}" if v.init is not None else ""
        self.out.line(indent, f"{word} {v.name}: {type_text(v.type)}{init}")

    # --- workflows -------------------------------------------------------------------------------

    def workflow(self, w: ast.Workflow) -> None:
        self.doc(w.doc, 0)
        returns = f" -> {type_text(w.returns)}" if w.returns is not None else ""
        fails = f" fails {', '.join(w.fails)}" if w.fails else ""
        params = ", ".join(f"{p.name}: {type_text(p.type)}" for p in w.params)
        self.out.line(0, f"workflow {w.name}({params}){returns}{fails} {{")
        contracts = [p for p in w.properties if isinstance(p, ast.Requires | ast.Ensures)]
        others = [p for p in w.properties if not isinstance(p, ast.Requires | ast.Ensures)]
        members: list[ast.Node] = [*contracts, *w.variables, *w.activities, w.body, *others]
        if all(m.span.line for m in members):
            members.sort(key=lambda m: (m.span.line, m.span.col))
        self.out.at = 0
        previous: ast.Node | None = None
        for member in members:
            if not member.span.line and previous is not None and type(member) is not type(previous):
                self.out.blank()
            self.member(member, w.body)
            previous = member
        last = members[-1]
        if w.span.line:
            self.out.upto((w.span.end_line, w.span.end_col - 1), 2)
        self.out.passed(last.span)
        self.out.line(0, "}")

    def member(self, member: ast.Node, body: ast.Term) -> None:
        if member is body:
            self.body(body)
            return
        self.at_node(member, 2)
        match member:
            case ast.VarDecl():
                self.doc(member.doc, 2)
                self.variable("var", member, 2)
            case ast.Activity():
                self.activity(member, 2)
            case ast.Requires(cond=cond):
                self.out.line(2, f"requires {expr(cond)}")
            case ast.Ensures(cond=cond):
                self.out.line(2, f"ensures  {expr(cond)}")
            case ast.Invariant() | ast.Always():
                head, _, rest = property_text(member).partition(" ")
                self.out.padded("property", f"  {head}", f" {rest}")
            case _:
                self.out.line(2, property_text(member))
        self.out.passed(member.span)

    def body(self, body: ast.Term) -> None:
        if isinstance(body, ast.Steps):
            self.at_node(body, 2)
            self.term(body, 2)
            return
        # A comment before `run` stays before it.
        run = self.run_of(body)
        if run is not None:
            self.out.reach(*run, 2)
        if self.block_stays_inline(body, f"  run {{ {self.one_line(body)} }}"):
            self.out.line(2, f"run {{ {self.one_line(body)} }}")
            self.out.passed(body.span)
            return
        self.braces(2, "run {", body, "}")

    def run_of(self, body: ast.Term) -> tuple[int, int] | None:
        """The place of the `run` before the body."""
        tokens = self.out.tokens
        if tokens is None or not body.span.line:
            return None
        from bisect import bisect_left

        i = bisect_left(self.out.starts, (body.span.line, body.span.col))
        while i > 0 and tokens.kinds[i] != "run":
            i -= 1
        return self.out.starts[i]

    def system(self, s: ast.System) -> None:
        self.out.line(0, "system {")
        self.out.at = 0
        entries = [((i.span.line, i.span.col), _instance(i)) for i in s.instances]
        entries += [((f.span.line, f.span.col), _fault(f)) for f in s.faults]
        place = self.out.word(s.span, "scheduler")
        if s.scheduler != "any" or place is not None:
            entries.append((place or (0, 0), f"scheduler {s.scheduler}"))
        if s.span.line:
            entries.sort()
        for (line, col), text in entries:
            if line:
                self.out.reach(line, col, 2)
                self.out.at = line
            self.out.line(2, text)
        if s.span.line:
            self.out.upto((s.span.end_line, s.span.end_col - 1), 2)
        self.out.line(0, "}")


def _is_tall(item: ast.Item) -> bool:
    return isinstance(item, ast.Workflow | ast.System)


def _resource_name(r: ast.Resource) -> str:
    return r.name if r.key is None else f"{r.name}[{type_text(r.key)}]"


def _resource(r: ast.Resource) -> str:
    """What stands behind the name."""
    text = " : "
    if r.kind == "pool" and r.capacity is not None:
        text += f"pool({expr(r.capacity)})"
    elif r.kind == "rate" and r.capacity is not None and r.per is not None:
        burst = f" burst {expr(r.burst, 7)}" if r.burst is not None else ""
        text += f"rate({expr(r.capacity, 7)} per {expr(r.per, 7)}{burst})"
    else:
        text += r.kind
    if r.advisory:
        text += " advisory"
    if r.on_busy == "fail":
        text += f" on_busy fail {r.busy_error}"
    elif r.on_busy != "wait":
        text += f" on_busy {r.on_busy}"
    if r.lease is not None:
        text += f" lease {expr(r.lease, 7)}{' silent' if r.silent else ''}"
    return text + (" priority" if r.priority else "")


def _channel(c: ast.Channel) -> str:
    key = f"[{type_text(c.key)}]" if c.key is not None else ""
    text = f"channel {c.name}{key} : {type_text(c.type)}"
    if c.answer is not None:
        text += f" -> {type_text(c.answer)}"
    if c.capacity is not None:
        text += f" capacity {expr(c.capacity, 7)}"
    if c.delivery:
        text += f" delivery {c.delivery}"
    if c.order:
        text += f" {c.order}"
    if c.ttl is not None:
        text += f" ttl {expr(c.ttl, 7)}"
    text += " broadcast" if c.broadcast else ""
    text += " optional" if c.optional else ""
    return text + (" from environment" if c.environment else "")


def _instance(i: ast.InstanceDecl) -> str:
    text = i.workflow
    if i.any_number:
        text += "[*]"
    elif i.count is not None:
        text += f"[{expr(i.count)}]"
    if i.args:
        args = ", ".join(expr(e) if n is None else f"{n}: {expr(e)}" for n, e in i.args)
        text += f"({args})"
    if i.binder is not None and i.domain is not None:
        domain = expr(i.domain) if isinstance(i.domain, ast.Range) else expr(i.domain, 7)
        text += f" for {i.binder} in {domain}"
    return text + (f" arrive every {expr(i.arrive, 7)}" if i.arrive is not None else "")


def _fault(f: ast.Fault) -> str:
    text = f"faults crash {f.workflow}"
    if f.at_most is not None:
        text += f" at_most {expr(f.at_most, 7)}"
    if f.back_within is not None:
        text += f" back within {expr(f.back_within, 7)}"
    return text + (" never" if f.never else "")


__all__ = ["claim", "format_spec"]
