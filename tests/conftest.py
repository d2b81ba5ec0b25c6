"""What all tests share."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True, scope="session")
def no_width_from_outside() -> None:
    """Parallel test runs set COLUMNS, and our output honours it."""
    os.environ.pop("COLUMNS", None)
