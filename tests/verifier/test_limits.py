"""Time limits against all runs in whole seconds."""

from __future__ import annotations

from collections import Counter

import pytest
from durationgen import Maker, ends
from ticking import TooMuch
from wfverify.dsl import load_text
from wfverify.dsl.errors import Rejected
from wfverify.interpreter.retrace import replay
from wfverify.interpreter.timing import Scheduling, schedule
from wfverify.proofs.runs import Watch, steps
from wfverify.semantics.limits import overrun
from wfverify.semantics.lower import lower
from wfverify.verifier.checks.limits import held
from wfverify.verifier.session import Options, Session
from wfverify.verifier.verdict import Proved, Refuted, Unknown, Verdict


def _verdict(text: str) -> Verdict:
    """Of the one limit of a spec; a refutation is looked at by two replays."""
    spec = load_text(text, "s.wf")
    system = lower(spec)
    session = Session(system, Options(timeout=20), replay, schedule)
    verdict = held(session, spec, system.limits)
    if isinstance(verdict, Refuted):
        trace = verdict.trace
        again = replay(system, trace)
        assert again.ok and Scheduling(system).misplaced(trace) is None, text
        assert list(steps(Watch(system), trace))
        assert overrun(system, system.limits[0], again.states, trace) is not None, text
    return verdict


def _with(text: str, line: str) -> str:
    return text.replace(" var x: int = 0", f" {line}\n var x: int = 0", 1)


@pytest.mark.parametrize("claims", [False, True])
def test_deadlines_hold_just_if_no_run_is_later(claims: bool) -> None:
    seen: Counter[str] = Counter()
    for seed in range(9000, 9020):
        text = Maker(seed, claims).spec()
        try:
            real = ends(lower(load_text(text, "s.wf")), 1500)["ends"]
        except (Rejected, TooMuch):
            continue
        if real.most is None:
            verdict = _verdict(_with(text, "deadline 19s"))
            assert not isinstance(verdict, Proved), text
            seen[f"endless {type(verdict).__name__}"] += 1
            continue
        kept = _verdict(_with(text, f"deadline {real.most}s"))
        assert isinstance(kept, Proved), f"{kept}\n{text}"
        seen[kept.engine] += 1
        if real.most:
            late = _verdict(_with(text, f"deadline {real.most * 1000 - 1}ms"))
            assert isinstance(late, Refuted), f"{late}\n{text}"
            seen["late"] += 1
    assert seen["late"] >= 6 and seen["structure"] >= 4, seen


def test_leads_to_within_is_a_deadline_from_there() -> None:
    head = "error E transient\nworkflow w fails E {\n activity a "
    body = "{ takes 1s..2s fails E retry 2 on E backoff 1s }\n run { a }\n"
    # It may fail for good: then it does not come at all.
    claim = " property p : started(a) leads_to done(a) within 9h\n}\n"
    assert isinstance(_verdict(head + body + claim), Refuted)
    for limit, kind in (("7s", Refuted), ("8s", Proved)):
        body = "{ takes 1s..8s }\n run { a }\n"
        claim = f" property p : started(a) leads_to done(a) within {limit}\n}}\n"
        assert isinstance(_verdict(head + body + claim), kind)


def test_unknown_where_too_much_decides() -> None:
    parts = " || ".join(f"a{i}" for i in range(6))
    activities = "\n".join(f" activity a{i} {{ uses r 1 takes 1s..{i + 2}s }}" for i in range(6))
    text = (
        f"resource r : pool(2)\nworkflow w {{\n deadline 50s\n{activities}\n run {{ {parts} }}\n}}"
    )
    assert isinstance(_verdict(text), Unknown | Proved)
