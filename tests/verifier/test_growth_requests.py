"""Channels of requests without a bound: whether they grow, against all that can happen.

Clients ask again and again, some of them for so long only; who gives up leaves a request behind.
`_most` plays them second by second on plain numbers, without any rule of `semantics` (whole seconds
lose no order of steps: Henzinger, Manna, Pnueli, 1992).
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from wfverify.dsl import load_text
from wfverify.interpreter import replay, schedule
from wfverify.semantics.lower import lower
from wfverify.verifier.growth import fitted
from wfverify.verifier.queued import Queue, left_by_round
from wfverify.verifier.session import Options
from wfverify.verifier.verdict import Proved, Refuted

# A longer campaign: WFVERIFY_SEEDS=0..400 pytest tests/verifier/test_growth_requests.py
SEEDS = range(*map(int, os.environ.get("WFVERIFY_SEEDS", "0..10").split("..")))
MANY = 16
STATES = 60_000


@dataclass(frozen=True)
class Client:
    """`patience`: for how long it waits for an answer; None: for ever."""

    least: int
    most: int
    patience: int | None

    def text(self, number: int) -> str:
        asks = "x <- request(1) to ask"
        if self.patience is not None:
            asks = f"try {{ {asks} within {self.patience}s }} catch * {{ skip }}"
        return (
            f"workflow c{number} {{\n  var x: bool = false\n"
            f"  activity nap {{ takes {self.least}s..{self.most}s }}\n"
            f"  run {{ while (true) {{ nap ; {asks} }} }}\n}}\n"
        )


@dataclass(frozen=True)
class World:
    """Of each client: ("nap", left), ("ask",), ("wait", left, answered); of the server: ("nap",
    left, asker), ("receive",), ("answer", asker)."""

    clients: tuple[tuple[object, ...], ...]
    server: tuple[object, ...]
    queue: tuple[int, ...] = ()  # who asked; 0: nobody waits for an answer to it


def _moves(clients: list[Client], work: tuple[int, int], w: World) -> Iterator[World]:
    def with_(k: int, state: tuple[object, ...], w: World = w) -> World:
        return replace(w, clients=(*w.clients[:k], state, *w.clients[k + 1 :]))

    for k, (c, at) in enumerate(zip(clients, w.clients, strict=True)):
        naps = [("nap", d) for d in range(c.least, c.most + 1)]
        match at:
            case ("nap", 0):
                yield with_(k, ("ask",))
            case ("ask",):
                gone = tuple(0 if a == k + 1 else a for a in w.queue)
                server = tuple(
                    0
                    if n and a == k + 1 and w.server[0] != "receive" and n == len(w.server) - 1
                    else a
                    for n, a in enumerate(w.server)
                )
                yield replace(
                    with_(k, ("wait", c.patience, False)), queue=(*gone, k + 1), server=server
                )
            case ("wait", left, answered):
                if answered:
                    yield from (with_(k, nap) for nap in naps)
                if left == 0:
                    yield from (with_(k, nap) for nap in naps)
    match w.server:
        case ("nap", 0, asker):
            yield replace(w, server=("answer", asker))
        case ("receive",) if w.queue:
            for d in range(work[0], work[1] + 1):
                yield replace(w, server=("nap", d, w.queue[0]), queue=w.queue[1:])
        case ("answer", asker):
            after = replace(w, server=("receive",))
            at = w.clients[int(asker) - 1] if asker else ()  # type: ignore[call-overload]
            if at and at[0] == "wait" and not at[2]:
                after = with_(int(asker) - 1, ("wait", at[1], True), after)  # type: ignore[call-overload]
            yield after


def _later(w: World) -> World:
    def less(state: tuple[object, ...]) -> tuple[object, ...]:
        if state[0] in ("nap", "wait") and isinstance(state[1], int):
            return (state[0], state[1] - 1, *state[2:])
        return state

    return replace(w, clients=tuple(map(less, w.clients)), server=less(w.server))


def _most(clients: list[Client], work: tuple[int, int]) -> int | None:
    """The most requests in the channel, MANY if there can be more; None: too many states."""
    todo = [World((), ("receive",))]
    for c in clients:
        todo = [
            replace(w, clients=(*w.clients, ("nap", d)))
            for w in todo
            for d in range(c.least, c.most + 1)
        ]
    seen, most = set(todo), 0
    while todo:
        w = todo.pop()
        most = max(most, len(w.queue))
        if most >= MANY:
            return MANY
        if len(seen) > STATES:
            return None
        for after in list(_moves(clients, work, w)) or [_later(w)]:
            if after not in seen:
                seen.add(after)
                todo.append(after)
    return most


def _made(seed: int) -> tuple[list[Client], tuple[int, int]]:
    rng = random.Random(seed)
    clients = []
    for _ in range(rng.choice((1, 1, 2))):
        least = rng.randint(0, 3)
        patience = rng.choice((None, 1, 1, 2, 3))
        clients.append(Client(max(least, 1), max(least, 1) + rng.choice((0, 0, 1)), patience))
    least = rng.randint(0, 5)
    return clients, (least, least + rng.choice((0, 0, 1)))


@pytest.mark.parametrize("part", range(2))
def test_requests_grow_as_they_do_second_by_second(part: int) -> None:
    decided = compared = refuted = 0
    for seed in SEEDS[part::2]:
        clients, work = _made(seed)
        real = _most(clients, work)
        if real is None:
            continue
        compared += 1
        text = "channel ask : int -> bool optional\n"
        text += "".join(c.text(k) for k, c in enumerate(clients))
        text += (
            f"workflow s {{\n  activity work {{ takes {work[0]}s..{work[1]}s }}\n"
            "  run { while (true) { receive q from ask ; work ; send true to q } }\n}\n"
        )
        spec = load_text(text, "asked.wf")
        options = Options(timeout=16)
        fit = fitted(spec, lower(spec, room=1), options, replay, schedule)
        said = f"seed {seed}: {real}, {fit.growth}\n{text}"
        if not fit.growth:  # the text bounds them
            assert real <= len(clients), said
            decided += 1
            continue
        verdict = fit.growth["ask"]
        if isinstance(verdict, Proved):
            assert real <= (fit.system.room or 0), said
        elif isinstance(verdict, Refuted):
            assert real >= MANY, said
            refuted += 1
        decided += isinstance(verdict, Proved | Refuted)
    print(f"{decided} decided of {compared} specs, {refuted} grow")
    assert compared and decided >= compared / 2


FIFO, ANY, FITTING = Queue(True, False), Queue(False, False), Queue(False, True)


@pytest.mark.parametrize(
    ("queue", "words", "left"),
    [
        (FIFO, ["", "a", "ab", "b"], None),  # next time it is b that is there to be taken
        (FIFO, ["", "a", "aa", "a"], 1),
        (FIFO, ["a", "ab", "b", "ba"], None),  # next time it is b that is taken
        (FIFO, ["a", "aa", "aaa", "aa"], 1),
        (FIFO, ["b", "ba", "baa", "aa"], None),
        (ANY, ["b", "ba", "baa", "ba"], 1),
        (ANY, ["b", "ba", "baa", "aa"], None),
        (FITTING, ["a", "aa", "aaa", "aa"], 1),
        (FITTING, ["b", "ba", "baa", "ba"], None),
        (FIFO, ["", "a", ""], 0),
        (FIFO, ["a", ""], None),
    ],
)
def test_a_round_is_taken_again_only_with_the_same_messages(
    queue: Queue, words: list[str], left: int | None
) -> None:
    assert left_by_round([[(x, 0) for x in w] for w in words], queue) == left


def test_who_asks_anew_crosses_out_what_was_asked() -> None:
    asked = [[("q", 1)], [("q", 0), ("q", 1)]]
    assert left_by_round(asked, FIFO) == 1
    kept = [[("q", 1)], [("q", 1), ("q", 1)]]
    assert left_by_round(kept, FIFO) is None
    # What is taken out in the first round has a number, and has lost it in the next one.
    answered = [[("q", 1)], [], [("q", 1)], [("q", 0), ("q", 1)]]
    assert left_by_round(answered, FIFO) is None
    waited = [
        [("q", 0), ("q", 1)],
        [("q", 1)],
        [("q", 0), ("q", 1)],
        [("q", 0), ("q", 0), ("q", 1)],
    ]
    assert left_by_round(waited, FIFO) == 1
