"""The examples: what is claimed of each, and nothing else refuted or open."""

from __future__ import annotations

from pathlib import Path

import pytest
from wfverify.dsl import load_text
from wfverify.interpreter.retrace import replay
from wfverify.interpreter.simulation import simulator
from wfverify.interpreter.timing import schedule
from wfverify.report.outcome import status, title
from wfverify.semantics.lower import lower
from wfverify.verifier.portfolio import Options, verify

EXAMPLES = Path(__file__).parents[1] / "examples"
# Name -> what is proved of it (with all of its built-in checks), and what is not.
CLAIMED: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "bank_transfer": (
        ("invariant: nothing_lost", "invariant: no_debt", "ensures: transfer", "compensated"),
        (),
    ),
    "lease_lock": (
        ("invariant: never_stale", "always: tokens_grow", "borrows: job", "race_free"),
        ("resources: job", "timing_independent"),
    ),
    "philosophers": (
        ("borrows: fork[0]", "race_free"),
        (
            "deadlock_free",
            "terminates",
            "can_finish",
            "starvation_free",
            "deterministic",
            "timing_independent",
        ),
    ),
    "philosophers_ordered": (("borrows: fork[49]", "deadlock_free", "deterministic"), ()),
    "readers_writers": (("ensures: system", "always: forwards", "starvation_free"), ()),
    "token_bucket": (("invariant: bucket", "ensures: system", "starvation_free"), ()),
    "dead_letter_queue": (
        ("invariant: not_both", "ensures: system", "messages", "terminates", "deterministic"),
        (),
    ),
    "two_phase_commit": (
        ("invariant: agreement", "ensures: participant", "always: no_way_back", "messages"),
        (),
    ),
    "circuit_breaker": (("invariant: rests", "invariant: counted", "always: opens"), ()),
}


@pytest.mark.parametrize("name", CLAIMED)
def test_example(name: str) -> None:
    file = f"{name}.wf"
    spec = load_text((EXAMPLES / file).read_text(encoding="utf-8"), file)
    system = lower(spec)
    found = verify(
        spec, system, Options(timeout=40), replay=replay, schedule=schedule, simulate=simulator
    )
    said = {title(r): str(status(r)) for r in found}
    proved, refuted = CLAIMED[name]
    assert {t: said.get(t) for t in proved} == dict.fromkeys(proved, "PROVED")
    assert {t for t, s in said.items() if s == "REFUTED"} == set(refuted)
    assert "UNKNOWN" not in said.values()


def test_five_philosophers_are_stuck_in_the_fewest_steps() -> None:
    text = (EXAMPLES / "philosophers.wf").read_text(encoding="utf-8")
    spec = load_text(text, "p.wf")
    found = verify(
        spec,
        lower(spec),
        Options(timeout=40, only=("deadlock_free",)),
        replay=replay,
        schedule=schedule,
    )
    (deadlock,) = (r.verdict for r in found if r.check == "deadlock_free")
    assert deadlock is not None
    assert len(deadlock.trace.steps) == 5  # each takes its left fork


@pytest.mark.parametrize("n", [5, 500])
def test_ordered_philosophers_of_any_number(n: int) -> None:
    text = (EXAMPLES / "philosophers_ordered.wf").read_text(encoding="utf-8")
    text = text.replace("N = 50", f"N = {n}").replace("0..49", f"0..{n - 1}")
    spec = load_text(text, "p.wf")
    found = verify(
        spec,
        lower(spec),
        Options(timeout=60, only=("deadlock_free", "terminates")),
        replay=replay,
        schedule=schedule,
    )
    assert {str(status(r)) for r in found} == {"PROVED"}
