"""Proofs that are kept: found again where nothing they rest on has changed, and only there."""

from __future__ import annotations

from pathlib import Path

import pytest
from specgen import from_seed
from wfverify.dsl import load_text
from wfverify.dsl.ast import Spec
from wfverify.dsl.errors import Rejected
from wfverify.dsl.mutants import mutants
from wfverify.interpreter.retrace import replay
from wfverify.interpreter.timing import schedule
from wfverify.semantics.lower import lower
from wfverify.verifier.cache import Cache, InFolder, InMemory
from wfverify.verifier.portfolio import Options, verify
from wfverify.verifier.verdict import Proved, Refuted, Result

TWO = """\
resource r : pool(2)
shared total: int = 0
workflow left {
  var x: int = 0
  activity a { takes 1s  do { x := x + 1 } }
  run { a ; a }
  invariant small : x <= 2
}
workflow right {
  var y: int = 0
  activity b { uses r 1  takes 1s  do { y := y + 1 } }
  run { b }
  invariant tiny : y <= 1
}
"""


class Counting:
    """A cache that tells what was asked for and what was there."""

    def __init__(self, inner: Cache) -> None:
        self.inner = inner
        self.hits = self.misses = 0

    def get(self, key: str) -> Proved | None:
        found = self.inner.get(key)
        self.hits += found is not None
        self.misses += found is None
        return found

    def put(self, key: str, verdict: Proved) -> None:
        self.inner.put(key, verdict)


def results(spec: Spec, cache: Cache | None, only: tuple[str, ...] = ()) -> list[Result]:
    options = Options(timeout=3.0, only=only)
    return verify(spec, lower(spec), options, replay=replay, schedule=schedule, cache=cache)


def text(found: list[Result]) -> dict[tuple[str, str, bool], str]:
    return {(r.check, r.name, r.warning): type(r.verdict).__name__ for r in found}


def test_an_edit_elsewhere_keeps_a_claim() -> None:
    cache = Counting(InMemory())
    names = ("small", "tiny")
    results(load_text(TWO, "t.wf"), cache, names)
    assert (cache.hits, cache.misses) == (0, 2)
    # Other lines, another effect in the other workflow: `small` rests on none of it.
    edited = "// a comment\n" + TWO.replace("y := y + 1", "y := y + 0")
    found = results(load_text(edited, "t.wf"), cache, names)
    assert (cache.hits, cache.misses) == (1, 3)
    assert all(isinstance(r.verdict, Proved) for r in found)


@pytest.mark.parametrize(
    ("old", "new"),
    [("x := x + 1", "x := x + 2"), ("run { a ; a }", "run { a ; a ; a }"), ("x <= 2", "x <= 1")],
)
def test_an_edit_of_what_it_rests_on_is_seen(old: str, new: str) -> None:
    cache = Counting(InMemory())
    results(load_text(TWO, "t.wf"), cache, ("small",))
    (found,) = results(load_text(TWO.replace(old, new), "t.wf"), cache, ("small",))
    assert cache.hits == 0
    assert isinstance(found.verdict, Refuted)


@pytest.mark.parametrize("seed", range(6))
def test_a_cache_changes_no_verdict(seed: int) -> None:
    """A spec and all that differs from it by one change, with one cache for all of them."""
    try:
        spec = load_text(from_seed(seed, 3), "s.wf")
        lower(spec)
    except (Rejected, OverflowError):
        return
    cache = Counting(InMemory())
    specs = [spec, *(m.spec for m in mutants(spec))][:5]
    for one in specs:
        try:
            mine, other = text(results(one, cache)), text(results(one, None))
        except Rejected:
            continue
        for key, verdict in mine.items():
            # With a proof at hand there is more time for what is hard.  (A line may be there only
            # because there was no time for all that it speaks of.)
            known = other.get(key, "Unknown")
            assert verdict == known or "Unknown" in (verdict, known), key


def test_what_was_written_is_read_again_and_nothing_else(tmp_path: Path) -> None:
    cache = InFolder(tmp_path)
    verdict = Proved("search", "all 3 states", "3 states")
    cache.put("ab", verdict)
    assert InFolder(tmp_path).get("ab") == verdict
    assert cache.get("cd") is None
    file = cache.folder / "ab"
    good = file.read_text()
    for bad in ("", "{", "[]", "{}", good.replace('"ab"', '"cd"'), good.replace('"3 states"', "3")):
        file.write_text(bad)
        assert cache.get("ab") is None
