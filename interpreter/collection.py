"""No garbage collection while many lasting objects are made."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused() -> Iterator[None]:
    """Python's collector walks all live objects whenever many new ones have been made.

    A system has millions of terms, none of them garbage; plans and runs make no cycles worth
    collecting.  Measured on a thousand instances: half of the time was spent in the collector.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
