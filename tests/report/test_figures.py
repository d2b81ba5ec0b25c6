"""The summary table of runs."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from wfverify import cli
from wfverify.interpreter.summary import ActivityFigures, ResourceFigures, Summary
from wfverify.report.figures import MOST_LINES, figures

SPEC = """\
error Bad transient
resource pool : pool(2)
resource lock : lock
workflow w {
  activity a { uses pool 2, lock exclusive  takes 2s..2s  fails Bad probability 1  retry 1 on Bad }
  activity b { takes 5s..5s  timeout 4s }
  activity c { takes 1s..1s }
  run { try { a || c } catch * { } ; try { b } catch * { } }
}
"""

COLUMNS = ["activity", "started", "completed", "failed", "total", "mean", "longest"]


def shown(*activities: ActivityFigures, width: int = 100) -> list[str]:
    return [x.text for x in figures(Summary(activities, (), Fraction(0), 0), width)]


def test_one_run_shows_what_each_activity_and_resource_did(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "w.wf").write_text(SPEC)
    assert cli.main(["run", str(tmp_path / "w.wf"), "-q"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[1:8] == [
        [*COLUMNS[:4], "timed", "out", "retries", *COLUMNS[4:]],
        ["w.a", "2", "0", "2", "0", "1", "4s", "2s", "2s"],
        ["w.c", "1", "1", "0", "0", "0", "1s", "1s", "1s"],
        ["w.b", "1", "0", "0", "1", "0", "4s", "4s", "4s"],
        ["resource", "capacity", "peak", "mean"],
        ["pool", "2", "2", "1.00"],
        ["lock", "lock", "1", "0.50"],
    ]


def test_many_runs_are_added_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "w.wf").write_text(SPEC)
    assert cli.main(["run", str(tmp_path / "w.wf"), "--runs", "10"]) == 0
    out = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["w.a", "20", "0", "20", "0", "10", "40s", "2s", "2s"] in out
    assert ["pool", "2", "2", "1.00"] in out


def test_runs_that_do_not_count_are_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "w.wf").write_text(
        "workflow w(n: int 0..1) {\n  activity a { takes 1s..1s }\n"
        "  run { a ; assume n == 1 ; a }\n}\n"
    )
    assert cli.main(["run", str(tmp_path / "w.wf"), "--runs", "20"]) == 0
    out = capsys.readouterr().out
    counted = next(int(x.split()[0]) for x in out.splitlines() if "1 completed" in x)
    assert 0 < counted < 20
    assert f"w.a {2 * counted} {2 * counted} 0".split() == next(
        x.split()[:4] for x in out.splitlines() if "w.a" in x
    )


def test_columns_without_anything_in_them_are_left_out() -> None:
    head = shown(ActivityFigures("a", started=1, completed=1))[0]
    assert head.split() == COLUMNS


def test_long_names_are_cut_in_a_narrow_terminal() -> None:
    lines = shown(ActivityFigures("workflow." + "x" * 60, started=1), width=70)
    assert max(map(len, lines)) <= 70
    assert lines[1].lstrip().startswith("..xxx")


def test_of_very_many_those_that_take_longest_are_shown() -> None:
    many = [
        ActivityFigures(f"a{i}", started=1, completed=1, total=Fraction(i), ended=1)
        for i in range(200)
    ]
    lines = shown(*many)
    assert len(lines) == MOST_LINES + 1
    assert lines[1].split()[0] == "a161"
    assert (
        lines[-1].split()
        == "161 others 161 161 0 3h35m48s 1m20s 0s".replace(
            "3h35m48s", lines[-1].split()[5]
        ).split()
    )


def test_a_capacity_that_differs_between_runs() -> None:
    found = Summary((), (ResourceFigures("p", "pool", None, 3, Fraction(1, 3)),), Fraction(0), 0)
    assert [x.text.split() for x in figures(found, 80)][1] == ["p", "any", "3", "0.33"]
