"""Messages of those that arrive: do they pile up?  Three answers (by how fast they come and are
taken, by loops in their place, by a run of many) against each other, against long random runs, and
against all runs of a few of them in whole seconds."""

from __future__ import annotations

import os
import random
import re
import sys
from fractions import Fraction
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from ticking import Ticking, TooMuch
from wfverify.dsl import load_text
from wfverify.dsl.ast import Spec
from wfverify.interpreter import replay, schedule, simulator
from wfverify.semantics.lower import lower
from wfverify.semantics.system import TransitionSystem
from wfverify.verifier.checks import piling
from wfverify.verifier.checks.piled import piled
from wfverify.verifier.portfolio import Options, verify
from wfverify.verifier.session import Session
from wfverify.verifier.verdict import Proved, Refuted, Verdict

# A longer campaign: WFVERIFY_SEEDS=0..300 pytest tests/verifier/test_piling.py
SEEDS = range(*map(int, os.environ.get("WFVERIFY_SEEDS", "0..10").split("..")))
MOST = re.compile(r"never more than (\d+)")


class Maker:
    """Clients that come every so often and send, and servers that take what was sent."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def spec(self) -> str:
        pick = self.rng.choice
        every = pick([1, 2, 2, 3])
        claims, fails = pick(["", "", "uses l exclusive "]), pick(["", " fails B"])
        servers = pick(["server", "server", "server[2]"])
        return f"""
channel jobs : int 0..1
error B permanent
resource l : lock
workflow client fails B {{
  activity look {{ {claims}takes {self.takes()}{fails} }}
  run {{ {self.client()} }}
}}
workflow server {{
  activity work {{ takes {self.takes()} }}
  run {{ {pick(["", "work ; "])}while (true) {{ {self.round()} }} }}
}}
system {{ client arrive every {every}s  {servers} }}
"""

    def takes(self) -> str:
        return self.rng.choice(["1s", "1s", "1s..2s", "2s", "0s..1s", "1s..3s", "3s"])

    def client(self) -> str:
        send = self.rng.choice(
            ["send 1 to jobs", "send 1 to jobs", "send 0 to jobs ; send 1 to jobs"]
        )
        return self.rng.choice([send, send, f"look ; {send}", f"{send} ; look"])

    def round(self) -> str:
        take = self.rng.choice(
            [
                "receive j from jobs",
                "within 2s { receive j from jobs } else { skip }",
                "within 1s { receive j from jobs } else { wait 2s }",
            ]
        )
        if self.rng.random() < 0.2:
            take += " ; if (true) { receive k from jobs } else { receive m from jobs }"
        if self.rng.random() < 0.2:
            return f"{take} ; {{ work || wait 1s }}"
        return self.rng.choice([f"{take} ; work", f"{take} ; work", f"work ; {take}", take])


def session_of(text: str) -> tuple[Session, Spec]:
    spec = load_text(text, "p.wf")
    return Session(lower(spec), Options(timeout=4), replay, schedule, simulator), spec


def longest(system: TransitionSystem, states: object) -> int:
    lengths = next(c.lengths for c in system.channels if c.name == "jobs")
    return max(int(s[v]) for s in states for v in lengths)  # type: ignore[attr-defined]


def in_long_runs(spec: Spec, number: int, paces: tuple[float | None, ...]) -> int:
    """The most messages in runs of so many that come."""
    system = lower(spec, (number, number))
    simulate = simulator(system)
    most = 0
    for seed, pace in enumerate(paces):
        trace = simulate(seed, 0.0, {}, (), pace)
        assert trace is not None
        most = max(most, longest(system, replay(system, trace).states))
    return most


@pytest.mark.parametrize("seed", SEEDS)
def test_answers_agree(seed: int) -> None:
    text = Maker(seed).spec()
    session, spec = session_of(text)
    between = {"client": Fraction(session.system.any_number[0].between.value)}  # type: ignore
    by_rates = piling._by_rates(session, spec, between)
    by_loops = piling._by_loops(session, spec, between)
    by_run = piled(session, spec, between, ["jobs"])
    found: list[Verdict | None] = [v.get("jobs") for v in (by_rates, by_loops, by_run)]
    kinds = {type(v) for v in found if isinstance(v, Proved | Refuted)}
    assert len(kinds) <= 1, (found, text)
    if Refuted in kinds:
        # Slow ones, or quick ones: with more of them there are more and more messages.
        paces = (1.0, 0.0)
        few, many = (in_long_runs(spec, n, paces) for n in (12, 48))
        assert many > few, text
    bounds = [int(MOST.match(v.how)[1]) for v in found if isinstance(v, Proved)]  # type: ignore
    if not bounds:
        return
    assert in_long_runs(spec, 40, (1.0, 0.0, None, 0.5, 0.8, None)) <= min(bounds), text
    for number in (4, 3):
        system = lower(spec, (number, number))
        try:
            world = Ticking(system, 12_000, 20)
        except TooMuch:
            continue
        assert longest(system, (s for s, _ in world.moves)) <= min(bounds), text
        break


def test_answers_are_found() -> None:
    """Of the first of them, by how fast they come and by runs."""
    proved = refuted = 0
    for seed in range(16):
        session, spec = session_of(Maker(seed).spec())
        between = {"client": Fraction(session.system.any_number[0].between.value)}  # type: ignore
        rates = piling._by_rates(session, spec, between).get("jobs")
        run = piled(session, spec, between, ["jobs"]).get("jobs")
        proved += isinstance(rates, Proved)
        refuted += isinstance(run, Refuted)
    assert proved >= 8 and refuted >= 2, (proved, refuted)


@pytest.mark.parametrize(("takes", "kind"), [("1s..2s", Proved), ("2s", Proved), ("3s", Refuted)])
def test_loops_in_place_of_instances(takes: str, kind: type[Verdict]) -> None:
    session, spec = session_of(SERVER.replace("TAKES", takes))
    assert isinstance(piling._by_loops(session, spec, {"client": Fraction(2)})["jobs"], kind)


class Waiting:
    """Those who come and claim, beside some that are there at the start and put them off."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def spec(self) -> str:
        pick = self.rng.choice
        every, per = pick([1, 2, 3]), pick([1, 2, 3])
        resource = pick(
            ["lock", "pool(2)", f"rate(1 per {per}s burst 1)", f"rate(1 per {per}s burst 2)"]
        )
        claim = "r exclusive" if resource == "lock" else "r 1"
        client, w = (
            f"activity work {{ uses {claim}  takes {self.takes()} }}  run {{ {self.body()} }}"
            for _ in range(2)
        )
        more = ""
        if self.rng.random() < 0.3:
            more = f"  w arrive every {pick([2, 3, 4])}s"
        return f"""
resource r : {resource}
channel tick : int capacity 1 {pick(["", "ttl 2s "])}optional
workflow first {{ activity work {{ uses {claim}  takes {self.takes()} }}  run {{ work }} }}
workflow beat {{ run {{ while (true) {{ send 1 to tick ; wait {pick([1, 2, 3])}s }} }} }}
workflow reader {{ run {{ while (true) {{ receive t from tick }} }} }}
workflow client {{ {client} }}
workflow w {{ {w} }}
system {{ client arrive every {every}s{more}  first{pick(["", "[2]"])}  beat  reader }}
"""

    def takes(self) -> str:
        return self.rng.choice(["0s", "0s..1s", "1s", "1s..2s", "2s", "3s"])

    def body(self) -> str:
        return self.rng.choice(
            ["work", "work", "wait 1s ; work", "work ; wait 1s", "within 4s { work } else { skip }"]
        )


def under_way(spec: Spec, number: int, seed: int, pace: float) -> int:
    """How many are at once, at most, in a run of so many that come."""
    system = lower(spec, (number, number))
    trace = simulator(system)(seed, 0.0, {}, (), pace)
    assert trace is not None
    coming = {i for g in system.any_number for i in g.members}
    ends = [(i, system.threads[i.root].location) for i in system.instances if i.id in coming]
    return max(
        sum(state[at] not in (0, i.completed, i.failed) for i, at in ends)
        for state in replay(system, trace).states
    )


@pytest.mark.parametrize("seed", SEEDS[:6] if len(SEEDS) <= 10 else SEEDS)
def test_who_is_said_to_wait_more_and_more_does(seed: int) -> None:
    text = Waiting(seed).spec()
    session, spec = session_of(text)
    between = {
        g.workflow: Fraction(g.between.value)  # type: ignore[union-attr, arg-type]
        for g in session.system.any_number
    }
    if piled(session, spec, between, []):
        grows = [under_way(spec, 12, 0, pace) < under_way(spec, 40, 0, pace) for pace in (1.0, 0.0)]
        assert any(grows), text


BUCKET = """
resource api : rate(1 per 3s burst 1)
workflow first { activity work { uses api 1  takes 0s }  run { work } }
workflow client { activity work { uses api 1  takes 0s }  run { work } }
system { client arrive every EVERY  first }
"""


@pytest.mark.parametrize(("every", "grows"), [("2s", True), ("3s", False), ("4s", False)])
def test_where_the_clock_of_a_bucket_stands(every: str, grows: bool) -> None:
    """Whether a token comes now or in three seconds makes up for one more who waits."""
    session, spec = session_of(BUCKET.replace("EVERY", every))
    between = {"client": Fraction(session.system.any_number[0].between.value)}  # type: ignore
    assert bool(piled(session, spec, between, [])) == grows


def test_a_server_that_comes_later_has_taken_nothing_before() -> None:
    text = SERVER.replace("TAKES", "2s").replace(
        "every 2s  server", "every 1s  server[2] arrive every 100s"
    )
    session, spec = session_of(text)
    assert in_long_runs(spec, 48, (1.0,)) > 20
    assert not piling._by_rates(session, spec, {"client": Fraction(1)})


def test_there_are_no_loops_for_instances_that_are_counted() -> None:
    text = SERVER.replace("; work }", "; work ; if (instances(client) > 0) { wait 10s } }")
    text = text.replace("send 1 to jobs }", "send 1 to jobs ; wait 3s }").replace("TAKES", "1s")
    session, spec = session_of(text)
    assert in_long_runs(spec, 48, (1.0,)) > 30
    assert not piling._by_loops(session, spec, {"client": Fraction(2)})


QUEUE = """
resource r : {resource}
workflow client {{
  activity work {{ uses r {claim} takes {takes} }}
  run {{ {run} }}
}}
system {{ client arrive every 2s }}
"""


def verdict(text: str) -> Verdict | None:
    spec = load_text(text, "q.wf")
    options = Options(only=("messages",), timeout=20)
    found = verify(spec, lower(spec), options, replay=replay, schedule=schedule, simulate=simulator)
    return next((r.verdict for r in found if r.check == "messages"), None)


def queue(resource: str, claim: str, takes: str, run: str = "work") -> Verdict | None:
    return verdict(QUEUE.format(resource=resource, claim=claim, takes=takes, run=run))


def test_those_who_wait_for_what_is_in_use_too_long() -> None:
    found = queue("lock", "exclusive", "3s")
    assert isinstance(found, Refuted) and "under way at once" in found.message
    assert found.system is not None and replay(found.system, found.trace).ok
    assert schedule(found.system, found.trace) is not None
    assert isinstance(queue("pool(2)", "1", "3s..5s"), Refuted)
    assert not isinstance(queue("lock", "exclusive", "1s..2s"), Refuted)
    assert not isinstance(queue("pool(2)", "1", "3s..4s"), Refuted)
    # Each is as long under way as it takes, however slow: nobody waits.
    assert not isinstance(queue("lock", "shared", "9s"), Refuted)


def test_who_gives_up_does_not_wait() -> None:
    run = "within 3s { work } else { skip }"
    assert not isinstance(queue("lock", "exclusive", "3s", run), Refuted)
    found = queue("lock", "exclusive", "3s", "work ; within 3s { wait 1s } else { skip }")
    assert isinstance(found, Refuted)


def test_what_waits_in_the_queue_of_a_resource() -> None:
    text = """
resource r : lock
channel out : int 0..3
workflow client {
  activity work { uses r exclusive takes 3s }
  run { send 1 to out ; work ; receive x from out }
}
system { client arrive every 2s }
"""
    found = verdict(text)
    assert isinstance(found, Refuted) and "more and more" in found.message
    quick = verdict(text.replace("3s }", "1s }"))
    assert not isinstance(quick, Refuted), quick


SERVER = """
channel jobs : int 0..3
workflow client { run { send 1 to jobs } }
workflow server {
  activity work { takes TAKES }
  run { while (true) { within 1m { receive j from jobs } else { skip } ; work } }
}
system { client arrive every 2s  server }
"""


@pytest.mark.parametrize(
    ("takes", "kind"),
    [("1s..2s", Proved), ("2s", Proved), ("2500ms", Refuted), ("1s..3s", Refuted), ("3s", Refuted)],
)
def test_a_server_that_keeps_up(takes: str, kind: type[Verdict]) -> None:
    found = verdict(SERVER.replace("TAKES", takes))
    assert isinstance(found, kind), found


def test_two_servers_keep_up_where_one_does_not() -> None:
    two = SERVER.replace("TAKES", "3s..4s").replace("every 2s  server", "every 2s  server[2]")
    assert isinstance(verdict(two), Proved)


def test_an_undo_that_fails_ends_the_loop_that_stands_for_instances() -> None:
    """So there are no loops in their place."""
    text = SERVER.replace("TAKES", "1s").replace(
        "workflow client { run { send 1 to jobs } }",
        "activity a { do { skip } undo { skip } }\n"
        "workflow client { run { saga { a } ; send 1 to jobs } }",
    )
    session, spec = session_of(text)
    assert not piling._by_loops(session, spec, {"client": Fraction(2)})
