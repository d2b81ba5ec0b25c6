"""Time limits against all runs in whole seconds."""

from __future__ import annotations

import re
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
from wfverify.semantics.lower.contended import longest
from wfverify.verifier.checks.anynumber import AnyNumber
from wfverify.verifier.checks.limits import held
from wfverify.verifier.engines.timed_alike import first_of_each
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


def test_deadlines_of_any_number_hold_beside_one_more() -> None:
    """What each keeps by itself, at the very bound: against all runs of two that wait for each
    other, of which one may be later than it would be alone."""
    seen: Counter[str] = Counter()
    for seed in range(400, 424):
        text = Maker(seed, claims=True).spec().replace("run {", "run { within 3s {")
        text = text.removesuffix("}\n}\n") + "} else { wait 1s } }\n}\n"
        try:
            two = ends(lower(load_text(text + "system { w[2] }\n", "s.wf")), 600)["ends"]
        except (Rejected, TooMuch):
            continue
        kept = _of_each(text, "9h")
        if kept is None:
            seen["open"] += 1
            continue
        (most,) = re.findall(r"at most (\d+)s of", kept.figure)
        assert two.most is not None and two.most <= int(most), text
        seen["waits"] += "uses r" in text
        seen["reached"] += two.most == int(most)
        if int(most):
            assert _of_each(text, f"{int(most) * 1000 - 1}ms") is None, text
    assert seen["reached"] > 3 and seen["waits"] > 3, seen


def _of_each(text: str, within: str) -> Proved | None:
    spec = load_text(_with(text, f"deadline {within}") + "system { w[*] }\n", "s.wf")
    system = lower(spec)
    proofs = AnyNumber(Session(system, Options(timeout=20), replay, schedule), spec)
    return proofs.in_time(system.limits)


def test_no_bound_by_the_work_of_a_few_holds_for_any_number() -> None:
    body = "activity a { uses r 1 takes 1s }\n run { a }\n}\n"
    text = f"resource r : pool(1)\nworkflow w {{\n var x: int = 0\n {body}"
    assert _of_each(text, "9h") is None
    spec = load_text(text + "system { w[*] }\n", "s.wf")
    assert longest(spec, []) == {}


def test_one_limit_stands_for_those_of_alike_instances() -> None:
    """.. and none for those of others, which wait for less or longer."""
    text = """resource r : pool(1)
    workflow v { deadline 4s activity a { uses r 1 takes 1s..2s } run { a } }
    workflow w(n: int 1..9) { deadline 9h activity a { uses r 1 takes 1s * n } run { a } }
    system { v[3] w(n: 1) w(n: 1) w(n: 2) }
    """
    system = lower(load_text(text, "s.wf"))
    first, *_ = told = [x.instance for x in first_of_each(system, system.limits)]
    assert first == 0 and [system.instances[i or 0].name[0] for i in told] == list("vww")
    assert isinstance(_verdict(text.replace("w(n: 1) w(n: 1) w(n: 2)", "")), Refuted)
