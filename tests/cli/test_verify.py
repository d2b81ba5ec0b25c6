"""`wfverify SPEC`, with a verifier that answers what the test wants."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from samples import FINE, OPEN
from wfverify import cli
from wfverify.verifier.verdict import Result

SPEC = "workflow w {\n  activity a { takes 1s..2s }\n  run { a }\n}\n"
Answer = Callable[..., list[Result]]


@pytest.fixture
def spec(tmp_path: Path) -> str:
    path = tmp_path / "w.wf"
    path.write_text(SPEC)
    return str(path)


@pytest.fixture
def verifier(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """`verifier.answer` is called in the place of `verify`; `verifier.options` are what it got."""
    state = SimpleNamespace(answer=lambda progress: [FINE], options=None)
    module = ModuleType("wfverify.verifier.portfolio")
    module.in_order = lambda results, _: list(results)  # type: ignore[attr-defined]

    def verify(spec: object, system: object, options: object, **more: object) -> list[Result]:
        state.options = options
        return list(state.answer(more["progress"]))

    module.verify = verify  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return state


def test_options_reach_the_verifier(spec: str, verifier: SimpleNamespace) -> None:
    args = ["--only", "borrows", "--only", "resources", "--timeout", "2.5", "--jobs", "1"]
    assert cli.main([spec, *args, "--seed", "3", "--strict"]) == 0
    options = verifier.options
    assert tuple(options.only) == ("borrows", "resources")
    assert (options.timeout, options.jobs, options.seed, options.strict) == (2.5, 1, 3, True)
    assert cli.main([spec, "-j", "3", "--memory", "900", "--engine", "chc"]) == 0
    options = verifier.options
    assert (options.jobs, options.memory, options.engines) == (3, 900, ("chc",))
    assert cli.main([spec, "--only", "borrows,resources", "--only", "handled"]) == 0
    assert verifier.options.only == ("borrows", "resources", "handled")
    assert cli.main(["verify", spec]) == 0
    assert verifier.options.only == verifier.options.engines == ()


def test_unknown_is_status_3(spec: str, verifier: SimpleNamespace) -> None:
    verifier.answer = lambda progress: [FINE, OPEN]
    assert cli.main([spec]) == 3


def test_a_misspelt_only_is_status_2(
    spec: str, verifier: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    verifier.answer = lambda progress: []
    assert cli.main([spec, "--only", "deadlockfree"]) == 2
    assert "did you mean `deadlock_free`?" in capsys.readouterr().out
    # A check that this spec gives nothing to do is no mistake.
    assert cli.main([spec, "--only", "assert"]) == 0
    assert "nothing to check" in capsys.readouterr().out


def test_an_interrupt_shows_what_was_found(
    spec: str, verifier: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(progress: Callable[[str | Result], None]) -> list[Result]:
        progress("deadlock_free: search")
        progress(FINE)
        raise KeyboardInterrupt

    verifier.answer = interrupted
    assert cli.main([spec]) == 130
    out = capsys.readouterr().out
    assert "PROVED" in out
    assert "interrupted: 1 proved" in out
    assert cli.main([spec, "--format", "json"]) == 130
    assert json.loads(capsys.readouterr().out)["interrupted"] is True


def test_a_mistake_of_the_verifier_is_status_70(
    spec: str, verifier: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(progress: object) -> list[Result]:
        raise AssertionError("no such rule")

    verifier.answer = broken
    assert cli.main([spec]) == 70
    assert "report it" in capsys.readouterr().err


def test_several_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each is verified, whatever the others are; the worst exit status."""
    fine, stuck, wrong = (tmp_path / f"{name}.wf" for name in ("fine", "stuck", "wrong"))
    fine.write_text("workflow w { activity a { takes 1s } run { a } }")
    stuck.write_text("workflow w { var x: bool = false run { wait until (x) } }")
    wrong.write_text("workflow w { run { b } }")
    missing = tmp_path / "missing.wf"
    assert cli.main([str(fine), str(fine)]) == 0
    assert capsys.readouterr().out.count("proved in") == 2
    assert cli.main([str(stuck), str(fine), "-q"]) == 1
    assert [x.split(":")[0] for x in capsys.readouterr().out.splitlines()] == [
        str(stuck),
        str(fine),
    ]
    assert cli.main([str(wrong), str(stuck), str(missing), str(fine), "-q"]) == 2
    said = capsys.readouterr()
    assert "E0201" in said.err
    assert str(missing) in said.err
    assert len(said.out.splitlines()) == 2
    assert cli.main([str(fine), str(stuck), "--format", "github"]) == 1
    assert "::error" in capsys.readouterr().out
    assert cli.main([str(fine), str(stuck), "--format", "json"]) == 2
    assert "takes one file at a time" in capsys.readouterr().err
