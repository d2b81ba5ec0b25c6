"""The driver of the tables against one that takes one step at a time."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from wfverify.dsl.ast import Spec
from wfverify.dsl.damage import Losses
from wfverify.dsl.errors import Span
from wfverify.dsl.lexer import lex
from wfverify.dsl.packing import packed, unpacked
from wfverify.dsl.parser import parse
from wfverify.dsl.recovery import Recovery
from wfverify.dsl.source import examine
from wfverify.dsl.tables import tables
from wfverify.dsl.text import unified
from wfverify.dsl.transform import Builder
from wfverify.dsl.walk import walk

ROOT = Path(__file__).parents[2]
FORMS = (Path(__file__).parent / "every_form.wf").read_text()
FILES = sorted([*ROOT.glob("examples/**/*.wf"), *ROOT.glob("tests/cases/**/*.wf")])


def naive(text: str, file: str) -> Spec:
    """Of a text without errors."""
    t, rules = tables(), tables().rules
    tokens = lex(text, file)
    builder = Builder(file, text, tokens)
    recovery = Recovery(t, tokens, file, [], Losses(tokens))
    states: list[int] = [0]
    stack: list[tuple[Any, int]] = []  # values, and the words with which they begin
    i = 0
    while True:
        kind, row = tokens.kinds[i], t.actions[states[-1]]
        if kind == "SOFT":
            word = tokens.texts[i]
            known = word in row and ("IDENT" not in row or _keyword(tokens.texts, i))
            unsure = known is None
            kind = word if known or (unsure and recovery.accepts(states, word)) else "IDENT"
        elif kind == "<-" and "<-" not in row:
            kind = "<"
        action = row[kind]
        if action >= 0:
            states.append(action)
            stack.append((tokens.texts[i], i))
            i += 2 if kind == "<-" else 1
            continue
        rule = rules[-1 - action]
        size = rule.length
        taken = stack[len(stack) - size :]
        del states[len(states) - size :], stack[len(stack) - size :]
        first = taken[0][1] if taken else i
        kids: list[Any] = []
        for k, inline, absent in rule.steps:
            kids += [None] * absent
            kids += taken[k][0] if inline else [taken[k][0]]
        kids += [None] * rule.trailing
        value: Any = kids
        if rule.kind in (0, 2) and len(kids) == 1:  # handed on
            value = kids[0]
        elif rule.action:
            last = max(first, i - 1)
            begin, end = tokens.lines[first], tokens.lines[last]
            builder.first = first
            span = Span(file, begin, tokens.cols[first], end, tokens.ends[last])
            value = getattr(builder, f"on_{rule.action}")(kids, span)
        states.append(t.gotos[states[-1]][rule.origin])
        stack.append((value, first))
        if states[-1] == t.end and kind == "$END":
            assert isinstance(value, Spec)
            return value


def _keyword(texts: list[str], i: int) -> bool | None:
    """Of a word that may be a name there as well; None: what can be read says it."""
    match texts[i]:
        case "forall" | "exists" | "sum" | "count":
            return texts[i + 2] == "in"
        case "set":
            return texts[i + 1] == "of"
        case "option":
            return texts[i + 1][0].isalpha() or texts[i + 1] in "({"
    return None


def same(one: object, other: object) -> bool:
    """With spans, types and references."""
    left, right = list(walk(one)), list(walk(other))
    extra = ("type", "ref", "resolved")
    return one == other and all(
        type(a) is type(b)
        and a.span == b.span
        and all(getattr(a, n, None) == getattr(b, n, None) for n in extra)
        for a, b in zip(left, right, strict=True)
    )


def test_trees_are_alike() -> None:
    read = 0
    for text in (FORMS, *(f.read_text(encoding="utf-8") for f in FILES)):
        found = parse(unified(text), "f.wf")
        if found.errors or found.spec is None:
            continue
        assert same(found.spec, naive(unified(text), "f.wf"))
        read += 1
    assert read > 200


@pytest.mark.parametrize("seed", range(3))
def test_trees_of_any_layout_are_alike(seed: int) -> None:
    rng = random.Random(seed)
    for path in rng.sample(FILES, 25):
        text = unified(path.read_text(encoding="utf-8"))
        if parse(text, "f").errors:
            continue
        tokens = lex(text, "f")
        if tokens.docs or any(k == "STRING" for k in tokens.kinds):
            continue
        words = ["<-" if k == "<-" else w for w, k in zip(tokens.texts, tokens.kinds, strict=True)]
        del words[-1]
        kept = [w for i, w in enumerate(words) if not (i and words[i - 1] == "<-")]
        spread = "".join(w + rng.choice([" ", "\n", "  ", " /* x */ ", " // y\n"]) for w in kept)
        found = parse(spread, "f")
        assert found.spec is not None and not found.errors, path
        assert same(found.spec, naive(spread, "f")), path


def test_trees_come_through_a_pipe_as_they_are() -> None:
    for text in (FORMS, *(f.read_text(encoding="utf-8") for f in FILES[::7])):
        spec, found = examine(text, "f.wf")
        there, told = unpacked(packed((spec, found)))
        assert told == found
        assert same(spec, there)
        nodes = list(walk(there))
        assert all(a is not b for a, b in zip(walk(spec), nodes, strict=True))
