"""A `decreases` that does not fall is said, also where the loop ends for another reason."""

from __future__ import annotations

import pytest
from wfverify.dsl import load_text
from wfverify.interpreter import replay, schedule
from wfverify.semantics.lower import lower
from wfverify.verifier.portfolio import verify
from wfverify.verifier.session import Options
from wfverify.verifier.verdict import Proved, Unknown, Verdict


def terminates(loop: str) -> Verdict | None:
    text = (
        "workflow w(n: int, m: int) {\n  var i: int = 0\n  var go: bool = true\n"
        "  activity a { takes 1s..2s }\n  activity ask -> bool { takes 1s..1s }\n"
        f"  run {{ {loop} }}\n}}\n"
    )
    spec = load_text(text, "w.wf")
    options = Options(only=("terminates",), timeout=20)
    (result,) = verify(spec, lower(spec), options, replay=replay, schedule=schedule)
    return result.verdict


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
    verdict = terminates(loop)
    assert isinstance(verdict, Proved)
    assert not verdict.warning


@pytest.mark.parametrize(
    ("loop", "says"),
    [
        ("while (i < n) decreases n { a ; i := i + 1 }", "never falls: nothing changes it"),
        ("while (i < n) decreases 7 { a ; i := i + 1 }", "never falls: nothing changes it"),
        ("while (i < n) decreases i { a ; i := i + 1 }", "not shown to fall"),
        ("while (i < n) at_most 5 decreases i { a ; i := i + 1 }", "not shown to fall"),
    ],
)
def test_a_measure_that_does_not_fall_is_a_warning(loop: str, says: str) -> None:
    verdict = terminates(loop)
    assert isinstance(verdict, Proved)
    assert says in verdict.warning
    assert "w.wf:6:9" in verdict.warning


def test_where_nothing_proves_the_loop_both_are_said() -> None:
    verdict = terminates(
        "while (i * i < n and go) decreases m { i := i + 1 - i / 2 ; go <- ask() }"
    )
    assert not isinstance(verdict, Proved)
    if isinstance(verdict, Unknown):
        assert "never falls" in verdict.why
