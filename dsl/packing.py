"""Trees on their way from one process to another.

What dataclasses do by themselves when they are pickled takes longer than to read the text again;
here a node is its class and its fields.
"""

from __future__ import annotations

import copyreg
import pickle
from collections.abc import Callable
from functools import partial
from io import BytesIO
from operator import attrgetter
from typing import Any

from .ast import Node
from .changed import made_of, placer
from .collector import uncollected
from .errors import Span


def packed(value: object) -> bytes:
    """A tree, or anything around one."""
    out = BytesIO()
    with uncollected():
        _Packer(out, pickle.HIGHEST_PROTOCOL).dump(value)
    return out.getvalue()


def unpacked(data: bytes) -> Any:
    """What was `packed` by the same program."""
    with uncollected():
        return pickle.loads(data)


class _Packer(pickle.Pickler):
    def __init__(self, out: BytesIO, protocol: int) -> None:
        super().__init__(out, protocol)
        self.dispatch_table = _Table()


class _Table(dict[type, Callable[[Any], Any]]):
    """How a value of each class is taken apart: into a function, and what it is called with."""

    def __init__(self) -> None:
        super().__init__(copyreg.dispatch_table)
        self[Span] = lambda span: (Span, tuple(span))
        self[_Make] = lambda make: (placer, (make.cls, make.file))

    def __missing__(self, cls: type) -> Callable[[Any], Any]:
        if not issubclass(cls, Node):
            raise KeyError(cls)
        kind: Any = cls
        names = made_of(kind)
        # (Of one field alone the getter gives no tuple.)
        read: Callable[[Any], Any] = (
            attrgetter(*names) if len(names) > 1 else lambda node: (node.span,)
        )
        makes: dict[str, _Make] = {}  # by file

        def found(node: Any) -> tuple[_Make, tuple[Any, ...]]:
            span, *values = read(node)
            file, *place = span
            make = makes.get(file)
            if make is None:
                make = makes[file] = _Make(placer(kind, file))
                make.cls, make.file = cls, file
            return make, (*place, *values)

        self[cls] = found
        return found


class _Make(partial[Node]):
    """Made again as what it calls: one of `placer`."""

    cls: type
    file: str
