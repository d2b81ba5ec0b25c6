"""Forms that lowering does not take are named at their own place."""

from __future__ import annotations

import pytest
from wfverify.dsl import load_text
from wfverify.dsl.errors import Rejected
from wfverify.semantics.lower import lower

BEFORE = "workflow v { activity a { takes 1s..2s } run { a } }\n"


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("workflow w { var d: duration = 0s  run { d := now } }", 47),
        ("workflow w { run { skip }  ensures now >= 0s }", 36),
    ],
)
def test_now_is_named_where_it_stands(line: str, column: int) -> None:
    with pytest.raises(Rejected) as found:
        lower(load_text(BEFORE + line, "w.wf"))
    (d,) = found.value.diagnostics
    assert (d.code, d.message) == ("E0900", "not supported yet: now")
    assert str(d.span) == f"w.wf:2:{column}"
    assert line[d.span.col - 1 :].startswith("now")
