"""What is shown of the state at the end of a run."""

from __future__ import annotations

from wfverify.dsl import load_text
from wfverify.report.runs import view
from wfverify.semantics.lower import lower
from wfverify.semantics.trace import Step, Trace
from wfverify.semantics.values import initial_state

SPEC = """
enum K {{ a, b }}
channel c : K capacity 3 {ttl}
workflow w {{ run {{ send b to c ; send b to c ; receive x from c }} }}
"""


def test_of_a_channel_only_what_is_in_it() -> None:
    """Nor which of its messages is the oldest: that is how a queue is kept."""
    for ttl in ("", "ttl 5s"):
        system = lower(load_text(SPEC.format(ttl=ttl), "s.wf"))
        sends = [r.index for r in system.rules if r.name.startswith("send to c")]
        trace = Trace(initial_state(system, {}), tuple(Step(i, ()) for i in sends[:2]))
        names = [v.name for v in view(system, trace).end]
        assert names == ["len(c)", "c[0]", "c[1]"]
        assert not any("turn" in c.name for s in view(system, trace).steps for c in s.changes)
