"""What `wfverify time` says where claims wait for each other: against all runs in whole seconds."""

from __future__ import annotations

from collections import Counter

from durationgen import ends
from ticking import TooMuch
from timed_alike_specs import Small
from wfverify.dsl import load_text
from wfverify.dsl.errors import Rejected
from wfverify.interpreter.retrace import replay
from wfverify.interpreter.simulation import simulator
from wfverify.interpreter.timing import schedule
from wfverify.semantics.lower import lower
from wfverify.verifier.lasting import measured
from wfverify.verifier.session import Options, Session


def test_nothing_is_later_and_by_all_states_it_is_the_very_second() -> None:
    seen: Counter[str] = Counter()
    for seed in range(200, 216):
        text = Small(seed).three()
        try:
            spec = load_text(text, "s.wf")
            system = lower(spec)
            real = ends(system, 2000)["ends"]
        except (Rejected, TooMuch):
            continue
        session = Session(system, Options(timeout=30), replay, schedule, simulator)
        x = measured(session, spec)[0]
        assert x.longest is None or real.most is None or x.longest.seconds <= real.most, text
        if x.most_value is None:
            continue
        assert real.most is not None and real.most <= x.most_value, f"{real} {x.most_value}\n{text}"
        seen[x.how] += 1
        seen["exact"] += x.how == "all states" and x.most_value == real.most
    assert seen["all states"] > 2 and seen["exact"] == seen["all states"], seen
