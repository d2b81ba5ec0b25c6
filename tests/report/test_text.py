"""The text for people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from samples import BROKEN, ENDLESS, FINE, OPEN, OVERUSE, PARTED, REFUSED, SKIPPED
from wfverify.dsl.errors import NOWHERE
from wfverify.report.outcome import Report
from wfverify.report.table import table
from wfverify.report.text import Style, paint, render
from wfverify.verifier.verdict import Proved, Refuted, Result, Unknown

Make = Callable[..., Report]


def test_one_line_for_each_check_and_a_closing_line(make: Make) -> None:
    text = render(make(OVERUSE, FINE, OPEN, SKIPPED), Style())
    lines = text.splitlines()
    assert lines[0].split() == [
        "REFUTED",
        "resources:",
        "api",
        "peak",
        "2",
        "of",
        "1",
        "search",
        "0.01",
        "s",
    ]
    assert lines[1].split() == ["PROVED", "borrows", "0", "locks", "structure", "0.00", "s"]
    assert lines[2].split()[0] == "UNKNOWN"
    assert lines[3].split(maxsplit=2) == ["SKIPPED", "messages", "no channels [yet]"]
    assert lines[-1] == "trip.wf: 1 proved, 1 refuted, 1 unknown, 1 skipped in 0.2 s"


def test_proved_results_of_one_check_fold(make: Make) -> None:
    many = [replace(FINE, check="assert", name=f"a{i}") for i in range(200)]
    text = render(make(*many), Style())
    assert "all 200" in text
    assert len(text.splitlines()) < 5
    text = render(make(*many, replace(OPEN, check="assert", name="b")), Style())
    assert "200 of 201" in text
    assert "assert: b" in text


def test_a_refutation_shows_place_source_run_state_and_mend(make: Make) -> None:
    text = render(make(OVERUSE), Style())
    assert "REFUTED  resources: api   trip.wf:4:24" in text
    assert "4 |   activity hotel  { uses api 1 }" in text
    assert "  |                        ^^^^^" in text
    assert "1. [0s] hotel starts" in text
    assert "2. [1.5s] flight starts" in text
    assert "used(api): 1 -> 2" in text
    assert "at the violation: used(api) = 2" in text
    assert "start: trip[0].n = 2" in text
    assert "mend: make the claim wait" in text


def test_inputs_and_only_the_variables_that_the_claim_reads(make: Make) -> None:
    text = render(make(BROKEN), Style())
    assert "price = 5; paid: 0 -> 5" in text
    assert "at the violation: trip[0].paid = 5\n" in text


def test_a_run_of_several_threads_has_a_picture(make: Make) -> None:
    text = render(make(OVERUSE), Style())
    picture = text[text.index("who did what") :].splitlines()
    assert picture[1].split() == ["trip[0].hotel", "trip[0].flight"]
    assert picture[2].split() == ["1", "●", "hotel", "starts"]
    assert picture[3].split() == ["2", "┃", "●", "flight", "starts"]


def test_a_lasso_says_where_it_goes_round(make: Make) -> None:
    text = render(make(ENDLESS), Style())
    assert "(3 steps, the last 2 for ever)" in text
    assert text.index("from here again") < text.index("2. hotel fails with Declined")
    assert "back to step 2" in text


def test_two_runs_stand_side_by_side_from_where_they_part(make: Make) -> None:
    text = render(make(PARTED), Style())
    assert text.count("1. hotel starts") == 1
    (row,) = (line for line in text.splitlines() if line.lstrip().startswith("3. "))
    assert "3. flight completes" in row.split("|")[0]
    assert "3. hotel completes" in row.split("|")[1]
    assert "status: draft -> booked" in " ".join(text.split())
    assert "mend: order them" in text


def test_levels_and_expectations(make: Make) -> None:
    text = render(make(replace(OVERUSE, warning=True)), Style())
    assert "REFUTED (warning)" in text
    assert "-v shows the run" in text
    assert "1 warning in" in text
    text = render(make(replace(OVERUSE, expected=True)), Style())
    assert "REFUTED (expected)" in text
    assert "the run" not in text
    text = render(make(replace(FINE, expected=True)), Style())
    assert "PROVED (unexpected)" in text
    assert "was expected to be refuted" in text


def test_verbose_says_how_and_under_which_assumptions(make: Make) -> None:
    proved = Proved("chc", "the loop has a ranking function.", "", "no step", ("poll succeeds",))
    report = make(replace(FINE, verdict=proved))
    assert "ranking function" not in render(report, Style())
    text = render(report, Style(verbose=True))
    assert "borrows (chc)\n    the loop has a ranking function." in text
    assert "assuming poll succeeds" in text
    assert "trip.wf:1:1: a Lambda is an activity with any result" in text
    assert "PROVED   borrows, but no step" in text


def test_notes_and_abstractions_of_a_refutation(make: Make) -> None:
    verdict = OVERUSE.verdict
    assert isinstance(verdict, Refuted)
    verdict = replace(verdict, notes=("a waits for b", "b waits for a"), abstract=("a choice",))
    text = render(make(replace(OVERUSE, verdict=verdict)), Style())
    assert "note: a waits for b\n" in text
    assert "rests on an abstraction: a choice" in text


def test_a_long_run_leaves_out_its_middle(make: Make) -> None:
    verdict = ENDLESS.verdict
    assert isinstance(verdict, Refuted)
    steps = verdict.trace.steps[:2] * 100
    long = replace(verdict, trace=replace(verdict.trace, steps=steps, loop_at=None))
    text = render(make(replace(ENDLESS, verdict=long)), Style())
    assert ".. 140 steps, see --format json .." in text
    assert "200. hotel fails" in text


def test_markup_in_texts_is_only_text(make: Make) -> None:
    report = make(replace(SKIPPED, skipped="[red]why[/red] :smile:"))
    assert "[red]why[/red] :smile:" in render(report, Style())


def test_colours_only_when_asked_for(make: Make) -> None:
    assert "\x1b[" not in render(make(OVERUSE, FINE), Style())
    assert "\x1b[" in render(make(OVERUSE, FINE), Style(color=True))


def test_ascii(make: Make) -> None:
    render(make(OVERUSE, BROKEN, PARTED, ENDLESS), Style(ascii_only=True)).encode("ascii")


def test_everything_fits_in_the_width(make: Make) -> None:
    for width in (60, 80, 132):
        text = render(make(OVERUSE, BROKEN, PARTED, ENDLESS, OPEN), Style(width=width))
        own = [line for line in text.splitlines() if " | " not in line]  # not the source
        assert max(map(len, own)) <= width


def test_quiet_says_the_closing_line_only(make: Make) -> None:
    text = render(make(OVERUSE), Style(quiet=True))
    assert text == "trip.wf: 1 refuted in 0.2 s\n"


def test_rejected_input_shows_its_place(make: Make) -> None:
    text = render(make(diagnostics=(REFUSED,), system=None), Style())
    assert "trip.wf:6:9: error[E0201]: nothing is called `hotl`" in text
    assert "^^^^^" in text
    assert "proved" not in text


def test_an_unknown_name_for_only(make: Make) -> None:
    text = render(make(unmatched=("deadlockfree",)), Style())
    assert "did you mean `deadlock_free`?" in text


def test_a_contradiction_has_no_run(make: Make) -> None:
    verdict = OVERUSE.verdict
    assert isinstance(verdict, Refuted)
    result = replace(
        OVERUSE, verdict=replace(verdict, trace=replace(verdict.trace, initial=(), steps=()))
    )
    text = render(make(result), Style())
    assert "the run" not in text
    assert "mend:" in text


def test_the_instance_is_named_where_there_are_several(make: Make) -> None:
    report = make(OVERUSE)
    assert report.system is not None
    (one,) = report.system.instances
    two = replace(report.system, instances=(one, replace(one, id=1, name="trip[1]")))
    assert "1. [0s] trip[0].hotel starts" in render(replace(report, system=two), Style())


NAMES = ("deadlock_free", "timing_independent", "invariant: never_negative")


@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_names_stay_whole_in_a_narrow_terminal(width: int) -> None:
    results = [
        Result("deadlock_free", "", Proved("induction, structure", "", "14 states"), NOWHERE),
        Result("timing_independent", "", Unknown("search", "no time"), NOWHERE, warning=True),
        Result("invariant", "never_negative", Proved("search", "", "1000 states"), NOWHERE),
    ]
    text = paint([], Style(width=width), table(results, width))
    assert max(map(len, text.splitlines())) <= width
    for name in NAMES[:2]:
        assert name in text
    assert ("1000 states" in text) == (width >= 60)
    assert ("search" in text) == (width >= 80)
