"""Channels without a bound: what is said of their growth, against all that can happen.

The specs are loops of waits, sends and receives.  `_most` plays them second by second on plain
numbers, without any rule of `semantics`: bounds that are whole seconds and closed lose no order of
steps when time goes on in whole seconds (Henzinger, Manna, Pnueli, 1992: digitization).
"""

from __future__ import annotations

import os
import random

import pytest
from wfverify.dsl import load_text
from wfverify.interpreter import replay, schedule
from wfverify.semantics.lower import lower
from wfverify.semantics.values import evaluate
from wfverify.verifier.growth import fitted
from wfverify.verifier.portfolio import verify
from wfverify.verifier.session import Options
from wfverify.verifier.verdict import Proved, Refuted, Verdict

# A longer campaign: WFVERIFY_SEEDS=0..1000 pytest tests/verifier/test_growth.py
SEEDS = range(*map(int, os.environ.get("WFVERIFY_SEEDS", "0..24").split("..")))
MANY = 14  # messages, of a channel that is said to grow without bound
STATES = 40_000

Step = tuple[
    str, int, int
]  # ("wait", least, most), ("send", channel, value), ("receive", channel, 0)
State = tuple[tuple[tuple[int, int], ...], tuple[int, ...]]


class TooMuch(Exception):
    """Not a small one."""


def _made(seed: int) -> list[list[Step]]:
    rng = random.Random(seed)
    channels = rng.choice((1, 1, 2))
    out: list[list[Step]] = []
    for p in range(rng.choice((2, 2, 3))):
        body: list[Step] = []
        for _ in range(rng.randint(1, 4)):
            kind = rng.choice(("wait", "wait", "send", "receive"))
            if kind == "wait":
                least = rng.randint(0, 3)
                body.append(("wait", least, least + rng.choice((0, 0, 1))))
            else:
                body.append((kind, rng.randrange(channels), rng.randint(1, 2) * (kind == "send")))
        if p == 0 and not any(s[0] == "send" for s in body):
            body.append(("send", 0, 1))
        if p == 1 and not any(s[0] == "receive" for s in body):
            body.append(("receive", 0, 0))
        out.append(body)
    return out


def _text(processes: list[list[Step]]) -> str:
    out = ["channel c0 : int 1..2 optional", "channel c1 : int 1..2 optional"]
    for number, body in enumerate(processes):
        steps = []
        for k, (kind, a, b) in enumerate(body):
            if kind == "wait":
                name = f"nap{k}"
                steps.append(name)
            else:
                steps.append(f"send {b} to c{a}" if kind == "send" else f"receive x{k} from c{a}")
        naps = "".join(
            f"  activity nap{k} {{ takes {a}s..{b}s }}\n"
            for k, (kind, a, b) in enumerate(body)
            if kind == "wait"
        )
        run = " ; ".join(steps)
        out.append(f"workflow p{number} {{\n{naps}  run {{ while (true) {{ {run} }} }}\n}}")
    return "\n".join(out) + "\n"


def _most(processes: list[list[Step]]) -> tuple[list[int], bool]:
    """How many messages can be in each channel (as far as there are fewer than `4 * MANY` in the
    other); whether all can come to wait for a message that nobody sends."""

    def entered(p: int, at: int) -> list[tuple[int, int]]:
        """Where a process is, with how long its wait lasts still: the ways it may go on."""
        kind, a, b = processes[p][at]
        return [(at, d) for d in range(a, b + 1)] if kind == "wait" else [(at, 0)]

    most, stuck = [0, 0], False
    begun: list[tuple[tuple[int, int], ...]] = [()]
    for p in range(len(processes)):
        begun = [(*s, e) for s in begun for e in entered(p, 0)]
    todo: list[State] = [(b, (0, 0)) for b in begun]
    seen = set(todo)
    while todo:
        where, queues = todo.pop()
        most = [max(m, q) for m, q in zip(most, queues, strict=True)]
        if min(most) >= MANY or max(queues) >= 4 * MANY:
            continue
        if len(seen) > STATES:
            raise TooMuch
        after: list[State] = []
        urgent = False
        for p, (at, left) in enumerate(where):
            kind, a, _ = processes[p][at]
            new = list(queues)
            if kind == "wait":
                # (With no time left it must end; others may move before.)
                if left:
                    continue
            elif kind == "send":
                new[a] += 1
            elif queues[a]:
                new[a] -= 1
            else:
                continue
            urgent = True
            for e in entered(p, (at + 1) % len(processes[p])):
                after.append(((*where[:p], e, *where[p + 1 :]), tuple(new)))
        if not urgent:
            waits = [
                left
                for (at, left), body in zip(where, processes, strict=True)
                if body[at][0] == "wait"
            ]
            stuck = stuck or not waits
            if waits:
                after.append((tuple((at, max(0, left - 1)) for at, left in where), queues))
        for s in after:
            if s not in seen:
                seen.add(s)
                todo.append(s)
    return most, stuck


def _asked(text: str) -> tuple[dict[str, Verdict], int, Verdict | None]:
    """What is said of each channel, the room, and what is said of `deadlock_free`."""
    spec = load_text(text, "loops.wf")
    options = Options(timeout=12, only=("deadlock_free",))
    fit = fitted(spec, lower(spec, room=1), options, replay, schedule)
    found = verify(spec, fit.system, options, replay=replay, schedule=schedule, growth=fit.growth)
    return dict(fit.growth), fit.system.room or 0, found[0].verdict


@pytest.mark.parametrize("part", range(4))
def test_growth_is_as_it_is_second_by_second(part: int) -> None:
    decided = compared = 0
    for seed in SEEDS[part::4]:
        processes = _made(seed)
        try:
            most, stuck = _most(processes)
        except TooMuch:
            continue
        compared += 1
        text = _text(processes)
        growth, room, free = _asked(text)
        assert not (stuck and isinstance(free, Proved)), f"seed {seed}: {free}\n{text}"
        for name, verdict in growth.items():
            real = most[int(name[1])]
            said = f"seed {seed}: {name} has {real}, {verdict}\n{text}"
            if isinstance(verdict, Proved):
                assert real <= room, said
            elif isinstance(verdict, Refuted):
                assert real >= MANY or max(most) >= 4 * MANY, said
            else:
                continue
            decided += 1
    print(f"{decided} decided of {compared} specs")
    assert compared and decided >= compared / 2


def test_no_run_that_is_shown_waits_for_room() -> None:
    """The sender's loop takes no time, so with some room, but only so, time passes at last."""
    text = """
channel ticks : int
workflow clock { var i: int = 0  run { while (true) { send i to ticks ; i := i + 1 } } }
workflow hand { run { while (true) { receive t from ticks ; wait 2s } } }
"""
    spec = load_text(text, "ticks.wf")
    options = Options(timeout=8, only=("messages", "terminates", "race_free"))
    fit = fitted(spec, lower(spec, room=1), options, replay, schedule)
    assert isinstance(fit.growth["ticks"], Refuted)
    found = verify(spec, fit.system, options, replay=replay, schedule=schedule, growth=fit.growth)
    full = fit.system.channels[0].full
    assert full is not None
    refuted = [r.verdict for r in found if isinstance(r.verdict, Refuted)]
    assert refuted
    for verdict in refuted:
        states = replay(fit.system, verdict.trace).states
        assert not any(evaluate(full, s) for s in states), verdict
    # However many messages there are, nobody else writes `i`.
    assert {r.check for r in found if isinstance(r.verdict, Proved)} == {"race_free"}
