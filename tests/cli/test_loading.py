"""Two files that are read side by side, as one after the other."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from wfverify.cli import beside, loading
from wfverify.cli.loading import load_specs, load_two
from wfverify.dsl.ast import Spec
from wfverify.dsl.errors import Rejected
from wfverify.verifier.equivalence import aut
from wfverify.verifier.equivalence.lts import Lts

GOOD = "workflow w() { activity a { }  run { a ; a } }\n"
MORE = "workflow v(n: int 0..3) { var x: int 0..3 = n  activity a { }  run { a ; x := n } }\n"
BAD = "workflow w() { run { b } }  // of an activity that there is not, and long enough\n"


def outcome(paths: list[str], large: int) -> list[Spec] | tuple[object, ...]:
    try:
        return load_specs(paths, large)
    except Rejected as error:
        return error.diagnostics


@pytest.mark.parametrize("one", [GOOD, MORE, BAD])
@pytest.mark.parametrize("other", [GOOD, MORE, BAD])
def test_beside_each_other_as_one_by_one(
    one: str, other: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    forks: list[int] = []
    fork = os.fork

    def counted() -> int:
        forks.append(0)
        return fork()

    monkeypatch.setattr(os, "fork", counted)
    paths = [str(tmp_path / "one.wf"), str(tmp_path / "other.wf")]
    for path, text in zip(paths, (one, other), strict=True):
        Path(path).write_text(text)
    assert outcome(paths, 10**9) == outcome(paths, 1)
    assert len(forks) == 1
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, 0)  # nobody is left


@pytest.mark.parametrize("text", ["des (0, 2, 3)\n(0, i, 1)\n(1, go, 2)\n", "des (0, 1)\n", ""])
def test_systems_beside_each_other(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    paths = [str(tmp_path / "one.aut"), str(tmp_path / "other.aut")]
    for path, there in zip(paths, (text, "des (1, 1, 2)\n(1, stop, 0)\n"), strict=True):
        Path(path).write_text(there)

    def load(path: str) -> Lts:
        return aut.read(Path(path).read_text(), path)

    found: list[object] = []
    for large in (10**9, 1):
        try:
            found.append(load_two(paths, load, large))
        except Rejected as error:
            found.append(error.diagnostics)
    assert found[0] == found[1]


def test_what_comes_to_nothing_is_read_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    here = os.getpid()

    def told(load: object, path: str) -> tuple[Spec | None, tuple[object, ...]]:
        assert os.getpid() != here
        raise MemoryError

    monkeypatch.setattr(loading, "_told", told)
    paths = [str(tmp_path / "one.wf"), str(tmp_path / "other.wf")]
    for path, text in zip(paths, (GOOD, MORE), strict=True):
        Path(path).write_text(text)
    assert outcome(paths, 1) == outcome(paths, 10**9)


def test_nobody_is_left_behind() -> None:
    with pytest.raises(KeyboardInterrupt), beside.beside(lambda: b"x" * 10_000_000):
        raise KeyboardInterrupt
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, 0)
    with beside.beside(lambda: b"x" * 10_000_000) as answer:
        assert answer() == b"x" * 10_000_000
    with beside.beside(lambda: bytes(-1)) as answer:
        assert answer() is None
