"""Certificates of specs with channels without a bound: the room that they name is shown to be
enough, and nothing is believed because of a room that is not."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from random import Random

import naive
import pytest
from comparisons import cyclic
from wfverify.cli.certifying import Certifier
from wfverify.cli.rechecking import Reader
from wfverify.dsl import load_text
from wfverify.proofs.certificate import parse, write
from wfverify.proofs.check import Answer, Checked, claim_of, goals_of
from wfverify.proofs.roomy import Roomy
from wfverify.proofs.solvers import Solvers
from wfverify.semantics.evidence import (
    Evidence,
    Facts,
    Inductive,
    Part,
    Runs,
    States,
    Syntactic,
    Trusted,
)
from wfverify.semantics.lower import lower
from wfverify.semantics.system import Obligation, TransitionSystem
from wfverify.semantics.trace import Step, Trace
from wfverify.verifier.verdict import Proved, Result

# Two are under way at once; with room for one the second waits, and there is never more than one.
CREDIT = """\
channel goods : int 0..3
channel credit : int 0..3
shared sent: int 0..2 = 0
workflow maker {
  run { while (true) { send 1 to goods ; { sent := 1 } ; send 2 to goods ; { sent := 2 } ;
        receive k from credit ; { sent := 0 } } }
}
workflow taker {
  run { while (true) { receive a from goods ; receive b from goods ; send a to credit } }
}
invariant one : len(goods) <= 1
invariant two : len(goods) <= 2
"""
# With room for one nobody goes on; with more all do.
CROSSED = """\
channel a : int 0..1
channel b : int 0..1
channel ready : int 0..1
workflow left {
  run { while (true) { send 0 to a ; send 1 to a ; send 0 to b ; receive k from ready } }
}
workflow right {
  run { while (true) { receive k from b ; receive m from a ; receive n from a ; send 1 to ready } }
}
"""
ACK = "activity ack -> int 0..1 { ensures result == 1 }"
# A longer campaign: WFVERIFY_SEEDS=0..400 pytest tests/proofs/test_roomy.py
SEEDS = range(*map(int, os.environ.get("WFVERIFY_SEEDS", "0..12").split("..")))
WIDE = 6
STATES = 3000


@dataclass
class Made:
    """A spec with some room, and who makes and checks its certificates."""

    system: TransitionSystem
    certifier: Certifier

    @property
    def checker(self) -> Roomy:
        assert isinstance(self.certifier.checker, Roomy)
        return self.certifier.checker

    def claim(self, check: str, name: str, verdict: str = "PROVED") -> dict[str, str]:
        return claim_of(self.system, check, name, "error", verdict)

    def own(self, check: str, name: str) -> int:
        return len(goals_of(self.system, check, name, "error"))

    def parts(self, check: str, name: str) -> list[Part]:
        return [*self.certifier.parts(self.claim(check, name), Proved("test", "not so"))]

    def proved(self, check: str, name: str) -> Checked:
        """By the evidence that is found."""
        return self.checker.judged(self.claim(check, name), self.parts(check, name))


class Stated(Certifier):
    """Looks for no other evidence of conditions than all states."""

    def candidates(self, goal: Obligation, hint: Evidence | None) -> Iterator[Evidence]:
        yield States(tuple(v.index for v in self.system.variables), ())


def made(text: str, room: int, folder: Path) -> Made:
    spec = load_text(text, "w.wf")
    system = lower(spec, room=room)
    return Made(system, Stated(spec, system, "w.wf", folder))


def test_room_that_is_enough(tmp_path: Path) -> None:
    of = made(CREDIT, 2, tmp_path)
    for check, name in (("deadlock_free", ""), ("messages", ""), ("invariant", "two")):
        assert of.proved(check, name).answer is Answer.VALID, check
    assert of.proved("invariant", "one").answer is not Answer.VALID


def test_too_little_room_is_not_believed(tmp_path: Path) -> None:
    """With room for one, the invariant holds of the rules, and its evidence is right."""
    of = made(CREDIT, 1, tmp_path)
    mine = [p for p in of.parts("invariant", "one") if p.goals == [0]]
    assert mine and not isinstance(mine[0].evidence, Trusted)
    assert of.proved("invariant", "one").answer is Answer.HOLEY
    behind = range(1, 1 + len(of.checker.enough))
    everything = tuple(v.index for v in of.system.variables)
    states = of.certifier.made(States(everything, ()))
    assert isinstance(states, States)
    full = tuple(g.cond for g in of.checker.enough)
    for evidence in (
        Syntactic(),
        Inductive(Facts(())),
        Inductive(Facts(full)),
        Runs(()),
        mine[0].evidence,
        states,
        replace(states, states=states.states[:-1]),
        replace(states, states=()),
    ):
        found = of.checker.judged(of.claim("invariant", "one"), [*mine, Part(evidence, [*behind])])
        assert found.answer is Answer.INVALID, evidence
    some = [*mine, Part(Trusted("nobody", "so it is"), [1])]
    assert of.checker.judged(of.claim("invariant", "one"), some).answer is Answer.INVALID
    assert of.checker.judged(of.claim("invariant", "one"), mine).answer is Answer.INVALID
    mixed = [Part(mine[0].evidence, [0, *behind])]
    assert of.checker.judged(of.claim("invariant", "one"), mixed).answer is Answer.INVALID


def test_a_run_beside_other_evidence_is_none_for_the_room(tmp_path: Path) -> None:
    """Contracts have conditions, too, and those no run proves."""
    text = CREDIT.replace(
        "workflow maker {\n", "workflow maker {\n  activity look { needs len(goods) <= 1 }\n"
    ).replace("receive k from credit", "look ; receive k from credit")
    text = text.replace("workflow taker {\n  run {", f"workflow taker {{\n  {ACK}\n  run {{ ack ;")
    of = made(text, 1, tmp_path)
    name = next(o.name for o in of.system.obligations if o.check == "contracts")
    mine = [p for p in of.parts("contracts", name) if p.goals == [0]]
    assert mine and isinstance(mine[0].evidence, States)
    # At the start nobody stands before a send that finds no room.
    ack = [r.index for r in of.system.rules if r.name in ("start taker.ack", "complete taker.ack")]
    first = next(naive.initial_states(of.system))
    meets = Runs((Trace(first, (Step(ack[0]), Step(ack[1], (1,)))),))
    alone = of.checker.judged(of.claim("contracts", "ensures"), [Part(meets)])
    assert alone.answer is Answer.VALID
    found = of.checker.judged(of.claim("contracts", name), [*mine, Part(meets)])
    assert found.answer is Answer.INVALID, found
    assert made(text, 2, tmp_path).proved("contracts", name).answer is not Answer.VALID


def test_a_run_that_waits_for_room_refutes_nothing(tmp_path: Path) -> None:
    of = made(CROSSED, 1, tmp_path)
    (send,) = [
        r for r in of.system.rules if r.name.startswith("send") and _begins(of.system, r.index)
    ]
    state = next(naive.initial_states(of.system))
    waits = Part(Runs((Trace(state, (Step(send.index),)),)))
    claim = of.claim("deadlock_free", "", "REFUTED")
    assert of.checker.judged(claim, [waits]).answer is Answer.INVALID
    room = [Part(Trusted("nobody", "so it is"), [*range(len(of.checker.enough))])]
    assert of.checker.judged(claim, [waits, *room]).answer is Answer.HOLEY
    assert made(CROSSED, 2, tmp_path).proved("deadlock_free", "").answer is Answer.VALID


def test_time_does_not_pass_because_a_channel_is_full(tmp_path: Path) -> None:
    """Where there is room, somebody sends again and again, and no time passes at all."""
    text = """\
channel ticks : int 0..1 optional
shared x: int 0..1 = 0
workflow sends { run { while (true) { send 1 to ticks } } }
workflow waits { run { wait 1s ; { x := 1 } } }
invariant never : x == 0
invariant few : len(ticks) <= 0
"""
    of = made(text, 1, tmp_path)
    state = next(naive.initial_states(of.system))
    steps: list[Step] = []
    for word, time in (("send", 0), ("wait", 1), ("x", 1)):
        rule, inputs, state = next(
            (r, i, after)
            for r, i, after in naive.steps(of.system, state)
            if r.name.startswith(word) or (word == "x" and after != state and r.instance == 1)
        )
        steps.append(Step(rule.index, inputs, Fraction(time)))
    first = next(naive.initial_states(of.system))
    late = [Part(Runs((Trace(first, tuple(steps)),)))]
    claim = of.claim("invariant", "never", "REFUTED")
    assert of.checker.judged(claim, late).answer is Answer.INVALID
    bounded = made(text.replace("int 0..1 optional", "int 0..1 capacity 1 optional"), 1, tmp_path)
    assert bounded.certifier.checker.judged(claim, late).answer is Answer.VALID
    claim = of.claim("invariant", "few", "REFUTED")
    sent = [Part(Runs((Trace(first, tuple(steps[:1])),)))]
    assert of.checker.judged(claim, sent).answer is Answer.INVALID  # (it stands before a send)


def _begins(system: TransitionSystem, rule: int) -> bool:
    state = next(naive.initial_states(system))
    return any(r.index == rule for r, _, _ in naive.steps(system, state))


def test_the_room_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "w.wf").write_text(CREDIT)
    folder = tmp_path / "kept"
    spec = load_text(CREDIT, str(tmp_path / "w.wf"))
    certifier = Stated(spec, lower(spec, room=2), str(tmp_path / "w.wf"), folder)
    span = spec.workflows[0].span
    for name in ("two", "one"):
        certifier.one(Result("invariant", name, Proved("test", "so it is"), span))
    certifier.one(Result("deadlock_free", "", Proved("test", "so it is"), span))
    valid = [p for p in certifier.written if _read(folder, p.read_bytes()).answer is Answer.VALID]
    assert len(valid) == 2
    for path in valid:
        c = parse(path.read_bytes())
        assert c.spec["room"] == "2"
        for room in ("1", "3", "02", "+2", "0", "-1", "", "two", "1001", "9" * 40):
            other = write(replace(c, spec={**c.spec, "room": room})).encode()
            if room == "3":
                continue  # (which is enough, too: the evidence may hold)
            assert _read(folder, other).answer is Answer.INVALID, room
        bare = {k: v for k, v in c.spec.items() if k != "room"}
        assert _read(folder, write(replace(c, spec=bare)).encode()).answer is Answer.INVALID
        fewer = tuple(e for e in c.evidence if max(e["goals"], default=0) < 1)
        for kept in (fewer, c.evidence[:1], ({**c.evidence[-1], "goals": [0]},)):
            cut = write(replace(c, evidence=tuple(kept))).encode()
            if kept and kept != c.evidence:
                assert _read(folder, cut).answer is Answer.INVALID


def test_no_room_where_there_is_a_bound(tmp_path: Path) -> None:
    text = CREDIT.replace("0..3\n", "0..3 capacity 2\n")
    (tmp_path / "w.wf").write_text(text)
    spec = load_text(text, str(tmp_path / "w.wf"))
    certifier = Stated(spec, lower(spec), str(tmp_path / "w.wf"), tmp_path / "kept")
    span = spec.workflows[0].span
    certifier.one(Result("invariant", "two", Proved("test", "so it is"), span))
    raw = certifier.written[0].read_bytes()
    assert "room" not in json.loads(raw)["spec"]
    assert _read(tmp_path / "kept", raw).answer is Answer.VALID
    c = parse(raw)
    other = write(replace(c, spec={**c.spec, "room": "2"})).encode()
    assert _read(tmp_path / "kept", other).answer is Answer.INVALID


def _read(folder: Path, raw: bytes) -> Checked:
    path = folder / "other.json"
    path.write_bytes(raw)
    checked = Reader(folder, None, Solvers(second=False)).one(path).checked
    path.unlink()
    return checked


# --- against all that can happen ---------------------------------------------------------------


def text_of(seed: int) -> str:
    r = Random(seed)
    out = [
        "channel a : int 0..1 optional",
        "channel b : int 0..1 optional",
        "shared n: int 0..9 = 0",
    ]
    for p in range(r.choice((2, 2, 3))):
        steps = []
        for k in range(r.randint(1, 3)):
            c = r.choice("ab")
            steps.append(r.choice((f"send 1 to {c}", f"receive x{k} from {c}")))
        body = " ; ".join(steps)
        if r.random() < 0.6:
            body = f"while ({r.choice(('true', 'i < 2'))}) {{ {body} ; {{ i := 1 - i }} }}"
            body = body.replace("i := 1 - i", "i := i + 1") if "i < 2" in body else body
        out.append(f"workflow p{p} {{\n  var i: int 0..2 = 0\n  run {{ {body} }}\n}}")
    out += [f"invariant a{k} : len(a) <= {k}" for k in range(4)]
    out += [f"invariant b{k} : len(a) + len(b) <= {k}" for k in range(1, 4)]
    return "\n".join(out) + "\n"


WHOLE = ("deadlock_free", "terminates", "can_finish", "messages")


def truth(graph: naive.Naive, check: str, name: str) -> bool:
    """Of a system in which no channel is ever full."""
    if check == "invariant":
        (goal,) = [o for o in graph.system.obligations if (o.check, o.name) == (check, name)]
        return graph.broken(goal) is None
    if check == "terminates":
        return not cyclic(graph) and truth(graph, "deadlock_free", "")
    if check == "can_finish":
        return all(graph.can_finish(s) for s in graph.states)
    return not any(graph.dead_threads(s) for s in graph.states)


def full(graph: naive.Naive, system: TransitionSystem) -> bool:
    conds = [c.full for c in system.open_channels if c.full is not None]
    return any(naive.value(e, s) for e in conds for s in graph.states)


def path_to(graph: naive.Naive, ends: set[naive.State]) -> Trace | None:
    start = next(naive.initial_states(graph.system))
    before: dict[naive.State, tuple[naive.State, Step] | None] = {start: None}
    todo = [start]
    for s in todo:
        if s in ends:
            steps: list[Step] = []
            here = before[s]
            while here is not None:
                steps.append(here[1])
                here = before[here[0]]
            return Trace(start, tuple(reversed(steps)))
        for rule, inputs, after in graph.successors[s]:
            if after not in before:
                before[after] = s, Step(rule, inputs)
                todo.append(after)
    return None


@pytest.mark.parametrize("seed", SEEDS)
def test_as_with_any_room(seed: int, tmp_path: Path) -> None:
    """What is valid with some room is so with more; whatever room a forged certificate names."""
    text = text_of(seed)
    spec = load_text(text, "w.wf")
    try:
        wide_system = lower(spec, room=WIDE)
        if not wide_system.open_channels:
            return
        wide = naive.explore(wide_system, STATES)
    except naive.TooBig:
        return
    exact = not full(wide, wide_system)
    for room in (1, 2, 3):
        of = made(text, room, tmp_path)
        graph = naive.explore(of.system, STATES)
        enough = not full(graph, of.system)
        assert exact or not enough
        names = [(o.check, o.name) for o in of.system.obligations if o.check == "invariant"]
        for check, name in [*dict.fromkeys(names), *((c, "") for c in WHOLE)]:
            said = f"seed {seed}, room {room}: {check} {name}\n{text}"
            if of.proved(check, name).answer is Answer.VALID:
                assert enough and truth(wide, check, name), said
            if check == "invariant":
                (goal,) = [o for o in of.system.obligations if o.name == name]
                ends = {s for s in graph.states if not naive.value(goal.cond, s)}
            else:
                ends = {s for s in graph.states if not graph.successors[s]}
            trace = path_to(graph, ends)
            if trace is None:
                continue
            run, refuted = [Part(Runs((trace,)))], of.claim(check, name, "REFUTED")
            room_parts = of.certifier.of_room(refuted, run, Trusted("test", "so it is"))
            for parts in (run, [*run, *room_parts]):
                if of.checker.judged(refuted, parts).answer is Answer.VALID:
                    if check == "invariant":
                        assert not truth(wide, check, name), said
                    else:
                        assert enough and not truth(wide, check, name), said
