"""Whatever is claimed, in lists of several claims as well: never more is held than there is."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest
from lowered import run

LIMIT = 4_000
Claim = tuple[str, str]  # a resource, and an amount or the kind of a borrow


def claims(r: Random) -> list[Claim]:
    """Of a pool also twice; a lock is borrowed once.  Each list fits by itself."""
    out: list[Claim] = []
    for pool, room in (("p", 3), ("q", 2)):
        amounts = [r.randint(1, 2) for _ in range(r.randint(0, 2))]
        if sum(amounts) <= room:
            out += [(pool, str(amount)) for amount in amounts]
    if not out or r.random() < 0.5:
        out.append(("k", r.choice(["shared", "exclusive"])))
    r.shuffle(out)
    return out


def text(some: Sequence[Claim]) -> str:
    return ", ".join(f"{resource} {how}" for resource, how in some)


def spec(r: Random) -> str:
    """Branches that claim for a block, for an activity, or for both."""
    activities, parts = [], []
    for i in range(3):
        uses = f"uses {text(claims(r))} " if r.random() < 0.7 else ""
        activities.append(f"activity a{i} {{ {uses}do {{ x := x + 1 }} }}")
        inner = f"a{i} ; a{i}" if r.random() < 0.3 else f"a{i}"
        parts.append(f"using ({text(claims(r))}) {{ {inner} }}" if r.random() < 0.6 else inner)
    return f"""
resource p : pool(3)
resource q : pool(2)
resource k : lock
workflow w {{
  var x: int = 0
  {" ".join(activities)}
  run {{ {" || ".join(parts)} }}
}}
system {{ w }}
"""


@pytest.mark.parametrize("first", range(0, 60, 20))
def test_no_more_is_held_than_there_is(first: int) -> None:
    for seed in range(first, first + 20):
        # `lowered` asks in every state whether what is held fits.
        run(spec(Random(seed)), LIMIT)


@pytest.mark.parametrize("order", ["p 1, p 2", "p 2, p 1"])
def test_two_claims_of_one_pool_are_one_of_their_sum(order: str) -> None:
    head = "resource p : pool(3) workflow w { var x: int = 0 "
    one = "activity a { do { x := x + 1 } }"
    both = f"activity b {{ uses {order} do {{ x := x + 1 }} }}"
    term = f"using ({order}) {{ a }} || using (p 1) {{ a }} || b"
    graph = run(f"{head} {one} {both} run {{ {term} }} }} system {{ w }}")
    assert graph.outcomes("x") == {("completed", "3")}


@pytest.mark.parametrize("claimed", range(-2, 3))
@pytest.mark.parametrize("how", ["using (p n) { a }", "b", "c(n)"])
def test_a_negative_claim_is_complained_of_and_no_other(claimed: int, how: str) -> None:
    source = f"""
resource p : pool(3)
workflow w {{
  var n: int = {claimed}
  activity a {{ }}
  activity b {{ uses p n }}
  activity c(m: int) {{ uses p m }}
  run {{ {how} }}
}}
system {{ w }}
"""
    assert run(source).broken_goals("contracts") == ["a claim is negative"] * (claimed < 0)
