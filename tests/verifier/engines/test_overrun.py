"""Time limits by zones: against all runs of a few alike instances in whole seconds."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import replace
from fractions import Fraction

import pytest
from durationgen import ends
from ticking import TICK, Ticking, TooMuch
from timed_alike_specs import Small
from wfverify.dsl import load_text
from wfverify.dsl.errors import Rejected
from wfverify.interpreter.retrace import replay
from wfverify.interpreter.timing import schedule
from wfverify.semantics.expr import FALSE, TRUE, const
from wfverify.semantics.limits import overrun
from wfverify.semantics.lower import lower
from wfverify.semantics.system import Obligation, TimeLimit, TransitionSystem
from wfverify.verifier.checks.intime import BY_CLOCK
from wfverify.verifier.engines.overrun import search
from wfverify.verifier.engines.timed_states import TimedStates
from wfverify.verifier.engines.zones import INFINITE, Zone, closed, covers, extrapolated, later

FAR = 1e9


def _beyond(system: TransitionSystem, limit: TimeLimit, seconds: Fraction) -> bool | None:
    """Whether some run goes beyond so many seconds; one that does is looked at."""
    limit = replace(limit, within=const(seconds))
    found = search(system, limit, FAR)
    if found is None:
        return None
    watched, said = found
    if said.beyond:
        assert said.trace is not None
        timed = schedule(watched.system, said.trace)
        assert timed is not None
        steps = tuple(s for s in timed.steps if s.rule != watched.rule)
        trace = replace(timed, initial=timed.initial[: len(system.variables)], steps=steps)
        again = replay(system, trace)
        assert again.ok and overrun(system, limit, again.states, trace) is not None
    return said.beyond


@pytest.mark.parametrize("part", range(3))
def test_it_is_as_late_as_the_latest_of_all_runs(part: int) -> None:
    seen: Counter[str] = Counter()
    for seed in range(part * 20, part * 20 + 20):
        text = Small(seed).three()
        try:
            system = lower(load_text(text, "s.wf"))
            real = ends(system, 3000)["ends"]
        except (Rejected, TooMuch):
            continue
        limit = next(x for x in system.limits if x.instance == 0)
        if real.most is None:
            assert _beyond(system, limit, Fraction(40)) is not False, text
            seen["endless"] += 1
            continue
        assert _beyond(system, limit, Fraction(real.most)) is False, f"{real.most} {text}"
        seen["kept"] += 1
        if real.most:
            assert _beyond(system, limit, real.most - Fraction(1, 1000)) is True, text
            seen["late"] += 1
    assert seen["kept"] > 3 and seen["late"] > 3, seen


CASES = (
    # A step that takes time is not taken before others, though none can tell it.
    """workflow w { deadline 9h
        activity a { takes 1s..3s } activity b { takes 5s } activity c { takes 1s }
        run { { a ; b } || { wait 1s ; c } } }
    system { w }""",
    # Alike, each with two clocks at once.
    """workflow x { deadline 9h activity a { uses r 1 takes 1s } run { wait 2s ; a } }
    workflow w { activity a { takes 1s..4s timeout 3s } activity b { uses r 1 takes 1s..2s }
        run { within 4s { try { a } catch Timeout { skip } ; b } else { skip } } }
    system { x w[2] }""",
)


@pytest.mark.parametrize("case", range(len(CASES)))
def test_cases(case: int) -> None:
    system = lower(load_text(f"resource r : pool(1)\n{CASES[case]}\n", "s.wf"))
    real = ends(system, 20_000)["ends"]
    assert real.most is not None
    assert _beyond(system, system.limits[0], Fraction(real.most)) is False, real
    assert _beyond(system, system.limits[0], real.most - Fraction(1, 1000)) is True, real


@pytest.mark.parametrize("seed", range(10))
def test_workflows_that_are_alike_but_for_their_times(seed: int) -> None:
    rng = random.Random(seed)

    def takes() -> str:
        return "takes " + rng.choice(["1s", "1s..2s", "3s", "2s..5s", "1s..4s", "6s"])

    def one(name: str) -> str:
        own = f"activity a {{ uses r 1 {takes()} }} activity b {{ {takes()} }}"
        last = f"activity c {{ uses r 1 {takes()} }}"
        return f"workflow {name} {{ {own} {last} run {{ a ; b ; c }} }}"

    mine = f"activity a {{ uses r 1 takes 1s }} activity b {{ {takes()} }} run {{ b ; a }}"
    head = f"resource r : pool(1)\nworkflow x {{ deadline 9h {mine} }}"
    others = one("v") + "\n" + (one("w") if seed % 3 else "")
    system = lower(load_text(f"{head}\n{others}\nsystem {{ x v{'[2]' * (not seed % 3)} "
                             f"{'w' * (seed % 3 > 0)} }}\n", "s.wf"))  # fmt: skip
    real = ends(system, 20_000)["ends"]
    assert real.most is not None
    assert _beyond(system, system.limits[0], Fraction(real.most)) is False
    assert _beyond(system, system.limits[0], real.most - Fraction(1, 1000)) is True


def _zone(rng: random.Random, clocks: int) -> Zone:
    """Around some reading, so that it is not empty."""
    reading = [0, *(rng.randint(0, 5) for _ in range(clocks))]
    rows = [
        [
            0 if i == j else INFINITE if i and rng.random() < 0.3 else x - y + rng.randint(0, 3)
            for j, y in enumerate(reading)
        ]
        for i, x in enumerate(reading)
    ]
    for j in range(1, clocks + 1):
        rows[0][j] = min(rows[0][j], 0)
    return closed(rows)


def _holds(zone: Zone, reading: tuple[int, ...]) -> bool:
    shown = (0, *reading)
    return all(x - y <= zone[i][j] for i, x in enumerate(shown) for j, y in enumerate(shown))


def test_what_is_forgotten_of_clocks_is_simulated_by_a_reading_that_was_there() -> None:
    larger = 0
    for seed in range(400):
        rng = random.Random(seed)
        zone = _zone(rng, 2)
        lows = [rng.choice([None, 1, 2, 4]) for _ in range(2)]
        limited = [rng.random() < 0.6 for _ in range(2)]
        grown = extrapolated(zone, lows, limited)
        assert covers(grown, zone)
        readings = [(x, y) for x in range(13) for y in range(13)]
        real = [r for r in readings if _holds(zone, r)]
        for shown in readings:
            if not _holds(grown, shown):
                continue
            larger += shown not in real
            assert any(all(map(_stands_for, was, shown, lows, limited)) for was in real), (
                f"{seed}: {shown}"
            )
    assert larger > 500


def _stands_for(was: int, shown: int, low: int | None, limited: bool) -> bool:
    """What is asked of a clock that shows `shown` holds of one that shows `was`, now and later."""
    fewer = was <= shown and (low is None or was >= low)
    more = was >= shown and not limited
    return was == shown or fewer or more


def test_hulls_cover_what_comes_after() -> None:
    rng = random.Random(1)
    for _ in range(50):
        zone = _zone(rng, 3)
        after = later(zone, [9, 9, INFINITE])
        assert after is None or covers(closed([list(r) for r in after]), after)


def test_no_run_takes_what_is_not_taken_though_ways_count_as_one() -> None:
    """.. of those that reach an end of the naive exploration."""
    seen: Counter[str] = Counter()
    for seed in range(100, 130):
        text = Small(seed).three()
        try:
            system = lower(load_text(text, "s.wf"))
            real = Ticking(system, 2000, cap=20)
        except (Rejected, TooMuch):
            continue
        taken = {rule for moves in real.moves.values() for rule, _ in moves if rule != TICK}
        anything = Obligation("", "", TRUE, "", system.instances[0].span)
        states = TimedStates(system, anything, frozenset())
        if not states.merged(time.monotonic() + FAR, 1):
            continue
        assert taken <= states.taken, f"{[system.rules[r] for r in taken - states.taken]}\n{text}"
        late = {r.index for r in system.rules if r.kind in BY_CLOCK and r.guard is not FALSE}
        for rule in sorted(late)[:3]:
            exact = TimedStates(system, anything, frozenset((rule,)))
            found = exact.apart(time.monotonic() + FAR)
            assert found is not None and (found[1] is not None) == (rule in taken), text
            if found[1] is not None:
                trace = exact.trace(found[1])
                assert trace is None or schedule(system, trace) is not None, text
                seen["shown"] += trace is not None
        seen["never"] += len(late - states.taken)
        seen["taken"] += len(late & states.taken)
    assert seen["never"] > 3 and seen["taken"] > 3 and seen["shown"] > 3, seen
