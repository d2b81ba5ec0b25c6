"""Terms over several lines."""

from __future__ import annotations

from . import ast
from .format_expr import exprs
from .format_inline import (
    CHOICE,
    PAR,
    PRIM,
    SEQ,
    block,
    catch,
    ends_open,
    head,
    inline,
    level_of,
    step,
    step_name,
    step_options,
)
from .format_out import WIDTH, Out


class TermLayout:
    def __init__(self, out: Out) -> None:
        self.out = out

    def at_node(self, node: ast.Node, indent: int) -> None:
        """Comments and a blank line that stand before a node."""
        if node.span.line:
            self.out.reach(node.span.line, node.span.col, indent)

    def before(self, node: ast.Node, indent: int) -> None:
        """The same for a node that is put into brackets: what stands in them waits."""
        if node.span.line:
            place = self.out.opening(node.span.line, node.span.col, through=True)
            self.out.reach(*place, indent)

    def doc(self, text: str, indent: int) -> None:
        """A doc comment of a tree without source; otherwise it is among the comments."""
        if self.out.tokens is None and text:
            for line in text.split("\n"):
                self.out.line(indent, f"/// {line}".rstrip())

    def one_line(self, t: ast.Term, level: int = CHOICE) -> str:
        return inline(t, level)

    def stays_inline(self, node: ast.Node, text: str) -> bool:
        """Whether what the source has on one line (or what has no source) stays so."""
        span = node.span
        return len(text) <= WIDTH and span.line == span.end_line and not self.out.commented(span)

    def block_stays_inline(self, body: ast.Term, text: str) -> bool:
        """The same for what stands in braces that its span leaves out."""
        inside = self.out.bracketed(body.span)
        if _breakable(body) and not self.stays_inline(body, text):
            return False
        return len(text) <= WIDTH and not self.out.commented(inside)

    def term(
        self, t: ast.Term, indent: int, lead: str = "", tail: str = "", level: int = CHOICE
    ) -> None:
        """`t` at its place: comments before it, then its lines."""
        text = " " * indent + lead + inline(t, level) + tail
        if self.stays_inline(t, text) or not _breakable(t):
            self.at_node(t, indent)
            self.out.line(0, text)
            self.out.passed(t.span)
            return
        own = level_of(t)
        if own < level:
            self.before(t, indent)
            marks = ("{", "}") if own == SEQ else ("(", ")")
            self.braces(indent, lead + marks[0], t, marks[1] + tail)
            return
        self.at_node(t, indent)
        match t:
            case ast.Seq(parts=parts):
                for i, part in enumerate(parts):
                    last = i == len(parts) - 1
                    self.term(part, indent, lead if i == 0 else "", tail if last else " ;", PRIM)
            case ast.Par(parts=parts, policy="all"):
                self.joined(parts, indent, lead, tail, "|| ", SEQ + 1)
            case ast.Choice(parts=parts):
                self.joined(parts, indent, lead, tail, "+ ", PAR)
            case ast.Steps():
                self.steps(t, indent, lead, tail)
            case _:
                self.blocks(t, indent, lead, tail)
        self.out.passed(t.span)

    def joined(
        self, parts: tuple[ast.Term, ...], indent: int, lead: str, tail: str, mark: str, level: int
    ) -> None:
        for i, part in enumerate(parts):
            last = i == len(parts) - 1
            first = lead if i == 0 else mark
            after = tail if last else ""
            if mark == "+ " and not last and ends_open(part):
                self.before(part, indent)
                self.braces(indent, first + "{", part, "}" + after)
            else:
                # A sequence as a part stands in braces when it takes several lines.
                tight = level if level_of(part) != SEQ or len(inline(part)) > 60 else SEQ
                self.term(part, indent, first, after, max(tight, PAR))

    def braces(self, indent: int, opening: str, body: ast.Term, closing: str) -> None:
        """`opening`, the body on its own lines, `closing`."""
        self.out.line(indent, opening)
        self.out.at = 0
        self.term(body, indent + 2)
        self.out.close(body.span, indent + 2, closing[0])
        self.out.line(indent, closing)

    def blocks(self, t: ast.Term, indent: int, lead: str, tail: str) -> None:
        """A term made of a head and blocks."""
        opening = f"{lead}{head(t)} {{"
        parts: list[tuple[str, ast.Term]] = []
        match t:
            case ast.If():
                node: ast.Term | None = t
                while isinstance(node, ast.If):
                    parts.append((opening, node.then))
                    if isinstance(node.orelse, ast.If):
                        opening = f"}} else {head(node.orelse)} {{"
                    elif node.orelse is not None:
                        parts.append(("} else {", node.orelse))
                    node = node.orelse
            case ast.Within():
                parts.append((opening, t.body))
                if t.orelse is not None:
                    parts.append(("} else {", t.orelse))
            case ast.Try():
                parts.append((opening, t.body))
                parts += [(f"}} {catch(h)} {{", h.body) for h in t.handlers]
                if t.final is not None:
                    parts.append(("} finally {", t.final))
            case ast.Switch():
                self.switch(t, indent, opening, tail)
                return
            case ast.Par():
                several = len(t.parts) > 1
                body = ast.Par(t.parts, span=t.parts[0].span.to(t.parts[-1].span))
                parts.append((opening, body if several else t.parts[0]))
            case _:
                inner: ast.Term = getattr(t, "body")  # noqa: B009
                parts.append((opening, inner))
        for start, part in parts:
            self.out.line(indent, start)
            self.out.at = 0
            self.term(part, indent + 2)
            self.out.close(part.span, indent + 2)
        self.out.line(indent, "}" + tail)

    def switch(self, t: ast.Switch, indent: int, opening: str, tail: str) -> None:
        self.out.line(indent, opening)
        self.out.at = 0
        cases: list[tuple[str, ast.Term, ast.Node]] = [
            (f"case {exprs(c.values)}", c.body, c) for c in t.cases
        ]
        if t.default is not None:
            cases.append(("default", t.default, t.default))
        for start, body, node in cases:
            if node is body:
                self.before(node, indent + 2)
            else:
                self.at_node(node, indent + 2)
            text = f"{start} {block(body)}"
            whole = body is node or self.stays_inline(node, "")
            if whole and self.block_stays_inline(body, " " * (indent + 2) + text):
                self.out.line(indent + 2, text)
            else:
                self.braces(indent + 2, f"{start} {{", body, "}")
            self.out.passed(node.span)
        if t.span.line:
            self.out.upto((t.span.end_line, t.span.end_col - 1), indent + 2)
        self.out.line(indent, "}" + tail)

    def steps(self, t: ast.Steps, indent: int, lead: str, tail: str) -> None:
        nodes = t.nodes
        self.out.line(indent, f"{lead}steps {{")
        self.out.at = 0
        texts = [step(n) for n in nodes]
        # `after` of neighbouring plain nodes is aligned.
        width = max((len(step_name(n) or "") for n in nodes), default=0)
        width = width if width <= 24 else 0
        for node, text in zip(nodes, texts, strict=True):
            self.at_node(node, indent + 2)
            name = step_name(node)
            if name is not None:
                text = (name.ljust(width) + step_options(node)).rstrip()
                self.out.line(indent + 2, text)
            elif self.stays_inline(node, " " * (indent + 2) + text):
                self.out.line(indent + 2, text)
            else:
                self.braces(indent + 2, f"{node.name} {{", node.body, "}" + step_options(node))
            self.out.passed(node.span)
            self.out.upto((node.span.end_line, node.span.end_col), indent + 2)
        if t.span.line:
            self.out.upto((t.span.end_line, t.span.end_col - 1), indent + 2)
        self.out.line(indent, "}" + tail)


def _breakable(t: ast.Term) -> bool:
    return isinstance(
        t,
        ast.Seq
        | ast.Par
        | ast.Choice
        | ast.If
        | ast.Switch
        | ast.While
        | ast.Each
        | ast.Within
        | ast.Try
        | ast.Retry
        | ast.Saga
        | ast.Using
        | ast.Transaction
        | ast.Atomic
        | ast.NoCancel
        | ast.Steps,
    )
