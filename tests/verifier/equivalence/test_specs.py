"""What terms say of two specs, against all their states."""

from __future__ import annotations

import os
import random
import runpy
from collections import Counter
from pathlib import Path

import pytest
from wfverify.dsl import ast, load_text
from wfverify.proofs import derived as module_of_derived
from wfverify.proofs.derived import derived
from wfverify.proofs.facts import Wrong
from wfverify.semantics.lower import lower, parallel
from wfverify.semantics.lower.alone import alone, silent
from wfverify.semantics.lower.differing import differing
from wfverify.verifier.equivalence.behaviour import Size
from wfverify.verifier.equivalence.findings import LEVELS, Asked, Fails, Holds, Open
from wfverify.verifier.equivalence.terms import specs as module_of_specs
from wfverify.verifier.equivalence.terms.read import read
from wfverify.verifier.equivalence.terms.specs import said
from wfverify.verifier.equivalence.terms.store import MANY, Op, Store
from wfverify.verifier.equivalence.terms.why import derivation
from wfverify.verifier.equivalence.workflows import compare, compare_specs

BENCH = runpy.run_path(str(Path(__file__).parents[3] / "bench" / "terms.py"))
PAIRS = int(os.environ.get("WFVERIFY_PAIRS", "10"))
SPEC = """\
error E permanent
resource desk : pool(1)
workflow w{args} fails E {{
  var x: bool = false
  var y: bool = {y}
  activity a -> bool {{ }}
  activity b {{ fails E  do {{ y := not y }} }}
  activity c {{ uses desk 1 }}
  activity never {{ }}
  run {{ {body} }}
}}
"""
WORDS = {"a": "{ x <- a() }", "b": "b", "c": "c", "d": "{ y := x }"}


def random_term(s: Store, rng: random.Random, n: int) -> int:
    if n <= 0:
        acts = [s.act(a) for a in WORDS.values()]
        return rng.choice([*acts, *acts, s.skip, s.stuck, s.fail("E")])
    left = rng.randint(0, n - 1)
    p, q = random_term(s, rng, left), random_term(s, rng, n - 1 - left)
    x = rng.choice([s.test("x"), s.test("y"), s.make(Op.NOT, (s.test("x"),)), s.true, s.false])
    # (A loop that begins with an activity has few states.)
    loop = s.while_(x, s.seq(s.act(WORDS["a"]), p))
    frame = s.make(Op.OTHER, (p, q), "try")
    several = [s.seq(p, q), s.choice(p, q), s.par(p, q), s.if_(x, p, q)]
    return rng.choice([*several, *several, s.while_(x, p), loop, frame])


def text(s: Store, t: int) -> str:
    kids = [text(s, k) for k in s.kids[t]]
    match s.op[t]:
        case Op.SEQ:
            return "{ " + " ; ".join(kids) + " }"
        case Op.CHOICE | Op.PAR as op:
            return "(" + (" + " if op is Op.CHOICE else " || ").join(kids) + ")"
        case Op.IF:
            return f"if ({kids[0]}) {{ {kids[1]} }} else {{ {kids[2]} }}"
        case Op.WHILE:
            return f"while ({kids[0]}) {{ {kids[1]} }}"
        case Op.OTHER:
            return f"try {{ {kids[0]} }} catch E {{ {kids[1]} }}"
        case Op.NOT:
            return f"not ({kids[0]})"
        case Op.STUCK:
            return "wait until (false)"
        case Op.FAIL:
            return f"fail {s.label[t]}"
    return s.label[t] or str(s.op[t])


def changed(s: Store, rng: random.Random, root: int) -> int:
    """With another term in place of one of its leaves."""
    leaf = rng.choice([t for t in s.below(root) if not s.kids[t] and s.op[t] is not Op.TEST])
    new: dict[int, int] = {leaf: random_term(s, rng, rng.randrange(2))}
    if s.op[leaf] in (Op.TRUE, Op.FALSE):
        new[leaf] = s.test("y")
    for t in s.below(root):
        if t != leaf:
            new[t] = s.make(s.op[t], [new[k] for k in s.kids[t]], s.label[t])
    return new[root]


def pair(seed: int) -> tuple[ast.Spec, ast.Spec]:
    rng = random.Random(seed)
    s = Store()
    one = random_term(s, rng, rng.randint(1, 7))
    other = BENCH["shuffled"](s, rng, one)
    if rng.random() < 0.5:
        other = changed(s, rng, other)
    values = {"args": "(n: int 0..1)" if rng.random() < 0.3 else ""}
    values["y"] = rng.choice(["true", "false"])
    texts = (SPEC.format(body=text(s, t), **values) for t in (one, other))
    return tuple(alone(load_text(t, "w.wf"), "w") for t in texts)  # type: ignore[return-value]


def against_states(seed: int) -> tuple[str, str]:
    """What both say, and what is wrong."""
    specs = pair(seed)
    found = said(*specs)
    if found is None:
        return "nothing", ""
    watched = ("x", "y") if seed % 2 else ()
    all_ = compare(*map(lower, specs), Asked(watched=watched, size=Size(5_000, 5.0)))
    wrong = all_.levels[found.level]
    texts = "\n".join(x.source for x in specs)
    return found.level, f"{seed} {found}: {wrong}\n{texts}" if isinstance(wrong, Fails) else ""


def test_what_terms_say_is_so() -> None:
    counted: Counter[str] = Counter()
    for seed in range(10 * PAIRS):
        level, wrong = against_states(seed)
        assert not wrong
        counted[level] += 1
    assert {"bisimulation", "branching", "nothing"} <= counted.keys(), counted


def taken(specs: tuple[ast.Spec, ast.Spec], level: str) -> bool:
    """Whether the checker takes the derivation."""
    (terms,) = differing(*specs) or (None,)
    found = derivation(terms, level) if terms is not None else None
    try:
        if terms is not None and found is not None:
            derived(terms, level, found)
            return True
    except Wrong:
        pass
    return False


def test_joins_that_take_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said, and what the checker takes, where two branches are many."""
    for module in (parallel, module_of_specs, module_of_derived):
        monkeypatch.setattr(module, "WIDEST", 1)
    shown: Counter[str] = Counter()
    for seed in range(1_000, 1_000 + 8 * PAIRS):
        specs = pair(seed)
        if Op.PAR.value not in str(specs[0].workflows[0].body).lower():
            continue
        found = said(*specs)
        levels = [n for n in LEVELS[:-1] if taken(specs, n)]
        if found is None and not levels:
            continue
        states = compare(*map(lower, specs), Asked(size=Size(5_000, 5.0))).levels
        for level in (*levels, *([found.level] if found is not None else [])):
            assert not isinstance(states[level], Fails), (seed, level, states[level])
        shown.update(levels)
    assert shown["branching"] > 3, shown


SMALL = "workflow w {{ var x: bool = false  activity a {{ }}  activity b {{ }}  run {{ {} }} }}"
HEAD = "error E permanent\nresource desk : lock lease 5s\nchannel mail : bool\n"


def specs_of(*texts: str) -> tuple[ast.Spec, ast.Spec]:
    one, other = (silent(load_text(t, "w.wf")) for t in texts)
    return one, other


@pytest.mark.parametrize(
    ("old", "new", "level"),
    [
        ("a || b", "b || a", "bisimulation"),
        ("a ; skip", "a", "bisimulation"),
        ("{ a || b } ; skip", "a || b", "branching"),
        ("a ; (a + b)", "a ; a + a ; b", "trace"),
        ("while (x) { a ; skip }", "while (x) { a }", "branching"),
        # Wide joins are steps.
        (" || ".join(["a"] * 20), "{ a || a } || " + " || ".join(["a"] * 18), "branching"),
        ("(" + " || ".join(["skip"] * 20) + ") ; a", "a", "failures"),
        # How long a part lasts is looked at, or what it is called, or when.
        ("within 5s { if (true) { a } else { b } }", "within 5s { a }", None),
        ("using (desk exclusive) { a ; skip }", "using (desk exclusive) { a }", None),
        ("{ receive x from mail ; a } ; b", "receive x from mail ; { a ; b }", None),
        ("if (now < 5s) { a } else { a }", "a", None),
        ("each i in 1..2 { a ; skip }", "each i in 1..2 { a }", None),
        ("saga { a ; skip }", "saga { a }", None),
    ],
)
def test_where_terms_may_be_compared(old: str, new: str, level: str | None) -> None:
    found = said(*specs_of(*(HEAD + SMALL.format(t) for t in (old, new))))
    assert (None if found is None else found.level) == level


def test_other_declarations_are_other_workflows() -> None:
    text = SMALL.format("a ; skip")
    for other in (
        text.replace("activity a {", "activity a { takes 1s"),
        text.replace("= false", "= true"),
        text.replace("w {", "w(n: int) {", 1),
        text + "\nworkflow v { run { skip } }",
        text + "\nsystem { w[2] }",
    ):
        assert said(*specs_of(text, other.replace("a ; skip", "a"))) is None
    assert said(*specs_of(text, text.replace("a ; skip", "a"))) is not None
    unused = text.replace("activity b {", "activity b { takes 1s")
    assert said(*specs_of(text, unused.replace("a ; skip", "a"))) is not None


def test_a_workflow_that_is_called_is_not_compared_by_its_term() -> None:
    child = "workflow child {{ activity a {{ }}  run {{ {} }} }}\n"
    text = child + "workflow w {{ run {{ within 5s {{ child() }} }} }}"
    assert said(*specs_of(text.format("a ; skip"), text.format("a"))) is None


def test_the_finer_ones_are_decided_by_states() -> None:
    specs = specs_of(SMALL.format("{ a || b } ; skip"), SMALL.format("a || b"))
    found = compare_specs(specs, lambda: [lower(s) for s in specs], Asked())
    assert found.finest() == "bisimulation" and found.sizes is not None
    assert list(found.levels) == list(LEVELS)
    assert [f.engine for f in found.levels.values() if isinstance(f, Holds)][1:] == ["terms"] * 4


def test_large_terms_are_not_lowered() -> None:
    one = " ; ".join(["if (x) { a } else { b }"] * 1500)
    other = " ; ".join(["if (not x) { b } else { a } ; skip"] * 1500)

    def never() -> list[object]:
        raise AssertionError("there are no rules yet")

    specs = specs_of(SMALL.format(one), SMALL.format(other))
    found = compare_specs(specs, never, Asked())  # type: ignore[arg-type]
    assert found.finest() == "bisimulation"
    wide = " || ".join(["{ a ; b }", "{ b ; a }"] * 1000)
    narrow = " || ".join([*["{ a ; b }"] * 1000, *["{ b ; a }"] * 1000])
    specs = specs_of(SMALL.format(wide), SMALL.format(narrow))
    found = compare_specs(specs, never, Asked())  # type: ignore[arg-type]
    assert found.finest() == "branching" and isinstance(found.levels["bisimulation"], Open)
    assert found.observed == ("x",)


def test_of_wide_terms_not_all_states_are_looked_at() -> None:
    """There are more of them than operators say."""
    names = ["a", "b"] * 30
    other = [*names[1:], "a"]
    specs = specs_of(*(SMALL.format(" || ".join(n)) for n in (names, other)))
    found = compare_specs(specs, lambda: [lower(s) for s in specs], Asked())
    assert found.finest() == "branching" and isinstance(found.levels["bisimulation"], Open)
    assert found.sizes is None


@pytest.mark.parametrize(
    ("text", "states"),
    [
        ("a", 3),
        ("a ; b", 5),
        ("a || b", 10),
        ("{ a ; b } || a", 16),
        ("if (x) { a } else { b }", 5),
    ],
)
def test_how_many_states_a_term_has(text: str, states: int) -> None:
    spec = load_text(SMALL.format(text), "s.wf")
    s = Store()
    assert s.states(read(s, spec.workflows[0].body)) == states
    many = s.make(Op.PAR, [s.act(str(n)) for n in range(100)])
    assert s.states(many) == MANY + 1


def test_how_large_terms_are_counts_where_declarations_differ() -> None:
    """Else all rules of two large specs are made before nothing is known of them."""
    text = "workflow w {{ activity a {{ takes {} }} run {{ {} }} }}"
    one, other = (
        load_text(text.format(takes, " ; ".join(["a"] * 50)), "w.wf") for takes in ("1s", "2s")
    )
    found = module_of_specs.looked(one, other)
    assert found.said is None and found.operators >= 50
