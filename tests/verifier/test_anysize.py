"""Of a given number of instances what is proved of any number is true: by naive exploration.

A longer campaign: WFVERIFY_SIZES=0..2000 pytest tests/verifier/test_anysize.py.
"""

from __future__ import annotations

import os
from collections import Counter

import endlessgen
import naive
from comparisons import LASTING, lasting_wrong
from wfverify.dsl import load_text
from wfverify.dsl.errors import Rejected
from wfverify.interpreter import replay, schedule, simulator
from wfverify.semantics.lower import lower
from wfverify.verifier.checks.anysize import AnySize
from wfverify.verifier.session import Options, Session

SIZES = range(*map(int, os.environ.get("WFVERIFY_SIZES", "0..30").split("..")))


def session_of(text: str, timeout: float) -> Session:
    spec = load_text(text, "w.wf")
    session = Session(lower(spec, room=1), Options(timeout=timeout), replay, schedule, simulator)
    session.spec = spec
    return session


def test_what_is_proved_for_seeds_is_true() -> None:
    counts: Counter[str] = Counter()
    for seed in SIZES:
        text = endlessgen.from_seed(seed).replace("[*]", "[2]")
        if "arrive" in text or "scheduler fifo" in text:
            continue  # (who stands in one line is granted at last: the oracle does not know of it)
        try:
            session = session_of(text, 6)
            wrong = set(lasting_wrong(naive.explore(session.system, 3_000)))
        except (naive.TooBig, Rejected):
            continue
        size = AnySize(session)
        found = {"starvation_free": size.found(lambda a: a.whole("starvation_free", {}))}
        for name in dict.fromkeys(g.name for g in session.system.liveness):
            found[name] = size.found(lambda a, name=name: a.comes(name, {}))  # type: ignore[misc]
        for name, verdict in found.items():
            counts[f"{name in LASTING} {verdict is not None}"] += 1
            assert verdict is None or name not in wrong, (seed, name, text)
    assert counts["True True"] and counts["False True"], counts


SPEC = """
resource r : pool(1)
workflow w(n: int 0..1) {{
  var x: int = 0
  activity a {{ uses r 1  takes 1s..2s }}
  run {{ while (true) {{ a ; x := 1 - x }} }}
  property p : eventually x == 1
}}
system {{ {} }}
"""


def test_where_there_is_another_proof() -> None:
    for instances, is_found in (("w[3]", False), ("w[3]  scheduler fair", True), ("w", False)):
        size = AnySize(session_of(SPEC.format(instances), 20))
        assert (size.found(lambda a: a.comes("p", {})) is not None) is is_found, instances
