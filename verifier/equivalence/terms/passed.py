"""What a guarded term goes through on a run."""

from __future__ import annotations

from .guarded import Differ
from .machine import Machine
from .store import Op

MOST = 4_000  # operators in one instant


def passed(machine: Machine, root: int, found: Differ) -> dict[int, int]:
    """The compositions that a term goes through on a run, with the number of their parts."""
    s, out = machine.store, dict[int, int]()
    stack = [(root, 0)]
    for tests in (*(t.tests for t in found.run), found.tests):
        values = dict(tests)
        for _ in range(MOST):
            if not stack:
                break
            t, part = stack.pop()
            kids = s.kids[t]
            match s.op[t]:
                case Op.SEQ if part < len(kids):
                    out[t] = max(out.get(t, 0), part + 1)
                    stack += ((t, part + 1), (kids[part], 0))
                case Op.IF:
                    out[t] = 1
                    stack.append((kids[1 if machine.true(kids[0], values) else 2], 0))
                case Op.WHILE:
                    out[t] = 1
                    if machine.true(kids[0], values):
                        stack += ((t, 0), (kids[1], 0))
                case Op.ACT | Op.FAIL | Op.STUCK:
                    break
    return out
