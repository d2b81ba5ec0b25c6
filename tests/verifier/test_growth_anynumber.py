"""Channels without a capacity beside any number of instances: whether they grow, against all states
of systems with 1, 2, .. of them."""

from __future__ import annotations

import random

import naive
import pytest
from oracle import reading
from wfverify.dsl import load_text
from wfverify.interpreter import replay, schedule
from wfverify.semantics.lower import lower
from wfverify.verifier.growth import fitted
from wfverify.verifier.session import Options
from wfverify.verifier.verdict import Proved, Refuted, Verdict

SERVER = """
workflow server {
  run { while (true) { receive j from jobs ; BODY } }
}
"""
ACKED = "channel jobs : int 0..1 optional\nchannel acks : bool optional\n"


def _growth(text: str, timeout: float = 30) -> dict[str, Verdict]:
    spec = load_text(text, "w.wf")
    fit = fitted(spec, lower(spec, room=1), Options(timeout=timeout), replay, schedule)
    return dict(fit.growth)


def _fills(text: str, instances: int, room: int) -> bool | None:
    """Whether a channel without a bound can hold more than so many; None: too many states."""
    system = lower(load_text(text, "w.wf"), (instances, instances), room=room)
    try:
        graph = naive.explore(system, 3000)
    except naive.TooBig:
        return None
    full = [reading(c.full, {}) for c in system.open_channels if c.full is not None]
    return any(f(s, (), ()) for s in graph.states for f in full)


def _spec(client: str, server: str, tail: str = "") -> str:
    text = ACKED + f"workflow client {{\n  run {{ {client} }}\n}}\n"
    return text + SERVER.replace("BODY", server) + f"system {{ client[*]  server }}\n{tail}"


@pytest.mark.parametrize(
    ("client", "server", "most", "kind"),
    [
        # One job of each is out at a time.
        ("while (true) { send 1 to jobs ; receive a from acks }", "send true to acks", 1, Proved),
        # What is passed on is no more than what came.
        ("send 1 to jobs", "send true to acks", 1, Proved),
        ("send 1 to jobs ; send 0 to jobs", "send true to acks", 2, Proved),
        # One more than what is acknowledged, in each round.
        ("while (true) { send 1 to jobs }", "send true to acks", 0, Refuted),
        (
            "while (true) { send 1 to jobs ; send 0 to jobs ; receive a from acks }",
            "send true to acks",
            0,
            Refuted,
        ),
    ],
)
def test_growth_beside_any_number(client: str, server: str, most: int, kind: type[Verdict]) -> None:
    text = _spec(client, server)
    found = _growth(text)
    assert found
    if kind is Refuted:
        assert any(isinstance(v, Refuted) for v in found.values()), found
        assert _fills(text, 1, 6)
        return
    assert all(isinstance(v, Proved) for v in found.values()), found
    for n in (1, 2, 3):
        assert _fills(text, n, most * n + 1) is not True


def test_what_is_proved_of_random_clients_is_true() -> None:
    """Rounds of sends and acknowledgements, as many or not."""
    proved = refuted = 0
    for seed in range(12):
        rng = random.Random(seed)
        steps = [rng.choice(("send 1 to jobs", "receive aK from acks")) for _ in range(3)]
        client = " ; ".join(s.replace("K", str(k)) for k, s in enumerate(steps))
        client = f"while (true) {{ {client} }}" if rng.random() < 0.7 else client
        answers = rng.choice((1, 1, 2))
        text = _spec(client, " ; ".join(["send true to acks"] * answers))
        for name, verdict in _growth(text, 16).items():
            if isinstance(verdict, Proved):
                proved += 1
                for n in (1, 2, 3):  # (bounds that are asked for are at most two of each, and two)
                    assert _fills(text, n, 2 * n + 3) is not True, (
                        f"{seed} {name}: {verdict}\n{text}"
                    )
            elif isinstance(verdict, Refuted):
                refuted += 1
                assert any(_fills(text, n, 7) is not False for n in (1, 2, 3)), f"{seed}\n{text}"
    assert proved and refuted
