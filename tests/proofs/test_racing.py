"""Refutations of `race_free` and `timeouts`, seen in the state where a run is."""

from __future__ import annotations

from pathlib import Path

import pytest
from certified import certified, system_of
from golden import CASES, names, one_in
from wfverify.dsl import load
from wfverify.dsl.errors import Rejected
from wfverify.interpreter import replay, schedule, simulator
from wfverify.proofs.check import Answer, Checker
from wfverify.proofs.conflicts import races
from wfverify.proofs.facts import Wrong
from wfverify.proofs.racing import race
from wfverify.proofs.runs import Watch, steps
from wfverify.proofs.solvers import Solvers
from wfverify.proofs.striking import struck
from wfverify.semantics.evidence import Facts
from wfverify.semantics.lower import lower
from wfverify.semantics.system import TransitionSystem
from wfverify.verifier.portfolio import Options, verify
from wfverify.verifier.verdict import Refuted

REFUTED = {
    "race_free": (
        "race_write",
        "race_lock_around",
        "race_said_to_read",
        "race_due_together",
        "answer_above_limit_wrong",
        "lease_silent_outlived",
        "keyed_lock_other_key",
    ),
    "timeouts": ("timeouts_block_cut_off", "timeouts_from_outside", "race_two_consumers"),
}
# Proved, and near to what is not.
NONE = {
    "add": "do { x := x + 1 }",
    "same": "do { x := 1 }",
    "locked": "uses l exclusive  do { x := x * 2 + K }",
}


def runs_of(system: TransitionSystem, count: int = 12) -> list[object]:
    simulate = simulator(system)
    found = (
        simulate(seed, (0.0, 0.5)[seed % 2], {}, (), (None, 0.0, 1.0)[seed % 3])
        for seed in range(count)
    )
    return [t for t in found if t is not None]


def seen(system: TransitionSystem) -> bool:
    """Is a race seen in some state of random runs?"""
    watch = Watch(system)
    return any(race(run) for t in runs_of(system) for run, _ in steps(watch, t))


@pytest.mark.parametrize("check", REFUTED)
def test_what_is_refuted_is_accepted(check: str, tmp_path: Path) -> None:
    for name in REFUTED[check]:
        made = certified((CASES / f"{name}.wf").read_text(), tmp_path / name, only=(check,))
        checker = made.checker()
        refuted = [r for r in made.results if isinstance(r.verdict, Refuted)]
        assert refuted, name
        for result in refuted:
            certificate = made.of(check, result.name)
            assert checker.check(certificate).answer is Answer.VALID, (name, result.name)


@pytest.mark.parametrize("shapes", [(), ("fresh",), ("quiet",)])
def test_what_races_is_not_shown_to_be_free(shapes: tuple[str, ...]) -> None:
    """Whatever the evidence says beside."""
    for name in REFUTED["race_free"]:
        system = lower(load(str(CASES / f"{name}.wf")))
        with pytest.raises(Wrong):
            races(Checker(system, Solvers(second=False)).prover, Facts((), shapes))


@pytest.mark.parametrize("how", NONE)
def test_no_race_where_the_order_does_not_matter(how: str) -> None:
    one, two = (
        f"activity {a} {{ takes 1s {NONE[how].replace('K', str(k))} }}" for k, a in enumerate("ab")
    )
    source = f"resource l : lock\nworkflow w {{ var x: int = 0\n{one}\n{two}\n run {{ a || b }} }}"
    assert not seen(system_of(source))


def test_a_race_is_seen_only_where_it_is_not_proved_absent() -> None:
    """Of golden cases in which more than one thing runs: against the verifier."""
    looked = raced = 0
    for name in one_in(9, names()):
        file = CASES / f"{name}.wf"
        expected = file.with_suffix(".expect").read_text()
        if "exit 2" in expected or any(x in file.read_text() for x in ("[*]", "skip_check race")):
            continue
        spec = load(str(file))
        try:
            system = lower(spec)
        except Rejected:  # a channel without a bound
            continue
        if len(system.threads) < 2 or len(system.rules) > 150 or system.in_order:
            continue
        found = seen(system)
        if "REFUTED race_free" in expected:
            raced += found
        elif found:
            (result,) = verify(
                spec, system, Options(("race_free",), 10.0, 0), replay=replay, schedule=schedule
            )
            if not isinstance(result.verdict, Refuted):
                pytest.fail(f"{file.name}: a race is seen, but {result.verdict}")
        looked += 1
    assert looked > 10


def test_a_limit_that_strikes_only_what_is_no_retry() -> None:
    """The same limit, and a retry that is over: nothing is cut off."""
    source = """
error E transient
workflow w fails E, Timeout {
  activity a { takes 1s fails E retry 1 on E backoff 1s }
  activity b { takes 1s..9s }
  run { a ; within 5s { b } }
}
"""
    system = system_of(source)
    watch = Watch(system)
    late = 0
    for trace in runs_of(system, 30):
        before: list[object] = []
        for run, rule in steps(watch, trace):
            late += rule is not None and rule.error == "Timeout"
            assert not struck("a", before, run, rule) or rule.error != "Timeout"
            before = list(run.state)
    assert late > 3
