"""Packed rules as Python code: a function for each group of rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ....semantics.expr import Expr, Op, Sort
from ..search_compile import Writer, compile_test
from .layout import Field, Layout, Overflow
from .rules import Group, PackedRule

# Appends the successors of a state to `out`, and goals that a step breaks to `broken`.
Expand = Callable[[int, list[int], list[tuple[int, int]]], None]
Test = Callable[[int], bool]


def _read(f: Field, boolean: bool, state: str) -> str:
    text = f"{state} >> {f.offset} & {f.mask:#x}" if f.offset else f"{state} & {f.mask:#x}"
    if boolean or not f.low:
        return f"({text})"
    return f"(({text}) + {f.low})" if f.low > 0 else f"(({text}) - {-f.low})"


def _leaf(layout: Layout) -> Callable[[Expr], str]:
    def leaf(node: Expr) -> str:
        if node.op is Op.INPUT:
            return f"i{node.index}"
        return _read(layout.fields[node.index], node.sort is Sort.BOOL, "s")

    return leaf


def compile_packed(parts: Sequence[Expr], layout: Layout) -> Test:
    """`f(state)`: whether all parts hold."""
    test: Test = compile_test(parts, _leaf(layout))
    return test


def compile_group(group: Group, layout: Layout, opened: frozenset[int]) -> Expand:
    """`opened`: the goals that are still of interest."""
    writer = Writer(_leaf(layout))
    writer.env["Overflow"] = Overflow
    for rule in group.rules:
        _rule(writer, rule, opened)
    expand: Expand = writer.function("f(s, out, broken)")
    return expand


DEEPEST = 12  # tests that are nested


def _unless(writer: Writer, test: Expr, leave: str) -> None:
    """What follows is for states in which the test holds; others `leave`, or go on behind it."""
    text = writer.terms([test])[0]
    if leave:
        writer.line(f"if not {text}: {leave}")
    else:
        writer.line(f"if {text}:")
        writer.indent += 1


def _rule(writer: Writer, rule: PackedRule, opened: frozenset[int]) -> None:
    begin = writer.indent
    # What is shared between the terms of one rule must not be used where it was not computed.
    writer.forget()
    if rule.mask:
        writer.line(f"if s & {rule.mask:#x} == {rule.value:#x}:")
        writer.indent += 1
    flat = len(rule.tests) + len(rule.relation) > DEEPEST
    if flat:  # what is nested too deeply is no Python
        writer.line("for _ in (0,):")
        writer.indent += 1
    for part in rule.tests:
        _unless(writer, part, "break" if flat else "")
    if rule.choices:
        names = ", ".join(f"i{k}" for k in range(len(rule.choices[0])))
        writer.line(f"for {names}, in {writer.bind(rule.choices)}:")
        writer.indent += 1
    for part in rule.relation:
        leave = "continue" if rule.choices else "break"
        _unless(writer, part, leave if flat else "")
    for f, step in rule.grown:
        if step:
            writer.line(f"if ({_read(f, True, 's')} + {step}) >> {f.bits}: raise Overflow")
    total = "s" if rule.keep == -1 else f"(s & {rule.keep})"
    delta = rule.delta
    if delta:
        total += f" + {delta:#x}" if delta > 0 else f" - {-delta:#x}"
    for k, (f, e) in enumerate(rule.computed):
        text = writer.terms([e])[0]
        if e.sort is Sort.BOOL:
            total += f" + ({1 << f.offset:#x} if {text} else 0)"
            continue
        writer.line(f"x{k} = {text} - {f.low}" if f.low else f"x{k} = {text}")
        writer.line(f"if x{k} >> {f.bits}: raise Overflow")
        total += f" + (x{k} << {f.offset})"
    for goal, cond in rule.steps:
        if goal in opened:
            writer.line(f"if not {writer.terms([cond])[0]}: broken.append(({goal}, s))")
    writer.line(f"out.append({total})")
    writer.indent = begin
