"""Building without looking for garbage."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

MANY: Final = 100_000  # objects


@contextmanager
def uncollected() -> Iterator[None]:
    """While millions of objects are made that all stay, the collector only goes through them again
    and again; nor does it afterwards, if there are many (a tree has no cycles)."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if gc.get_count()[0] > MANY:
            gc.freeze()
        if collecting:
            gc.enable()
