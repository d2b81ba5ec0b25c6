"""Crashes and recoveries, and how all runs of a term end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from .states import done, freed
from .steps import STEPS, steps
from .terms import ACTIVITIES, NIL, RETURN, UNDO_FAILED, Data, Process, Term


def crashed(p: Process, d: Data) -> tuple[Data, Process]:
    """What a crash does where the process stands: claims count as nothing, and what is running may
    have had its effect."""
    if p[0] == "run":
        _, name, attempt, cut, _ = p
        d = freed(name, d)
        return (d.effect(ACTIVITIES[name].digit) if cut else d), ("run", name, attempt, None, True)
    if p[0] == "using":
        d, q = crashed(p[1], d)
        return replace(d, used=d.used - 1), ("using", q)
    out = []
    for part in p:
        if isinstance(part, tuple) and part and is_process(part):
            d, part = crashed(part, d)
        elif isinstance(part, tuple) and p[0] in ("join", "undograph", "chain", "graph"):
            d, part = _crashed_all(part, d)
        out.append(part)
    return d, tuple(out)


def _crashed_all(parts: tuple, d: Data) -> tuple[Data, tuple]:
    out = []
    for part in parts:
        if isinstance(part, tuple) and len(part) == 2 and part[0] in NODES:
            d, q = crashed(part[1], d)
            part = (part[0], q)
        elif isinstance(part, tuple) and part and is_process(part):
            d, part = crashed(part, d)
        out.append(part)
    return d, tuple(out)


NODES = ("waiting", "running", "ended", "failed", "skipped")


def is_process(p: tuple) -> bool:
    """A tuple that is a process, as crashes see it: those that may hold or run something."""
    return p[0] in ("run", "using") or (p[0] in STEPS and p[0] not in ("term", "retry_term"))


def recovered(p: Process, d: Data) -> Iterator[tuple[Data, Process]]:
    """All ways to go on: claims are made again, attempts begin anew."""
    if p[0] == "run":
        _, name, attempt, _, maybe = p
        a = ACTIVITIES[name]
        d2 = replace(d, used=d.used + a.uses, busy=d.busy + bool(a.busy))
        for cut in (False, True):
            yield d2, ("run", name, attempt, cut, maybe)
        return
    if p[0] == "using":
        for d2, q in recovered(p[1], replace(d, used=d.used + 1)):
            yield d2, ("using", q)
        return
    yield from _recovered(p, 0, d)


def _recovered(p: tuple, i: int, d: Data) -> Iterator[tuple[Data, tuple]]:
    """The parts of a tuple from the i-th on."""
    if i == len(p):
        yield d, ()
        return
    part = p[i]
    ways: list[tuple[Data, object]] = [(d, part)]
    if isinstance(part, tuple) and part and is_process(part):
        ways = list(recovered(part, d))
    elif isinstance(part, tuple) and part and part[0] in NODES and len(part) == 2:
        ways = [(d2, (part[0], q)) for d2, q in recovered(part[1], d)]
    elif isinstance(part, tuple) and p[0] in ("join", "undograph", "chain", "graph"):
        ways = list(_recovered(part, 0, d))
    for d2, q in ways:
        for d3, rest in _recovered((p[0], *p[i + 1 :]), 1, d2):
            yield d3, (q, *rest)


def outcomes(
    t: Term, limit: int = 20_000, eager: bool = True, crash: bool = False
) -> set[tuple[str, ...]]:
    """(how the workflow ends, n, log) of every run; "stuck" where it cannot go on."""
    first = (Data(down=1 if crash else None, eager=eager), ("term", t), None, False)
    seen = {first}
    todo = [first]
    out = set()
    while todo:
        d, p, status, down = todo.pop()
        following = []
        if down:
            following += [(d2, q, status, False) for d2, q in recovered(p, d)]
        elif status is None:
            for r in steps(p, d):
                if r[0] == "ok":
                    following.append((r[1], r[2], None, False))
                else:
                    ended = "completed" if r[1] == RETURN else r[1]
                    following.append((r[2], r[3], ended, False))
            if done(p, d):
                out.add(("completed", str(d.n), str(d.log)))
                following.append((d, NIL, "over", False))
        else:
            for r in steps(p, d):
                # An undo that fails in what is left: the first error has won.
                assert r[0] == "ok" or r[1] == UNDO_FAILED
                q, d2 = (r[2], r[1]) if r[0] == "ok" else (r[3], r[2])
                following.append((d2, q, status if r[0] == "ok" else UNDO_FAILED, False))
            if done(p, d) and status != "over":
                out.add((status, str(d.n), str(d.log)))
                following.append((d, NIL, "over", False))
        if not following and status != "over":
            out.add(("stuck", str(d.n), str(d.log)))
        if d.down and not down and status != "over":
            d2, q = crashed(p, replace(d, down=d.down - 1))
            following.append((d2, q, status, True))
        for s in following:
            if s not in seen:
                seen.add(s)
                todo.append(s)
        if len(seen) > limit:
            raise OverflowError
    return out
