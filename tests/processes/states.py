"""What processes are at rest: begun, cancelled, done, to be undone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from .terms import ACTIVITIES, CANCELLED, NIL, Data, Process, Result, Term

# ("par", log..) for branches, or ("graph", afters, log..) for a graph.


def log_of(p: Process) -> tuple:
    kind = p[0]
    if kind in ("nil", "loop"):
        return p[1]
    if kind in ("term", "run", "again", "undoing", "instead"):
        return ()
    if kind == "seq":  # log so far, current, rest
        return p[1] + log_of(p[2])
    if kind == "join":  # kind, ..., children
        return (("par", *(log_of(c) for c in p[-1])),)
    if kind == "graph":
        afters = tuple(after for _, after, _ in p[1])
        return (("graph", afters, *(log_of(c[1]) for c in p[3])),)
    if kind in ("while", "retry", "cleanup"):
        return p[1] + log_of(p[2])
    return log_of(p[1])  # a frame around one process


def done(p: Process, d: Data) -> bool:
    """May control pass on without a step?"""
    kind = p[0]
    if kind == "nil":
        return True
    if kind == "term":
        return passes(p[1], d)
    if kind == "seq":
        return done(p[2], d) and all(passes(t, d) for t in p[3])
    if kind == "join":
        if p[1] in ("any", "two"):
            return False
        return all(c[0] != "failed" and done(c, d) for c in p[-1])
    if kind == "graph":
        return p[2] is None and all(over_node(c, d) for c in p[3])
    if kind == "while":
        return p[2] == NIL and d.n != p[3]
    if kind == "cleanup":  # log, body or final, final, pending, phase
        _, _, inner, final, pending, phase = p
        if phase == "body":
            return pending in (None, CANCELLED) and done(inner, d) and passes(final, d)
        return pending in (None, CANCELLED) and done(inner, d)
    if kind == "undo":  # cancelled body, running undo or None, pending
        if p[3] != CANCELLED or not done(p[1], d):
            return False
        return done(undo_process(log_of(p[1])) if p[2] is None else p[2], d)
    if kind in ("saga", "nocancel", "quiet", "try", "within"):
        return done(p[1], d)
    if kind == "retry":
        return not p[5] and done(p[2], d)
    if kind in ("chain", "undograph"):
        return undone(p)
    return False  # run, again, using, pending


def over_node(c: tuple, d: Data) -> bool:
    """Of a node of a graph: ("ended" | "failed" | "skipped", process)."""
    return c[0] in ("ended", "skipped") or (c[0] == "failed" and done(c[1], d))


def passes(t: Term, d: Data) -> bool:
    """May control pass through a term that has not begun?"""
    kind, *rest = t
    match kind:
        case "skip":
            return True
        case "seq" | "par" | "all":
            return all(passes(x, d) for x in rest)
        case "choice":
            return any(passes(x, d) for x in rest)
        case "if":
            return passes(rest[1] if d.n == rest[0] else rest[2], d)
        case "while":
            return d.n != rest[0]
        case "try" | "saga" | "nocancel":
            return passes(rest[0], d)
        case "retry":
            return passes(rest[2], d)
        case "within":
            return passes(rest[1], d)
        case "finally":
            return passes(rest[0], d) and passes(rest[1], d)
    return False


def begin(t: Term) -> Process:
    """A term as a process, about to begin."""
    kind, *rest = t
    match kind:
        case "seq":
            return ("seq", (), ("term", rest[0]), tuple(rest[1:]))
        case "par" | "all" | "any" | "two":
            return ("join", kind, None, tuple(("term", x) for x in rest))
        case "while":
            return ("while", (), NIL, rest[0], rest[1], rest[2], 0)
        case "try":
            return ("try", ("term", rest[0]), rest[1], rest[2])
        case "finally":
            return ("cleanup", (), ("term", rest[0]), rest[1], None, "body")
        case "retry":
            return ("retry", (), ("term", rest[2]), t, rest[0], False)
        case "saga":
            return ("saga", ("term", rest[0]))
        case "nocancel":
            return ("nocancel", ("term", rest[0]))
        case "within":
            return ("within", ("term", rest[1]), rest[0], rest[2])
        case "steps":
            return ("graph", tuple(rest), None, tuple(("waiting", NIL) for _ in rest))
    raise AssertionError(kind)


def freed(name: str, d: Data) -> Data:
    """What a running activity claims is given back."""
    a = ACTIVITIES[name]
    return replace(d, used=d.used - a.uses, busy=d.busy - bool(a.busy))


def left_by(name: str, maybe: bool) -> Process:
    """After an attempt that has not completed: to be undone, if it may have had its effect."""
    return ("nil", (name,)) if maybe else NIL


def begun(name: str, attempt: int, maybe: bool, d: Data) -> Iterator[Result]:
    """The starts of an attempt: whether it has its effect if it is cut off is open."""
    a = ACTIVITIES[name]
    if a.busy and d.busy:
        yield ("raise", a.busy, d, left_by(name, maybe))
    elif not a.uses or d.used == 0:
        d2 = replace(d, used=d.used + a.uses, busy=d.busy + bool(a.busy))
        for cut in (False, True) if a.unsure or d.down is not None else (None,):
            yield ("ok", d2, ("run", name, attempt, cut, maybe))


def cancel(p: Process, d: Data) -> tuple[Data, Process]:
    """What is left when the surroundings are cancelled: protected parts, and the log."""
    kind = p[0]
    if kind == "nil":
        return d, p
    if kind == "term":
        return d, NIL
    if kind == "run":
        _, name, _, cut, maybe = p
        d = freed(name, d)
        if cut:
            d = d.effect(ACTIVITIES[name].digit)
        return d, left_by(name, cut is not None or maybe)
    if kind == "again":
        return d, left_by(p[1], p[3])
    if kind in ("undoing", "instead"):
        return (cancel(p[2], d)[0] if len(p) > 2 else d), NIL
    if kind in ("chain", "undograph"):  # only when another undo has failed
        for q in p[-1]:
            d, _ = cancel(q, d)
        return d, NIL
    if kind == "seq":
        d, left = cancel(p[2], d)
        return d, ("nil", p[1] + left[1]) if left[0] == "nil" else ("seq", p[1], left, ())
    if kind == "join":
        out = []
        for c in p[-1]:
            d, left = cancel(c[1] if c[0] == "failed" else c, d)
            out.append(left)
        return d, ("join", "par", None, tuple(out))
    if kind == "graph":
        out = []
        for _, c in p[3]:
            d, left = cancel(c, d)
            out.append(("ended" if left[0] == "nil" else "failed", left))
        return d, ("graph", p[1], None, tuple(out))
    if kind in ("while", "retry"):
        d, left = cancel(p[2], d)
        return d, ("seq", p[1], left, ())
    if kind in ("try", "within"):
        return cancel(p[1], d)
    if kind == "using":
        d, left = cancel(p[1], d)
        if left[0] == "nil" or not alive(left):
            return replace(d, used=d.used - 1), left
        return d, ("using", left)
    if kind == "nocancel":
        return d, ("quiet", p[1])
    if kind == "quiet":
        return d, p
    if kind == "pending":
        return d, ("quiet", p[1])
    if kind == "cleanup":
        _, log, inner, final, _, phase = p
        if done(p, d):
            return d, ("nil", log_of(p))
        if phase == "body":
            d, inner = cancel(inner, d)
        return d, ("cleanup", log, inner, final, CANCELLED, phase)
    if kind == "saga":
        if done(p[1], d):
            return d, ("nil", log_of(p[1]))
        d, left = cancel(p[1], d)
        return d, ("undo", left, None, CANCELLED)
    if kind == "undo":
        return d, ("undo", p[1], p[2], CANCELLED)
    raise AssertionError(kind)


def alive(p: Process) -> bool:
    """Of what is left: is there anything that still has to end?"""
    kind = p[0]
    if kind == "nil":
        return False
    if kind == "seq":
        return alive(p[2])
    if kind == "join":
        return any(alive(c) for c in p[-1])
    if kind == "graph":
        return any(alive(c[1]) for c in p[3])
    return True


def undo_process(log: tuple) -> Process:
    """The compensation of a log, latest first."""
    parts = []
    for entry in reversed(log):
        if isinstance(entry, str):
            undo = ACTIVITIES[entry].undo
            if undo:
                parts.append(("undoing", entry))
        elif entry[0] == "par":
            parts.append(("join", "par", None, tuple(undo_process(x) for x in entry[1:])))
        else:
            afters, logs = entry[1], entry[2:]
            later = tuple(
                tuple(j for j, after in enumerate(closure(afters)) if i in after)
                for i in range(len(logs))
            )
            parts.append(("undograph", later, tuple(undo_process(x) for x in logs)))
    if not parts:
        return NIL
    return ("chain", tuple(parts))


def closure(afters: tuple) -> list[set[int]]:
    out: list[set[int]] = []
    for after in afters:
        out.append(set(after).union(*(out[j] for j in after)))
    return out


def undone(p: Process) -> bool:
    if p[0] == "nil":
        return True
    if p[0] == "join":
        return all(undone(c) for c in p[-1])
    if p[0] == "undograph":
        return all(undone(c) for c in p[2])
    return p[0] == "chain" and all(undone(c) for c in p[1])
