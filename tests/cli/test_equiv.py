"""`wfverify equiv`, `lts` and `minimise`: what they print, and what is wrong with a call."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from wfverify import cli

OLD = """\
error F permanent
workflow w(n: int 0..1) fails F {
  var x: int 0..3 = 0
  var y: int 0..1 = 0
  activity a() -> int 0..1 { fails F }
  activity b(k: int 0..3) { do { x := k } }
  activity audit { }
  run { y <- a() ; (b(n) || audit) }
}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.wf").write_text(OLD)
    return tmp_path


def compared(capsys: pytest.CaptureFixture[str], *args: str) -> dict[str, object]:
    cli.main(["equiv", *args, "--format", "json"])
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    ("change", "finest", "status"),
    [
        (("b(n) || audit", "audit || b(n)"), "bisimulation", 0),
        (("b(n) || audit", "b(n) ; audit"), "outcome", 0),
        (("b(n) || audit", "b(1) || audit"), None, 1),
        (("fails F }", "}"), None, 1),
    ],
)
def test_the_finest_equivalence_is_named(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    change: tuple[str, str],
    finest: str | None,
    status: int,
) -> None:
    (folder / "new.wf").write_text(OLD.replace(*change))
    assert cli.main(["equiv", "old.wf", "new.wf"]) == status
    out = capsys.readouterr().out
    assert (f"are equivalent under {finest}" in out) == (finest is not None)
    assert compared(capsys, "old.wf", "new.wf")["finest"] == finest


def test_what_is_asked_for_decides_the_status(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "new.wf").write_text(OLD.replace("b(n) || audit", "b(n) ; audit"))
    assert cli.main(["equiv", "old.wf", "new.wf", "--under", "trace"]) == 1
    out = capsys.readouterr().out
    assert "but not under trace" in out and "a run of old.wf that new.wf does not have" in out
    assert cli.main(["equiv", "old.wf", "new.wf", "--under", "trace", "--refines"]) == 0
    assert cli.main(["equiv", "new.wf", "old.wf", "--under", "trace", "--refines"]) == 1
    capsys.readouterr()
    assert cli.main(["equiv", "old.wf", "new.wf", "--under", "branching", "--hide", "audit"]) == 0


def test_names_may_change(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "new.wf").write_text(OLD.replace("audit", "note"))
    assert cli.main(["equiv", "old.wf", "new.wf", "--under", "bisimulation"]) == 1
    capsys.readouterr()
    again = ["equiv", "old.wf", "new.wf", "--under", "bisimulation", "--rename", "audit=note"]
    assert cli.main(again) == 0


def test_what_is_observed_on_the_way(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "new.wf").write_text(
        OLD.replace("do { x := k }", "").replace("b(n) ||", "{b(n) ; x := n} ||")
    )
    assert cli.main(["equiv", "old.wf", "new.wf", "--under", "branching"]) == 0
    capsys.readouterr()
    assert cli.main(["equiv", "old.wf", "new.wf", "--under", "trace", "--observing", "x"]) == 1
    assert "x := 1" in capsys.readouterr().out


def test_a_difference_among_few_values_of_many(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = OLD.replace("int 0..1", "int").replace("int 0..3", "int")
    (folder / "old.wf").write_text(text)
    (folder / "new.wf").write_text(text.replace("b(n) ||", "b(n + 1) ||"))
    assert cli.main(["equiv", "old.wf", "new.wf"]) == 1
    assert "x = 0" in capsys.readouterr().out


def test_workflows_of_one_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    both = OLD + OLD.replace("error F permanent\n", "").replace("workflow w", "workflow v")
    (folder / "both.wf").write_text(both)
    assert cli.main(["equiv", "both.wf", "both.wf", "--workflow", "w,v"]) == 0
    assert "w and v are equivalent under bisimulation" in capsys.readouterr().out
    assert cli.main(["equiv", "both.wf", "both.wf"]) == 2
    assert "--workflow OLD,NEW" in capsys.readouterr().err


def test_systems_in_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "new.wf").write_text(OLD.replace("b(n) || audit", "b(n) ; audit"))
    assert cli.main(["lts", "old.wf", "-o", "old.aut"]) == 0
    assert cli.main(["lts", "new.wf", "-o", "new.aut"]) == 0
    assert cli.main(["minimise", "old.aut", "--under", "branching", "-o", "small.aut"]) == 0
    assert (folder / "small.aut").stat().st_size < (folder / "old.aut").stat().st_size
    capsys.readouterr()
    assert cli.main(["equiv", "old.aut", "small.aut"]) == 0
    assert cli.main(["equiv", "old.aut", "new.aut"]) == 1
    assert "can" in capsys.readouterr().out
    assert cli.main(["minimise", "old.wf", "--under", "trace"]) == 0
    assert capsys.readouterr().out.startswith("des (0, ")


@pytest.mark.parametrize(
    ("args", "what"),
    [
        (["equiv", "old.wf", "x.aut"], "compared with another one"),
        (["equiv", "x.aut", "x.aut", "--under", "outcome"], "no outcomes"),
        (["equiv", "x.aut", "x.aut", "--hide", "a"], "--hide is for specs"),
        (["equiv", "old.wf", "old.wf", "--refines", "--under", "branching"], "not under branching"),
        (["equiv", "old.wf", "old.wf", "--hide", "adit"], "did you mean `audit`?"),
        (["equiv", "old.wf", "old.wf", "--observing", "z"], "there is no variable `z`"),
        (["equiv", "old.wf", "old.wf", "--rename", "c=d"], "there is no activity"),
        (["equiv", "old.wf", "old.wf", "--rename", "c"], "write it as OLD=NEW"),
        (["equiv", "old.wf", "old.wf", "--workflow", "v"], "there is no workflow `v`"),
        (["equiv", "old.wf", "old.wf", "--workflow", "a,b,c"], "one name, or OLD,NEW"),
        (["equiv", "old.wf", "none.wf"], "none.wf"),
        (["equiv", "none.aut", "x.aut"], "none.aut"),
        (["minimise", "bad.aut"], "bad.aut:2:1: error[E0920]"),
        (["minimise", "old.wf", "--under", "outcome"], "invalid choice"),
    ],
)
def test_what_is_wrong_with_a_call(
    folder: Path, capsys: pytest.CaptureFixture[str], args: list[str], what: str
) -> None:
    (folder / "x.aut").write_text('des (0, 1, 2)\n(0, "a", 1)\n')
    (folder / "bad.aut").write_text('des (0, 1, 2)\n(0, "a", 7)\n')
    assert cli.main(args) == 2
    assert what in capsys.readouterr().err


def test_too_many_states_are_not_known(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["lts", "old.wf", "--max-states", "3"]) == 3
    assert "not known: more than" in capsys.readouterr().err
    (folder / "new.wf").write_text(OLD.replace("b(n) || audit", "b(n) ; audit"))
    assert cli.main(["equiv", "old.wf", "new.wf", "--max-states", "3"]) == 0  # by terms
    again = ["equiv", "old.wf", "new.wf", "--max-states", "3", "--under", "trace"]
    assert cli.main(again) == 1  # a run by chance
    either = OLD.replace("(b(n) || audit)", "{ { b(n) ; audit } + { b(n) || audit } }")
    (folder / "new.wf").write_text(either)
    assert cli.main(again) == 3


def test_a_spec_from_a_pipe(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(OLD.encode())))
    assert cli.main(["lts", "-"]) == 0
    assert "start audit" in capsys.readouterr().out


def test_a_few_instances_prove_nothing_of_any_number(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "resource r : pool({})\nworkflow w {{ activity a {{ uses r 1 }} run {{ {} }} }}\n"
    for name, pool, body in (("three", 3, "a"), ("four", 4, "a"), ("twice", 3, "a ; a")):
        whole = text.format(pool, body) + "system { w[*] }\n"
        (folder / f"{name}.wf").write_text(whole)
    # With as many instances on both sides they end alike, and how many there may be is open.
    assert cli.main(["equiv", "three.wf", "four.wf"]) == 3
    assert cli.main(["equiv", "three.wf", "four.wf", "--under", "trace"]) == 1
    assert cli.main(["migrate", "three.wf", "four.wf"]) == 3
    assert "only a few" in capsys.readouterr().err
    assert cli.main(["migrate", "twice.wf", "three.wf"]) == 1
    assert cli.main(["equiv", "three.wf", "three.wf"]) == 0  # the same term


def test_a_few_of_any_number_are_not_taken_for_all(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "any.wf").write_text("workflow w { activity a { } run { a } }\nsystem { w[*] }\n")
    for command in ("lts", "minimise"):
        assert cli.main([command, "any.wf"]) == 0
        told = capsys.readouterr()
        assert told.out.startswith("des (") and "up to 3 of them are shown" in told.err
    assert cli.main(["lts", "any.wf", "--workflow", "w"]) == 0
    assert not capsys.readouterr().err


def test_why_a_run_that_has_done_everything_cannot_go_on(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "workflow w {{ activity a {{ }} activity b {{ }} run {{ {} }} }}\n"
    (folder / "v1.wf").write_text(text.format("a || b"))
    (folder / "v2.wf").write_text(text.format("a ; b"))
    (folder / "v3.wf").write_text(text.format("a || b ; b"))
    assert cli.main(["migrate", "v1.wf", "v2.wf"]) == 1
    told = " ".join(capsys.readouterr().out.split())
    assert "unsafe everything has been done, its end is to come" in told
    # Each place that is unsafe is named below a log and the step that cannot be followed.
    places, *logs = told.split("unsafe: ")
    unsafe = [x.split(" safe ")[0].strip() for x in places.split(" unsafe ")[1:]]
    for place in unsafe:
        named = [
            x for x in logs if x.startswith(place) or x.split("log has this, too:")[-1].count(place)
        ]
        assert named and all("v2.wf cannot do `" in x for x in named), place
    # Where the new one has each log, it is safe, whatever it does then.
    assert cli.main(["migrate", "v1.wf", "v3.wf"]) == 0
    assert "safe    everything has been done, its end is to come" in capsys.readouterr().out


def test_names_are_given_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "workflow w {{ activity {} {{ }} activity {} {{ }} run {{ {} ; {} }} }}\n"
    (folder / "v1.wf").write_text(text.format("a", "b", "a", "b"))
    (folder / "v2.wf").write_text(text.format("c", "d", "c", "d"))
    call = ["equiv", "v1.wf", "v2.wf", "--under", "trace", "--rename"]
    assert cli.main([*call, "a=c,b=d"]) == 0
    assert cli.main([*call, "a=c", "--rename", "b=d"]) == 0
    assert cli.main([*call, "a=d,b=c"]) == 1
    capsys.readouterr()
    assert cli.main([*call, "a=c,a=d"]) == 2
    assert "gives `a` two names" in capsys.readouterr().err
    for wrong in ("a", "a=", "a=b=c", ","):
        assert cli.main([*call, wrong]) == 2
        assert "write it as OLD=NEW" in capsys.readouterr().err
    # Two of one name are told apart.
    assert cli.main(["equiv", "v1.wf", "v1.wf", "--under", "trace", "--rename", "a=b"]) == 1
    assert "a run of the first v1.wf that the second v1.wf does not have" in capsys.readouterr().out


def test_what_is_no_spec_has_no_places(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "a.aut").write_text('des (0, 1, 2)\n(0, "a", 1)\n')
    assert cli.main(["migrate", "a.aut", "a.aut"]) == 2
    assert "migrate is for specs" in capsys.readouterr().err
