"""Exit status, excerpts, values, pictures, explanations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from samples import BOTH, BROKEN, FINE, OPEN, OVERUSE, REFUSED, SKIPPED, STATUS
from wfverify.dsl.errors import Diagnostic, Span
from wfverify.dsl.rendering import excerpt
from wfverify.dsl.types import Duration, Int, Real, Str
from wfverify.report import explain
from wfverify.report.lanes import picture
from wfverify.report.outcome import Exit, Report, exit_status, tally
from wfverify.report.runs import view
from wfverify.report.source import complaint
from wfverify.report.values import to_plain
from wfverify.semantics.system import TransitionSystem
from wfverify.verifier.verdict import Result

Make = Callable[..., Report]
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("results", "status"),
    [
        ((), Exit.PROVED),
        ((FINE, SKIPPED), Exit.PROVED),
        ((FINE, OVERUSE), Exit.REFUTED),
        ((OPEN, FINE), Exit.UNKNOWN),
        ((OPEN, OVERUSE), Exit.REFUTED),
        ((replace(OVERUSE, warning=True), FINE), Exit.PROVED),
        ((replace(OPEN, warning=True),), Exit.PROVED),
        ((replace(OVERUSE, expected=True),), Exit.PROVED),
        ((replace(OVERUSE, expected=True, warning=True),), Exit.PROVED),
        ((replace(FINE, expected=True),), Exit.REFUTED),
        ((replace(FINE, expected=True, warning=True),), Exit.REFUTED),
        ((replace(OPEN, expected=True),), Exit.UNKNOWN),
    ],
)
def test_exit_status(make: Make, results: tuple[Result, ...], status: Exit) -> None:
    assert exit_status(make(*results)) is status


def test_exit_status_of_a_wrong_call(make: Make) -> None:
    assert exit_status(make(OVERUSE, unmatched=("x",))) is Exit.USAGE
    assert exit_status(make(diagnostics=(REFUSED,))) is Exit.USAGE
    assert exit_status(make(OVERUSE, interrupted=True)) is Exit.INTERRUPTED


def test_tally() -> None:
    count = tally((FINE, OVERUSE, OPEN, SKIPPED, replace(BROKEN, warning=True)))
    assert (count.proved, count.refuted, count.unknown, count.skipped, count.warnings) == (
        1, 1, 1, 1, 1,
    )  # fmt: skip


def test_excerpt_of_tabs_wide_characters_and_several_lines() -> None:
    assert excerpt("\tx := 1\n", Span("", 1, 2, 1, 3)) == ("1 |     x := 1", "  |     ^")
    assert excerpt("価格 := 1", Span("", 1, 4, 1, 6))[1] == "  |      ^^"
    source = "\n".join(f"line {n}" for n in range(1, 20))
    assert excerpt(source, Span("", 9, 6, 15, 2)) == (
        " 9 | line 9",
        "   |      ^",
        "10 | line 10",
        "11 | line 11",
        "   | ..",
    )
    assert excerpt("", Span("", 1, 1, 1, 1))[1:] == ("  | ^",)
    assert excerpt("a", Span("", 7, 1, 7, 2)) == ()
    assert excerpt("a", Span("", 0, 0, 0, 0)) == ()


def test_a_complaint_without_text_is_one_line() -> None:
    missing = Diagnostic("E0001", Span("x.wf", 1, 1, 1, 1), "cannot read `x.wf`: no such file")
    assert complaint(missing, "") == "wfverify: cannot read `x.wf`: no such file"
    empty = Diagnostic("E0110", Span("x.wf", 1, 1, 1, 1), "nothing here", "write a workflow")
    assert complaint(empty, "\n") == "x.wf:1:1: error[E0110]: nothing here; write a workflow"


def test_plain_values() -> None:
    assert to_plain(1, STATUS) == "booked"
    assert to_plain(True, Int()) is True
    assert to_plain(7, Int()) == 7
    assert to_plain(Fraction(1, 4), Real()) == "0.25"
    assert to_plain(Fraction(1, 3), Real()) == "1/3"
    assert to_plain(Fraction(5400), Duration()) == "1h30m"
    assert to_plain(0, Str(), ("red",)) == "red"


def test_narrow_pictures_keep_the_texts_at_the_right(system: TransitionSystem) -> None:
    shown = view(system, BOTH)
    lines = picture(shown, 38, ascii_only=True)
    assert lines[0].split() == ["A", "B"]
    assert lines[2].split()[:3] == ["2", "#", "*"]
    assert "A = trip[0].hotel" in lines[3]
    one = replace(shown, lanes=("a",))
    assert picture(one, 80) == ()


def test_every_check_is_explained_and_documented() -> None:
    text = (ROOT / "docs" / "checks.md").read_text()
    for name in explain.known():
        assert f"`{name}`" in text, name
        found = explain.find(name)
        assert found is not None
        assert found.meaning.endswith(".")
        assert found.mend.endswith(".")
        assert name in explain.describe(name, found)
    assert explain.suggest("deadlock-fre") == "deadlock_free"
    assert explain.suggest("xyzzy") == ""
    assert max(map(len, explain.overview().splitlines())) <= 100
