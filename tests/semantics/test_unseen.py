"""Effects that may be had unseen: all ends of a small spec, against a count of them by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import permutations

import pytest
from lowered import Lowered
from wfverify.dsl import load_text
from wfverify.semantics.lower import lower

Contract = Callable[[int, int, int], bool]  # x before, x after, result
CONTRACTS: dict[str, Contract] = {
    "x >= old(x) and x <= old(x) + result": lambda b, a, r: b <= a <= b + r,
    "x == result": lambda b, a, r: a == r,
    "(x == old(x) + 1 and result == 0) or (x == 0 and result == 1)": lambda b, a, r: (
        (a == b + 1 and r == 0) or (a == 0 and r == 1)
    ),
}
VALUES, RESULTS = range(3), range(2)


def _text(contract: str, more: str, crash: bool) -> str:
    fault = "system { w  faults crash w at_most 1 }" if crash else ""
    return (
        "store x: int 0..2 = 0\n"
        "workflow w fails Timeout {\n  var got: int 0..1 = 0\n"
        f"  activity a() -> int 0..1 {{ takes 1s..3s  {more}  writes x  ensures {contract} }}\n"
        f"  run {{ got <- a() }}\n}}\n{fault}\n"
    )


def _attempts(allowed: Contract, left: int, keyed: bool) -> Iterator[tuple[str, int, int]]:
    """Ends of at most `left` attempts that time out, each of which may have had its effect."""
    todo: set[tuple[int, int, int | None]] = {(0, left, None)}  # x, attempts, what the key brought
    seen: set[tuple[int, int, int | None]] = set()
    while todo:
        x, more, known = todo.pop()
        if (x, more, known) in seen:
            continue
        seen.add((x, more, known))
        if keyed and known is not None:
            had = [(x, known)]
        else:
            had = [(a, r) for a in VALUES for r in RESULTS if allowed(x, a, r)]
        yield from (("completed", a, r) for a, r in had)
        for a, r in [*((a, r) for a, r in had), (x, known)]:
            if more == 1:
                yield "Timeout", a, 0
            else:
                todo.add((a, more - 1, r if keyed else None))


@pytest.mark.parametrize("contract", CONTRACTS)
@pytest.mark.parametrize("keyed", [False, True])
def test_of_attempts_that_time_out(contract: str, keyed: bool) -> None:
    more = "at_least_once  timeout 2s  retry 1 on Timeout" + ("  idempotent by 7" if keyed else "")
    ends = Lowered(lower(load_text(_text(contract, more, False), "s.wf"))).outcomes("x", "got")
    known = {(s, str(a), str(r)) for s, a, r in _attempts(CONTRACTS[contract], 2, keyed)}
    assert ends == known


@pytest.mark.parametrize("contract", CONTRACTS)
def test_of_an_attempt_that_a_crash_cuts_off(contract: str) -> None:
    ends = Lowered(lower(load_text(_text(contract, "", True), "s.wf"))).outcomes("x", "got")
    once = {(s, a, r) for s, a, r in _attempts(CONTRACTS[contract], 2, False) if s == "completed"}
    assert ends == {(s, str(a), str(r)) for s, a, r in once}


@pytest.mark.parametrize(("lo", "hi"), [(-3, -2), (-1, 1), (2, 3)])
def test_answers_of_any_range(lo: int, hi: int) -> None:
    text = (
        f"store x: int {lo}..{hi} = {lo}\nworkflow w fails Timeout {{\n"
        f"  activity a() -> int {lo}..{hi} {{ at_least_once  takes 1s..3s  timeout 2s"
        f"  writes x  ensures x == result }}\n  run {{ a }}\n}}\n"
    )
    ends = Lowered(lower(load_text(text, "s.wf"))).outcomes("x")
    some = {str(k) for k in range(lo, hi + 1)}
    assert ends == {(s, x) for s in ("completed", "Timeout") for x in some}


EFFECTS: dict[str, Callable[[int], int]] = {
    "x * 2": lambda x: x * 2,
    "1": lambda x: 1,
    "x + 3": lambda x: x + 3,
}
HEAD = "error E permanent\nshared x: int = 1\nworkflow w fails Timeout {\n"


def _branches() -> tuple[str, str]:
    """Activities that change x, and a term in which they run side by side."""
    clause = "at_least_once  takes 2s..3s  do { x := "
    made = [f"  activity a{k} {{ {clause}{e} }} }}" for k, e in enumerate(EFFECTS)]
    return "\n".join(made), " || ".join(f"a{k}" for k in range(len(EFFECTS)))


def _in_any_order(some: int) -> set[str]:
    """What x may be after any of the effects that are had, at least `some`, in any order."""
    out: set[str] = set()
    for n in range(some, len(EFFECTS) + 1):
        for order in permutations(EFFECTS.values(), n):
            x = 1
            for f in order:
                x = f(x)
            out.add(str(x))
    return out


def test_effects_that_are_cut_off_together_come_in_any_order() -> None:
    activities, term = _branches()
    body = f"try {{ {term} || bad }} catch E {{ skip }}"
    text = f"{HEAD}{activities}\n  activity bad {{ takes 1s fails E }}\n  run {{ {body} }}\n}}\n"
    system = lower(load_text(text, "s.wf"))
    ends = Lowered(system, 60_000).outcomes("x")
    # (In the untimed view each of them may also complete before.)
    assert ends == {("completed", x) for x in _in_any_order(0)}


def test_the_effect_of_the_attempt_that_ends_the_others_has_its_turn_too() -> None:
    activities, term = _branches()
    text = f"{HEAD}{activities}\n  run {{ within 1s {{ {term} }} else {{ skip }} }}\n}}\n"
    text = text.replace("takes 2s..3s", "takes 2s..3s  timeout 2s", 1)
    ends = Lowered(lower(load_text(text, "s.wf")), 60_000).outcomes("x")
    assert {x for s, x in ends if s == "Timeout"} == _in_any_order(0)
    assert {x for s, x in ends if s == "completed"} == _in_any_order(0)


def test_a_crash_cuts_off_what_a_called_workflow_does() -> None:
    text = (
        "store x: int 0..2 = 0\n"
        "workflow v { activity a { takes 1s  writes x  ensures x == old(x) + 1 } run { a } }\n"
        "workflow w { run { v } }\nsystem { w  faults crash w at_most 1 }\n"
    )
    ends = Lowered(lower(load_text(text, "s.wf"))).outcomes("x")
    assert ends == {("completed", "1"), ("completed", "2")}
