"""A claim is as good as the worst of its goals."""

from __future__ import annotations

from itertools import product

import pytest
from wfverify.dsl.errors import NOWHERE
from wfverify.semantics.trace import Step, Trace
from wfverify.verifier.checks.obligations import together
from wfverify.verifier.verdict import Proved, Refuted, Unknown, Verdict

KINDS = (Proved, Unknown, Refuted)  # the better first


def one(kind: type, number: int) -> Verdict:
    if kind is Proved:
        return Proved("search", f"because {number}")
    if kind is Unknown:
        return Unknown("search", f"no time {number}")
    steps = tuple(Step(0, ()) for _ in range(5 - number))
    return Refuted("search", f"broken {number}", Trace((), steps), NOWHERE)


@pytest.mark.parametrize("kinds", [k for n in (1, 2, 3, 4) for k in product(KINDS, repeat=n)])
def test_the_worst_counts(kinds: tuple[type, ...]) -> None:
    verdicts = [one(kind, k) for k, kind in enumerate(kinds)]
    found = together(verdicts)
    assert type(found) is max(kinds, key=KINDS.index)
    if isinstance(found, Refuted):
        # The shortest run: numbers grow as runs get shorter.
        assert found is [v for v in verdicts if isinstance(v, Refuted)][-1]
    if isinstance(found, Proved):
        assert found.how.splitlines() == [v.how for v in verdicts]  # type: ignore[union-attr]
