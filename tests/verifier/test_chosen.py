"""`--engine`: what the engines named do not decide is UNKNOWN, and no other has a part in it."""

from __future__ import annotations

import re
from pathlib import Path

import golden
import pytest
from wfverify import cli
from wfverify.dsl import load_text
from wfverify.interpreter import replay, schedule, simulator
from wfverify.semantics.lower import lower
from wfverify.verifier.cache import InMemory
from wfverify.verifier.chosen import ENGINES, allowed, may
from wfverify.verifier.portfolio import NOTHING, NOTHING_ELSE, verify
from wfverify.verifier.session import Options
from wfverify.verifier.verdict import Proved, Result, Unknown

ROOT = Path(__file__).parents[2]
NAMES = ("loop_counted", "pool_waits", "at_most_again", "saga_undone", "patterns", "lock_twice")


def results(text: str, *engines: str, cache: InMemory | None = None) -> list[Result]:
    spec = load_text(text, "w.wf")
    options = Options(engines=engines, timeout=10)
    return verify(
        spec,
        lower(spec),
        options,
        replay=replay,
        schedule=schedule,
        simulate=simulator,
        cache=cache,
    )


def by(found: list[Result]) -> dict[str, set[str]]:
    """The engines of what is sure, by check; claims of which there are none left aside."""
    out: dict[str, set[str]] = {}
    for r in found:
        if r.verdict is None or isinstance(r.verdict, Unknown):
            continue
        if isinstance(r.verdict, Proved) and r.verdict.how in (NOTHING_ELSE, *NOTHING.values()):
            continue
        out.setdefault(r.check, set()).update(r.verdict.engine.split(", "))
    return out


def kinds(found: list[Result]) -> dict[tuple[str, str, int], str]:
    return {
        (r.check, r.name, r.span.line): type(r.verdict).__name__
        for r in found
        if r.verdict is not None
    }


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("engine", ["structure", "induction", "search", "simulation"])
def test_no_other_engine_has_a_part_in_it(name: str, engine: str) -> None:
    text = (golden.CASES / f"{name}.wf").read_text()
    found = results(text, engine)
    assert set().union(*by(found).values()) <= {engine}
    # What is sure is what all engines together say.
    together = kinds(golden.outcome(name).results and list(golden.outcome(name).results))
    for place, kind in kinds(found).items():
        assert kind in ("Unknown", together.get(place, kind)), place


def test_several_engines_decide_more_than_one() -> None:
    text = (golden.CASES / "at_most_again.wf").read_text()
    assert "terminates" not in by(results(text, "ranking"))  # somebody might be stuck
    assert by(results(text, "ranking", "structure"))["terminates"] == {"ranking"}


def test_search_alone_decides_what_structure_would() -> None:
    text = "resource r : pool(1)\nworkflow w { activity a { uses r 1 takes 1s..2s } run { a } }\n"
    text += "system { w[2] }\n"
    found = by(results(text, "search"))
    whole = ("deadlock_free", "terminates", "can_finish", "starvation_free", "resources")
    assert all(found[check] == {"search"} for check in whole)
    assert by(results(text))["deadlock_free"] == {"structure"}


def test_a_proof_that_was_kept_counts_for_its_engine_only() -> None:
    text = "workflow w { var x: int 0..9 = 0 run { x := 1 } invariant small : x <= 3 }"
    cache = InMemory()
    assert by(results(text, cache=cache))["invariant"] == {"search"}
    assert "search" not in by(results(text, "induction", cache=cache))["invariant"]


def test_the_one_place_that_says_so() -> None:
    proved = Proved("induction, structure", "why")
    assert allowed((), proved) is proved
    assert allowed(("structure", "induction"), proved) is proved
    other = allowed(("induction",), proved)
    assert isinstance(other, Unknown)
    assert "structure" in other.why
    assert may((), "chc")
    assert not may(("search",), "chc")


def test_every_engine_is_in_the_documentation() -> None:
    table = (ROOT / "docs" / "how-it-works.md").read_text()
    assert set(re.findall(r"^\| `(\w+)` \| [a-z]", table, re.M)) == set(ENGINES)


@pytest.mark.parametrize(
    ("name", "hint"), [("serach", "did you mean search?"), ("zzz", "there are structure, ")]
)
def test_a_misspelt_engine(name: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["w.wf", "--engine", name]) == 2
    assert hint in capsys.readouterr().err
