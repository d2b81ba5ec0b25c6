"""Nobody can change a certificate, or what it is about, unseen.

A byte that is changed is found by the form and the digest alone.  Who can compute digests may
change what a file says; then the checker must find that it is no proof of the claim any more, or
it still is one: of a claim that the spec makes and that was proved.
"""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from certified import TURNS, Certified, certified
from wfverify.proofs.certificate import Certificate, Damaged, parse, write
from wfverify.proofs.check import Answer
from wfverify.verifier.verdict import Proved, Refuted

SOURCE = """\
resource r : pool(2)
resource l : lock
workflow w(n: int 0..3) {
  var x: int = 0
  var y: int = 0
  activity a { uses r 1  do { x := x + 1 } }
  activity b { uses r 1  takes 1s..2s }
  activity c { }
  run { (a || b) ; if (n > 1) { c } ; using (l exclusive) { c } ; while (y < 3) { y := y + 1 } }
  invariant once : x <= 1
  invariant never : x <= 0
  always grows : next(x) >= x
}
"""
COMPARED = """\
workflow v1(n: int 0..1) {
  var x: int 0..3 = 0
  activity a { do { x := n + 1 } }
  activity b -> int 0..1 { }
  activity c { }
  run { a ; { b + c } }
}
workflow v2(n: int 0..1) {
  var x: int 0..3 = 0
  activity a { do { x := 1 + n } }
  activity b -> int 0..1 { }
  activity c { }
  run { { a ; b } + { a ; c } }
}
workflow v3(n: int 0..1) {
  var x: int 0..3 = 0
  activity a { do { x := n + 1 } }
  activity b -> int 0..1 { }
  activity c { }
  run { a ; { c + b } }
}
workflow v4(n: int 0..1) {
  var x: int 0..3 = 0
  activity a { do { x := n + 1 } }
  activity b -> int 0..1 { }
  activity c { }
  run { b || a }
}
workflow v5(n: int 0..1) {
  var x: int 0..3 = 0
  activity a { do { x := n + 1 } }
  activity b -> int 0..1 { }
  activity c { }
  run { b ; a }
}
workflow v6(n: int 0..1) {
  var x: int 0..3 = 0
  activity a { do { x := 1 + n } }
  activity b -> int 0..1 { }
  activity c { }
  run { a ; { b + c } }
}
workflow v7(n: int) {
  var z: int = 0
  activity d(k: int) -> int { }
  run { while (z < n) { z <- d(z + n) } }
}
workflow v8(n: int) {
  var z: int = 0
  activity d(k: int) -> int { }
  run { while (n > z) { z <- d(n + z) } }
}
equivalent any : v7, v8 under branching
law idle forall p, q : p ; { q || skip } == p ; q under branching
law early forall p, q, r : p ; (q + r) == p ; r + p ; q under trace
equivalent turned : v1, v3 under bisimulation
equivalent sums : v1, v6 under bisimulation
equivalent runs : v1, v2 under trace
equivalent late : v1, v2 under branching
equivalent ends : v4, v5
refines less : v2, v1 under failures
refines order : v5, v4 under trace
upgrade moved : v2 from v1
expect refuted late
"""
PARTED = """\
resource r : pool(1)
workflow w(n: int 0..1) {
  var x: int = 0
  var y: int = 0
  activity a { uses r 1  takes 1s..2s  do { x := n } }
  activity b { uses r 1  takes 1s  do { x := 2 } }
  run { { a || b } ; while (y < 2) { y := y + 1 } }
}
"""
CROWD = """\
resource r : pool(2)
resource l : lock
shared total: int = 0
workflow w(n: int 0..3) {
  var x: int = 0
  var y: int = 0
  activity a { uses r 1  do { x := x + 1 } }
  activity b { uses l exclusive  takes 1s..2s  do { total := total + 1 } }
  run { (a || b) ; while (y < 3) { y := y + 1 } }
  invariant once : x <= 1
}
invariant up : total >= 0
invariant each_one : forall o in w: o.y <= 3
system { w[*] }
"""
ENDLESS = """\
resource r : lock
channel c : int 0..1 capacity 1
shared x: int 0..9 = 0
workflow asks { run { receive k from c } }
workflow tells { activity b { uses r exclusive  do { x := 2 } }  run { b ; send 1 to c } }
workflow server {
  var k: int 0..1 = 0
  activity s { uses r exclusive  do { x := 3 } }
  run { while (true) { s ; k := 1 - k } }
}
system { asks  tells  server }
"""
# Two messages are under way at once, in channels without a bound.
OPEN = """\
channel goods : int 0..1
channel credit : int 0..1
shared sent: int 0..2 = 0
workflow maker {
  run { while (true) { send 1 to goods ; send 0 to goods ; { sent := 2 } ; receive k from credit } }
}
workflow taker {
  run { while (true) { receive a from goods ; receive b from goods ; send a to credit } }
}
invariant most : len(goods) <= 2
invariant fewer : len(goods) <= 1
"""
BYTES = 700
SAID = 300
KINDS = {
    SOURCE: {"inductive", "peaks", "progress", "runs", "syntactic", "pairs"},
    PARTED: {"inductive", "progress", "measure", "runs"},
    CROWD: {"inductive", "measure", "progress", "pairs", "reachable", "syntactic"},
    ENDLESS: {"reachable", "pairs", "runs"},
    OPEN: {"reachable", "pairs", "runs", "syntactic"},
    TURNS: {"answered", "pairs", "measure", "progress"},
    COMPARED: {"classes", "followed", "answered", "derivation", "coupled"},
}


LINES = ("equivalent", "refines", "upgrade", "law")


@pytest.fixture(
    scope="module",
    params=KINDS,
    ids=["checks", "parted", "crowd", "endless", "open", "turns", "compared"],
)
def both(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Certified]:
    source, folder = request.param, tmp_path_factory.mktemp("proofs")
    only = LINES if source is COMPARED else ()
    # (Each of many lines has a small part of the time.)
    return source, certified(source, folder, timeout=600 if only else 20, only=only)


@pytest.fixture(scope="module")
def made(both: tuple[str, Certified]) -> Certified:
    return both[1]


def test_what_is_there_to_change(both: tuple[str, Certified], made: Certified) -> None:
    """Otherwise the rest says little."""
    checker = made.checker()
    kinds: Counter[str] = Counter()
    for raw in made.files.values():
        c = parse(raw)
        assert checker.check(c).answer is not Answer.INVALID
        kinds.update(p["kind"] for p in c.evidence)
    assert KINDS[both[0]] <= kinds.keys()


def test_every_changed_byte_is_found(made: Certified) -> None:
    r = Random(1)
    files = sorted(made.files.values())
    for _ in range(BYTES):
        raw = bytearray(r.choice(files))
        at = r.randrange(len(raw))
        match r.randrange(3):
            case 0:
                raw[at] ^= 1 << r.randrange(8)
            case 1:
                del raw[at]
            case _:
                raw.insert(at, r.choice(b' 0a"-,'))
        with pytest.raises(Damaged):
            parse(bytes(raw))


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands that can be changed."""
    yield path
    if isinstance(value, dict):
        for k in value:
            yield from _places(value[k], (*path, k))
    elif isinstance(value, list):
        for k, v in enumerate(value):
            yield from _places(v, (*path, k))


def _changed(r: Random, value: Any) -> Any:
    match value:
        case bool():
            return not value
        case int():
            return value + r.choice((-1, 1, 7))
        case str() if value and "(" in value:
            old, new = r.choice(
                [("<=", "<"), ("and", "or"), ("not ", ""), (" 0", " 1"), (" 1", " 2"), ("=", "<=")]
            )
            return value.replace(old, new, 1)
        case str():
            return value + r.choice(("x", "1")) if r.random() < 0.5 else value[1:]
        case list() if value:
            at = r.randrange(len(value))
            return [*value[:at], *value[at + 1 :]] if r.random() < 0.7 else [*value, value[at]]
        case dict() if value:
            gone = r.choice(sorted(value))
            return {k: v for k, v in value.items() if k != gone}
    return 0


def test_what_a_changed_certificate_says_is_judged(made: Certified) -> None:
    r = Random(2)
    checker = made.checker()
    proved = {
        (x.check, x.name): type(x.verdict)
        for x in made.results
        if isinstance(x.verdict, Proved | Refuted)
    }
    files = [parse(made.files[name]) for name in sorted(made.files)]
    answers: Counter[Answer] = Counter()
    for _ in range(SAID):
        c = r.choice(files)
        both = {"claim": dict(c.claim), "evidence": copy.deepcopy(list(c.evidence))}
        path = r.choice([p for p in _places(both) if len(p) > 1])
        inside: Any = both
        for k in path[:-1]:
            inside = inside[k]
        inside[path[-1]] = _changed(r, inside[path[-1]])
        if json.dumps(both) == json.dumps({"claim": dict(c.claim), "evidence": list(c.evidence)}):
            continue
        try:
            sealed = parse(
                write(Certificate(c.spec, both["claim"], tuple(both["evidence"]))).encode()
            )
        except (Damaged, TypeError, AttributeError):
            answers[Answer.INVALID] += 1
            continue
        checked = checker.check(sealed)
        answers[checked.answer] += 1
        if checked.answer is Answer.VALID:
            claim = sealed.claim
            wanted = Proved if claim["verdict"] == "PROVED" else Refuted
            assert proved[claim["check"], claim["name"]] is wanted, claim
    # Some changes leave a proof (an invariant that was not needed, a run that went on).
    assert answers[Answer.INVALID] > 0.7 * sum(answers.values()), answers


def test_a_changed_spec_is_found(tmp_path: Path) -> None:
    made = certified(SOURCE, tmp_path / "proofs")
    from wfverify.cli.rechecking import Reader
    from wfverify.proofs.solvers import Solvers

    (tmp_path / "one.json").write_bytes(made.files["w.invariant-once.json"])
    named = Path(tmp_path, parse(made.files["w.invariant-once.json"]).spec["file"])
    spec = tmp_path / "spec.wf"
    for text, answer in (
        (SOURCE, Answer.VALID),
        (SOURCE.replace("x + 1", "x + 2"), Answer.INVALID),
        (SOURCE + "\n", Answer.INVALID),
    ):
        spec.write_text(text)
        reader = Reader(tmp_path, str(spec), Solvers(second=False))
        assert reader.one(tmp_path / "one.json").checked.answer is answer
    gone = Reader(tmp_path, None, Solvers(second=False))
    assert not named.exists()
    assert gone.one(tmp_path / "one.json").checked.answer is Answer.INVALID
