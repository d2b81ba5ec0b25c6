"""Effects that may be had unseen: all ends of a small spec, against a count of them by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator

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
