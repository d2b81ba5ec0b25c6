"""Whatever the bytes: a tree or diagnostics, never a traceback, in a short time."""

from __future__ import annotations

import os
import random
import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wfverify.dsl import format_spec, load, load_text, parse_text, render, unsupported
from wfverify.dsl.codes import CODES
from wfverify.dsl.errors import Diagnostic, Rejected

EVERY = (Path(__file__).parent / "every_form.wf").read_text(encoding="utf-8")
TOKENS = re.findall(
    r'"(?:[^"\\\n]|\\.)*"|//[^\n]*|\w+(?:\.\d\w*)*|<-|:=|==|!=|<=|>=|=>|->|\.\.|\|\||\+=|-=|\s+|.',
    EVERY,
)


def outcome(text: str) -> tuple[Diagnostic, ...]:
    try:
        spec = load_text(text, "f")
    except Rejected as rejected:
        found = rejected.diagnostics
    else:
        unsupported(spec)
        found = spec.warnings
    for d in found:
        assert d.code in CODES
        assert d.span.line >= 1
        assert d.span.col >= 1
        render(d, text)
    return found


MUTATION = st.tuples(
    st.sampled_from(["delete", "insert", "replace", "swap", "cut"]),
    st.integers(0, len(TOKENS) - 1),
    st.integers(0, len(TOKENS) - 1),
)


@settings(max_examples=120, deadline=None)
@given(st.lists(MUTATION, min_size=1, max_size=4))
def test_mutated_specs(mutations: list[tuple[str, int, int]]) -> None:
    tokens = list(TOKENS)
    for kind, i, j in mutations:
        i %= len(tokens)
        if kind == "delete":
            del tokens[i]
        elif kind == "insert":
            tokens.insert(i, TOKENS[j])
        elif kind == "replace":
            tokens[i] = TOKENS[j]
        elif kind == "swap":
            j %= len(tokens)
            tokens[i], tokens[j] = tokens[j], tokens[i]
        else:
            del tokens[i : i + j % 40]
    text = "".join(tokens)
    outcome(text)
    try:
        spec = parse_text(text, "f")
    except Rejected:
        return
    formatted = format_spec(spec)
    assert parse_text(formatted, "f") == spec


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(sorted(set(TOKENS))), max_size=60))
def test_soup_of_words(words: list[str]) -> None:
    outcome(" ".join(words))


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    outcome(text)


@settings(max_examples=50, deadline=None)
@given(data=st.binary(max_size=200))
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "x.wf"
    path.write_bytes(data)
    try:
        load(str(path))
    except Rejected as rejected:
        assert rejected.diagnostics


def run(body: str) -> str:
    return f"workflow w(a: int) {{ var x: int run {{ {body} }} }}"


N = 10_000
HOSTILE = {
    "nested parentheses": run("x := " + "(" * N + "1" + ")" * N),
    "open parentheses": run("x := " + "(" * N),
    "groups": run("(" * N + "skip" + ")" * N),
    "blocks": run("{" * N + "skip" + "}" * N),
    "open blocks": run("{" * N),
    "nots": run("assert " + "not " * N + "true"),
    "minuses": run("x := " + "-" * N + "1"),
    "ifs": run("if (true) { " * N + "skip" + "}" * N),
    "else ifs": run("if (a>1) { skip }" + " else if (a>2) { skip }" * 3000),
    "a long sum": run("x := " + "1+" * N + "1"),
    "a long difference": run("x := " + "1-" * N + "1"),
    "a long conjunction": run("assert " + "a>1 and " * N + "true"),
    "a long implication": run("assert " + "a>1 => " * N + "true"),
    "members": run("x := a" + ".b" * N),
    "indices": run("x := a" + "[1]" * N),
    "options": "shared x: " + "option " * N + "int",
    "arrays": "shared x: int" + "[2]" * N,
    "a large type": "type t0 = int\n"
    + "\n".join(f"type t{i + 1} = {{a: t{i}, b: t{i}}}" for i in range(60))
    + "\nshared x: t60",
    "a chain of types": "type t3000 = int\n"
    + "\n".join(f"type t{i} = t{i + 1}" for i in reversed(range(3000))),
    "large constants": "const c0 = 10\n"
    + "\n".join(f"const c{i + 1} = c{i} * c{i}" for i in range(60)),
    "a ring of workflows": "\n".join(
        f"workflow w{i}() {{ run {{ w{(i + 1) % 2000} }} }}" for i in range(2000)
    ),
    "unknown names": run(" ; ".join(f"foo{i}" for i in range(3000))),
    "closing braces": "}" * N,
    "empty terms": run("; " * N),
    "digits": "const x = " + "1" * 1_000_000,
    "nul": "\0" * N,
    "open comment": "/* " + "x" * N,
    "slashes and stars": "/*" * N,
    "quotes": '"\n' * N,
    "open string": run('x := "abc'),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(name: str) -> None:
    start = time.process_time()
    outcome(HOSTILE[name])
    assert time.process_time() - start < 5


def test_ten_megabytes_of_junk(tmp_path: Path) -> None:
    path = tmp_path / "junk.wf"
    letters = "abc (){}[];:=+-<>\n\"'#$%é∥/*.,0123456789"
    path.write_text("".join(random.Random(1).choices(letters, k=10_000_000)), encoding="utf-8")
    start = time.process_time()
    with pytest.raises(Rejected):
        load(str(path))
    path.write_bytes(os.urandom(10_000_000))
    with pytest.raises(Rejected) as caught:
        load(str(path))
    assert caught.value.diagnostics[0].code == "E0002"
    assert time.process_time() - start < 5


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.wf", tmp_path, Path("a\0b")):
        with pytest.raises(Rejected) as caught:
            load(str(path))
        assert [d.code for d in caught.value.diagnostics] == ["E0001"]
    latin = tmp_path / "latin.wf"
    latin.write_bytes("// ok\n// caf\xe9".encode("latin-1"))
    with pytest.raises(Rejected) as caught:
        load(str(latin))
    (d,) = caught.value.diagnostics
    assert (d.code, d.span.line, d.span.col) == ("E0002", 2, 7)


def test_an_empty_file_is_an_empty_spec() -> None:
    for text in ("", "\n", "// nothing\n", "\ufeff"):
        assert load_text(text, "f").items == ()
        assert outcome(text) == ()


def test_a_large_file_is_read_quickly() -> None:
    n = 2000
    head = "resource r : pool(9)\nerror E transient\nworkflow big(k: int) fails E {\nvar x: int\n"
    activity = "activity a%d(p: int) { uses r 1 takes 1s..2s fails E do { x := x + p } }\n"
    text = head + "".join(activity % i for i in range(n))
    text += "run {" + " ;\n".join(f"a{i}(k * 2 + 1)" for i in range(n)) + "} }"
    start = time.process_time()
    spec = load_text(text, "f")
    assert len(spec.workflows[0].activities) == n
    assert time.process_time() - start < 5  # takes about 0.6 s
