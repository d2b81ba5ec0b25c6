"""What all tests share."""

from __future__ import annotations

import gc
import os

import pytest


@pytest.fixture(autouse=True, scope="session")
def no_width_from_outside() -> None:
    """Parallel test runs set COLUMNS, and our output honours it."""
    os.environ.pop("COLUMNS", None)


@pytest.fixture(autouse=True, scope="session")
def rare_collections() -> None:
    """As the command line has it.  What a worker keeps of earlier tests would be gone through
    again and again, in time that limited searches think is theirs."""
    gc.set_threshold(200_000, 100, 100)
