"""Rules that are said to be taken by no run, against all states of random systems."""

from __future__ import annotations

import naive
import pytest
from random_systems import random_system
from wfverify.dsl import load_text
from wfverify.semantics.lower import lower
from wfverify.verifier.engines.unreached import taken


@pytest.mark.parametrize("seed", range(60))
def test_what_is_taken_may_be_taken(seed: int) -> None:
    system = random_system(seed, wide=seed % 2 == 0)
    try:
        graph = naive.explore(system, 2500)
    except naive.TooBig:
        pytest.skip("too big for the oracle")
    assert graph.fires() <= taken(system)


def test_a_saga_in_which_nothing_fails_is_not_undone() -> None:
    text = """
    error Bad permanent
    workflow w fails Bad {{
      activity look {{ {} }}
      activity write {{ undo erase }}
      activity erase {{ }}
      run {{ look ; saga {{ write ; {} }} }}
    }}
    """
    for body, undone in ((("fails Bad", "skip"), False), (("", "fail Bad"), True)):
        system = lower(load_text(text.format(*body), "w.wf"))
        erase = {r.index for r in system.rules if "erase" in r.name}
        assert erase and erase.isdisjoint(taken(system)) is not undone
