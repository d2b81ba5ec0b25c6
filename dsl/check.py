"""Names, types and static rules."""

from __future__ import annotations

from .ast import Spec
from .errors import Diagnostic


def check(spec: Spec) -> tuple[Spec, tuple[Diagnostic, ...]]:
    return spec, ()
