"""Commands are called where they may leave files."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True, scope="module")
def _stand_elsewhere(elsewhere: object) -> None:
    """Also for tests that do not ask."""
