"""What all tests share."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

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


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder to stand in: a run leaves its log there."""
    before, folder = Path.cwd(), tmp_path_factory.mktemp("elsewhere")
    os.chdir(folder)
    yield folder
    os.chdir(before)
