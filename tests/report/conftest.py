"""Reports about the samples."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from samples import FILE, SOURCE, make_system
from wfverify.report.outcome import Note, Report
from wfverify.semantics.system import TransitionSystem
from wfverify.verifier.verdict import Result


@pytest.fixture(scope="session")
def system() -> TransitionSystem:
    return make_system()


@pytest.fixture
def make(system: TransitionSystem) -> Callable[..., Report]:
    """`make(result, ...)` is a report with these results."""

    def build(*results: Result, **more: object) -> Report:
        return Report(
            **{  # type: ignore[arg-type]
                "file": FILE,
                "sources": ((FILE, SOURCE),),
                "results": results,
                "system": system,
                "seconds": 0.25,
                "abstractions": (Note("a Lambda is an activity with any result", "trip.wf:1:1"),),
                **more,
            }
        )

    return build


@pytest.fixture(autouse=True, scope="module")
def _stand_elsewhere(elsewhere: object) -> None:
    """Runs leave their logs where one stands."""
