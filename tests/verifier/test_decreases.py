"""A `decreases` that does not fall is said, also where the loop ends for another reason."""

from __future__ import annotations

import pytest
from wfverify.dsl import load_text
from wfverify.interpreter import replay, schedule
from wfverify.semantics.lower import lower
from wfverify.verifier.portfolio import verify
from wfverify.verifier.session import Options
from wfverify.verifier.verdict import Proved, Result, Unknown


def results(loop: str) -> list[Result]:
    text = (
        "workflow w(n: int, m: int) {\n  var i: int = 0\n  var go: bool = true\n"
        "  activity a { takes 1s..2s }\n  activity ask -> bool { takes 1s..1s }\n"
        f"  run {{ {loop} }}\n}}\n"
    )
    spec = load_text(text, "w.wf")
    options = Options(only=("terminates",), timeout=20)
    return verify(spec, lower(spec), options, replay=replay, schedule=schedule)


@pytest.mark.parametrize(
    "loop",
    [
        "while (i < n) decreases n - i { a ; i := i + 1 }",
        "while (i < n) decreases 2 * n - 2 * i { i := i + 2 ; a ; i := i - 1 }",
        "while (i < n) at_most 5 decreases n - i { a ; i := i + 1 }",
        "i := n ; while (i > 0) decreases i { a ; i := i - 2 }",
    ],
)
def test_a_measure_that_falls_goes_without_a_word(loop: str) -> None:
    (result,) = results(loop)
    assert isinstance(result.verdict, Proved)


@pytest.mark.parametrize(
    ("loop", "says"),
    [
        ("while (i < n) decreases n { a ; i := i + 1 }", "never falls: nothing changes it"),
        ("while (i < n) decreases 7 { a ; i := i + 1 }", "never falls: nothing changes it"),
        ("while (i < n) decreases i { a ; i := i + 1 }", "it was not shown that"),
        ("while (i < n) at_most 5 decreases i { a ; i := i + 1 }", "it was not shown that"),
    ],
)
def test_a_measure_that_does_not_fall_is_a_warning(loop: str, says: str) -> None:
    ends, measure = results(loop)
    assert isinstance(ends.verdict, Proved)
    assert isinstance(measure.verdict, Unknown)
    assert says in measure.verdict.why
    assert "w.wf:6:9" in measure.verdict.why
    assert measure.warning
    assert (measure.span.line, measure.span.col) == (6, 9)


def test_where_nothing_proves_the_loop_both_are_said() -> None:
    ends, measure = results(
        "while (i * i < n and go) decreases m { i := i + 1 - i / 2 ; go <- ask() }"
    )
    assert not isinstance(ends.verdict, Proved)
    assert isinstance(measure.verdict, Unknown)
