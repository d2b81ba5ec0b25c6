"""Refusals that never come, and what comes after them only: against all runs."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import naive
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from ticking import Ticking, TooMuch
from wfverify.dsl import load_text
from wfverify.interpreter import replay, schedule
from wfverify.semantics.expr import FALSE
from wfverify.semantics.lower import lower
from wfverify.semantics.system import RuleKind
from wfverify.verifier.checks.arrivals import arrivals
from wfverify.verifier.checks.refusals import never_refused, unrefused
from wfverify.verifier.engines.unreached import without
from wfverify.verifier.portfolio import Options, verify
from wfverify.verifier.session import Session
from wfverify.verifier.verdict import Proved, Refuted

CAME = 3


def random_spec(seed: int) -> str:
    rng = random.Random(seed)
    pick = rng.choice

    def term(depth: int) -> str:
        if depth == 0:
            return pick(["a", "b", "x := 2", "skip"])
        one, other = term(depth - 1), term(depth - 1)
        return pick(
            [
                f"try {{ {one} }} catch B {{ refused += 1 ; {other} }}",
                f"{one} ; {other}",
                f"{{ {one} || {other} }}",
                f"if (x > 1) {{ {one} }} else {{ {other} }}",
            ]
        )

    busy = " on_busy fail B"
    return f"""
error B transient
resource p : pool({pick([1, 2, 3])}){busy}
resource l : lock{pick(["", busy])}
shared refused: int 0..9 = 0
shared x: int 0..3 = 0
workflow w fails B {{
  activity a {{ uses p 1 takes 1s {pick(["", "do { x := 1 }"])} }}
  activity b {{ uses {pick(["l exclusive", "p 1"])} takes 1s..2s }}
  run {{ {term(2)} }}
}}
system {{ w{pick(["", "", "[2]"])} }}
"""


@pytest.mark.parametrize("seed", range(60))
def test_what_is_left_out_is_never_taken(seed: int) -> None:
    text = random_spec(seed)
    system = lower(load_text(text, "s.wf"))
    session = Session(system, Options(), replay, schedule)
    for lean in (never_refused(session).system, without(system, {-1})):
        out = {r.index for r in lean.rules if r.guard is FALSE}
        out -= {r.index for r in system.rules if r.guard is FALSE}
        try:
            graph = naive.explore(system, 4000)
        except naive.TooBig:
            return
        taken = {rule for steps in graph.successors.values() for rule, _, _ in steps}
        assert not (out & taken), (sorted(out & taken), text)


def test_some_are_left_out() -> None:
    count = 0
    for seed in range(60):
        system = lower(load_text(random_spec(seed), "s.wf"))
        lean = never_refused(Session(system, Options(), replay, schedule)).system
        count += lean is not system and sum(r.guard is FALSE for r in lean.rules) > 1
    assert count >= 5


JOB = """
error B transient
resource p : {pool} on_busy fail B
shared refused: int 0..9 = 0
shared x: int 0..9 = 0
workflow w {{
  activity a {{ uses p {claim} takes {takes} do {{ x := {value} }} }}
  run {{ try {{ a }} catch B {{ refused += 1 ; x := 2 }} }}
}}
system {{ w arrive every {every}s }}
"""


@pytest.mark.parametrize("seed", range(12))
def test_those_that_arrive(seed: int) -> None:
    rng = random.Random(seed)
    pool, claim = rng.choice([("lock", "exclusive"), ("pool(1)", "1"), ("pool(2)", "1")])
    takes, every = rng.choice(["1s", "1s..2s", "2s", "1s..3s"]), rng.choice([1, 2, 3, 4])
    text = JOB.format(pool=pool, claim=claim, takes=takes, every=every, value=rng.choice([1, 2]))
    spec = load_text(text, "s.wf")
    system = lower(spec, (CAME, CAME))
    session = Session(lower(spec), Options(), replay, schedule)
    lean = unrefused(system, arrivals(session, spec).free)
    out = {r.index for r in lean.rules if r.guard is FALSE}
    try:
        world = Ticking(system, 20_000, 20)
    except TooMuch:
        return
    taken = {rule for moves in world.moves.values() for rule, _ in moves}
    assert not (out & taken), text
    checks = ("deterministic", "timing_independent", "race_free")
    found = verify(
        spec, lower(spec), Options(only=checks, timeout=20), replay=replay, schedule=schedule
    )
    refused = any(system.rules[r].kind is RuleKind.BUSY for r in taken if r >= 0)
    for line in found:
        how = line.verdict.how if isinstance(line.verdict, Proved) else ""
        assert not (refused and "nobody is refused" in how), text


def test_never_refused_is_decided() -> None:
    def verdict(every: int, check: str) -> object:
        text = JOB.format(pool="lock", claim="exclusive", takes="1s..5s", every=every, value=1)
        spec = load_text(text, "s.wf")
        options = Options(only=(check,), timeout=20)
        (found,) = verify(spec, lower(spec), options, replay=replay, schedule=schedule)
        return found.verdict

    for check in ("timing_independent", "deterministic", "race_free"):
        assert isinstance(verdict(6, check), Proved), check
    assert isinstance(verdict(4, "timing_independent"), Refuted)
