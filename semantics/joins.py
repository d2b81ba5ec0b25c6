"""What a join does to the steps around it: whoever reads terms, and not rules, has to know it."""

from __future__ import annotations

from typing import Final

# A join over more branches is a step of its own: every rule after it would repeat its guard.
WIDEST: Final = 16
