"""The reference architecture: what is wrong with it is found, and of the repairs all is proved."""

from __future__ import annotations

from pathlib import Path

import pytest
from wfverify.dsl import load_text
from wfverify.interpreter.retrace import replay
from wfverify.interpreter.simulation import simulator
from wfverify.interpreter.timing import schedule
from wfverify.report.outcome import status, title
from wfverify.semantics.lower import lower
from wfverify.verifier.portfolio import Options, verify

SPECS = Path(__file__).parents[1] / "examples" / "architecture"
# Name -> what is refuted of the text's version, warnings included; nothing else is.
FLAWS: dict[str, set[str]] = {
    "01_borrows": {"handled: report: BorrowConflict", "handled: post: BorrowConflict"}
    | {"no_dead_code", "timing_independent"},
    "02_availability": {"resources: cores"},
    "03_head_of_line": {"deadlock_free", "terminates", "can_finish", "starvation_free"}
    | {"deterministic", "timing_independent"},
    "03_priorities": {"property: comes_to_its_end", "no_dead_code"},
    "04_allocation": {"ensures: system"},
    "04_container": {"ensures: system"},
    "05_event_reader": {"invariant: each_once", "terminates", "can_finish"},
    "06_file_write": {"ensures: system"},
    "07_subscribers": {"messages", "deadlock_free", "terminates", "can_finish"},
    "08_pid": {"invariant: remembers", "ensures: control"},
    "09_conflict_window": {"invariant: window"},
    "09_ten_actions": {"stability: scale"},
    "10_atomicity": {"invariant: state_consistency", "ensures: system"},
    "11_left_distributivity": {"deadlock_free", "terminates", "can_finish", "messages"},
    "11_laws": {"equivalent: same_refusals"},
    "12_error_handler": {"ensures: task"},
    "13_compensated_failure": {"invariant: no_gift", "ensures: system"},
    "14_started_twice": {"invariant: started_once"},
    "15_handlers": {"no_dead_code"},
    "16_shutdown": {"ensures: system"},
    "17_signal": {"messages", "deadlock_free", "terminates", "can_finish"},
    "18_determinism": {"race_free", "deterministic", "timing_independent"},
    "19_expected_version": {"invariant: no_debt"},
    "20_lifetime": {"property: given_back"},
}


def said(name: str) -> dict[str, str]:
    file = f"{name}.wf"
    spec = load_text((SPECS / file).read_text(encoding="utf-8"), file)
    found = verify(
        spec, lower(spec), Options(timeout=40), replay=replay, schedule=schedule, simulate=simulator
    )
    return {title(r): str(status(r)) for r in found}


@pytest.mark.parametrize("name", FLAWS)
def test_flaw(name: str) -> None:
    found = said(name)
    assert {t for t, s in found.items() if s == "REFUTED"} == FLAWS[name]
    assert "UNKNOWN" not in found.values()


@pytest.mark.parametrize("name", FLAWS)
def test_repair(name: str) -> None:
    assert set(said(f"{name}_mended").values()) <= {"PROVED", "SKIPPED"}


def test_each_spec_is_named() -> None:
    names = {p.stem.removesuffix("_mended") for p in SPECS.glob("*.wf")}
    assert names == set(FLAWS)
