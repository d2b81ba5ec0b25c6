"""The steps of a process, by its kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from .states import (
    alive,
    begin,
    begun,
    cancel,
    done,
    freed,
    left_by,
    log_of,
    over_node,
    undo_process,
    undone,
)
from .terms import ACTIVITIES, CANCELLED, NIL, RETURN, UNDO_FAILED, Data, Process, Result, real


def steps(p: Process, d: Data) -> Iterator[Result]:
    kind = p[0]
    handler = STEPS.get(kind)
    if handler is not None:
        yield from handler(p, d)


def _wrap(results: Iterator[Result], put, leave: bool = False) -> Iterator[Result]:
    """The steps of a part, put back into its surroundings; with `leave`, errors end those."""
    for r in results:
        if r[0] == "ok":
            yield ("ok", r[1], put(r[2]))
        elif leave:
            yield r
        else:
            yield ("raise", r[1], r[2], put(r[3]))


def _term(p: Process, d: Data) -> Iterator[Result]:
    kind, *rest = p[1]
    match kind:
        case "act":
            yield from begun(rest[0], 0, False, d)
        case "transact":
            if d.n == rest[0]:
                yield ("ok", replace(d, n=rest[1]), NIL)
            else:
                yield ("raise", "Aborted", d, NIL)
        case "set":
            yield ("ok", replace(d, n=rest[0]), NIL)
        case "fail":
            yield ("raise", rest[0], d, NIL)
        case "return":
            yield ("raise", RETURN, d, NIL)
        case "skip":
            return
        case "choice":
            for x in rest:
                yield from steps(("term", x), d)
        case "if":
            yield from steps(("term", rest[1] if d.n == rest[0] else rest[2]), d)
        case "using":
            if d.used == 0:
                yield ("ok", replace(d, used=1), ("using", ("term", rest[0])))
        case _:
            yield from steps(begin(p[1]), d)


def _run(p: Process, d: Data) -> Iterator[Result]:
    _, name, attempt, _, maybe = p
    a = ACTIVITIES[name]
    free = freed(name, d)
    yield ("ok", free.effect(a.digit), ("nil", (name,)))
    if a.fails:
        if attempt < a.retry:
            yield ("ok", free, ("again", name, attempt + 1, maybe))
        else:
            yield ("raise", a.fails, free, left_by(name, maybe))


def _again(p: Process, d: Data) -> Iterator[Result]:
    yield from begun(p[1], p[2], p[3], d)


def _seq(p: Process, d: Data) -> Iterator[Result]:
    _, log, first, rest = p

    def put(q: Process) -> Process:
        if q[0] == "nil":
            if not rest:
                return ("nil", log + q[1])
            return ("seq", log + q[1], ("term", rest[0]), rest[1:])
        return ("seq", log, q, rest)

    for r in steps(first, d):
        if r[0] == "ok":
            yield ("ok", r[1], put(r[2]))
        else:
            yield ("raise", r[1], r[2], ("seq", log, r[3], ()))
    if rest and done(first, d):
        yield from steps(("seq", log + log_of(first), ("term", rest[0]), rest[1:]), d)


def _join(p: Process, d: Data) -> Iterator[Result]:
    _, kind, first, children = p

    def put(i: int, q: Process, kept: str | None = first) -> Process:
        return ("join", kind, kept, (*children[:i], q, *children[i + 1 :]))

    for i, c in enumerate(children):
        kept = c[0] == "failed"
        for r in steps(c[1] if kept else c, d):
            if kept and r[0] == "ok":
                yield ("ok", r[1], put(i, ("failed", r[2])))
                continue
            assert not kept or not real(r[1])
            if r[0] == "ok":
                yield ("ok", r[1], put(i, r[2]))
            elif kind != "par" and real(r[1]):
                yield ("ok", r[2], put(i, ("failed", r[3]), first or r[1]))
            else:
                d2, left = r[2], []
                for j, other in enumerate(children):
                    if j == i:
                        left.append(r[3])
                    else:
                        d2, q = cancel(other[1] if other[0] == "failed" else other, d2)
                        left.append(q)
                yield ("raise", r[1], d2, ("join", "par", None, tuple(left)))
    failed = sum(c[0] == "failed" for c in children)
    if kind == "all" and failed:
        if all(done(c[1] if c[0] == "failed" else c, d) for c in children):
            yield ("raise", first, *cancel(p, d))
    if kind in ("any", "two"):
        needed = 1 if kind == "any" else 2
        if sum(c[0] != "failed" and done(c, d) for c in children) >= needed:
            yield ("ok", *cancel_others(p, d))
        if len(children) - failed < needed:
            yield ("raise", first, *cancel(p, d))


def cancel_others(p: Process, d: Data) -> tuple[Data, Process]:
    """Enough branches are done: they keep what they have done, the others are cancelled."""
    out = []
    for c in p[-1]:
        if c[0] != "failed" and done(c, d):
            out.append(("nil", log_of(c)))
        else:
            d, left = cancel(c[1] if c[0] == "failed" else c, d)
            out.append(left)
    return d, ("join", "par", None, tuple(out))


def _graph(p: Process, d: Data) -> Iterator[Result]:
    _, nodes, first, states = p

    def put(i: int, s: tuple, kept: str | None = first) -> Process:
        return ("graph", nodes, kept, (*states[:i], s, *states[i + 1 :]))

    for i, (status, q) in enumerate(states):
        body, after, join = nodes[i]
        if status == "waiting":
            over = all(over_node(states[j], d) for j in after)
            won = sum(states[j][0] == "ended" for j in after)
            failed = sum(states[j][0] == "failed" and over_node(states[j], d) for j in after)
            if not after:
                ready, runs = True, True
            elif join == "all":
                ready, runs = over, won == len(after)
            elif join == "any":
                ready, runs = over or won > 0, won > 0
            elif join == "always":
                ready, runs = over, True
            else:
                ready, runs = over, failed > 0
            if not ready:
                continue
            if not runs:
                yield ("ok", d, put(i, ("skipped", NIL)))
                continue
            q = ("term", body)
        if status in ("ended", "skipped"):
            continue
        for r in steps(q, d):
            if r[0] == "ok":
                fresh = "failed" if status == "failed" else "running"
                ended = r[2][0] == "nil" and fresh == "running"
                yield ("ok", r[1], put(i, ("ended" if ended else fresh, r[2])))
            elif real(r[1]):
                assert status != "failed"
                yield ("ok", r[2], put(i, ("failed", r[3]), first or r[1]))
            else:
                d2, left = r[2], []
                for j, (_, other) in enumerate(states):
                    if j == i:
                        left.append(("failed", r[3]))
                    else:
                        d2, other = cancel(other, d2)
                        left.append(("failed", other))
                yield ("raise", r[1], d2, ("graph", nodes, None, tuple(left)))
        if status in ("waiting", "running") and done(q, d):
            yield ("ok", d, put(i, ("ended", ("nil", log_of(q)))))
    if first is not None and all(over_node(s, d) for s in states):
        yield ("raise", first, *cancel(p, d))


def _while(p: Process, d: Data) -> Iterator[Result]:
    _, log, inner, value, most, body, rounds = p
    if inner == NIL:
        if d.n != value:
            return
        if rounds >= most:
            yield ("raise", "TooMany", d, ("nil", log))
            return
        inner, rounds = ("term", body), rounds + 1

    def put(q: Process) -> Process:
        if q[0] == "nil":
            return ("while", log + q[1], NIL, value, most, body, rounds)
        return ("while", log, q, value, most, body, rounds)

    for r in steps(inner, d):
        if r[0] == "ok":
            yield ("ok", r[1], put(r[2]))
        else:
            yield ("raise", r[1], r[2], ("seq", log, r[3], ()))
    if done(inner, d):
        yield ("ok", d, put(("nil", log_of(inner))))


def _try(p: Process, d: Data) -> Iterator[Result]:
    _, inner, error, handler = p
    for r in steps(inner, d):
        if r[0] == "ok":
            yield ("ok", r[1], r[2] if r[2][0] == "nil" else ("try", r[2], error, handler))
        elif r[1] == error or (error == "*" and real(r[1])):
            yield ("ok", r[2], ("seq", (), r[3], (handler,)))
        else:
            yield r


def _retry(p: Process, d: Data) -> Iterator[Result]:
    _, log, inner, t, left, paused = p
    if paused:
        for r in steps(inner, d):
            if r[0] == "ok":
                yield ("ok", r[1], ("retry", log, r[2], t, left, True))
            else:
                assert not real(r[1])
                yield ("raise", r[1], r[2], ("seq", log, r[3], ()))
        if done(inner, d):
            yield ("ok", d, ("retry", log + log_of(inner), ("term", t[3]), t, left, False))
        return
    for r in steps(inner, d):
        if r[0] == "ok":
            done_ = r[2][0] == "nil"
            yield (
                "ok",
                r[1],
                ("nil", log + r[2][1]) if done_ else ("retry", log, r[2], t, left, False),
            )
        elif left and (r[1] == t[2] if t[2] else real(r[1]) and r[1] not in ("F", "TooMany")):
            yield ("ok", r[2], ("retry", log, r[3], t, left - 1, True))
        else:
            yield ("raise", r[1], r[2], ("seq", log, r[3], ()))


def _using(p: Process, d: Data) -> Iterator[Result]:
    for r in steps(p[1], d):
        if r[0] == "ok":
            if r[2][0] == "nil":
                yield ("ok", replace(r[1], used=r[1].used - 1), r[2])
            else:
                yield ("ok", r[1], ("using", r[2]))
        elif alive(r[3]):
            yield ("raise", r[1], r[2], ("using", r[3]))
        else:
            yield ("raise", r[1], replace(r[2], used=r[2].used - 1), r[3])
    if done(p[1], d):
        yield ("ok", replace(d, used=d.used - 1), ("nil", log_of(p[1])))


def _within(p: Process, d: Data) -> Iterator[Result]:
    _, inner, value, orelse = p
    for r in steps(inner, d):
        if r[0] == "ok":
            yield ("ok", r[1], _ended(r[2], d) or ("within", r[2], value, orelse))
        else:
            yield r
    if d.n == value and not done(inner, d):
        d2, left = cancel(inner, d)
        if orelse:
            yield ("ok", d2, ("seq", (), left, (orelse,)))
        else:
            yield ("raise", "Interrupted", d2, left)


def _ended(p: Process, d: Data) -> Process | None:
    """A part that has ended takes its surroundings with it."""
    return p if d.eager and p[0] == "nil" else None


def _nocancel(p: Process, d: Data) -> Iterator[Result]:
    for r in steps(p[1], d):
        if r[0] == "ok":
            yield ("ok", r[1], _ended(r[2], d) or ("nocancel", r[2]))
        elif r[1] == UNDO_FAILED:
            yield r
        else:
            yield ("ok", r[2], ("pending", r[3], r[1]))


def _quiet(p: Process, d: Data) -> Iterator[Result]:
    """A protected part of something that has been cancelled: its errors are nobody's."""
    for r in steps(p[1], d):
        if r[0] == "ok":
            yield ("ok", r[1], r[2] if r[2][0] == "nil" else ("quiet", r[2]))
        elif r[1] == UNDO_FAILED:
            yield r
        else:
            yield ("ok", r[2], ("quiet", r[3]))


def _pending(p: Process, d: Data) -> Iterator[Result]:
    yield from _wrap(steps(p[1], d), lambda q: ("pending", q, p[2]), True)
    if done(p[1], d):
        yield ("raise", p[2], d, ("nil", log_of(p[1])))


def _cleanup(p: Process, d: Data) -> Iterator[Result]:
    _, log, inner, final, pending, phase = p
    if phase == "body":
        for r in steps(inner, d):
            if r[0] == "ok":
                yield ("ok", r[1], ("cleanup", log, r[2], final, pending, phase))
            elif r[1] == UNDO_FAILED:
                yield r
            else:
                yield ("ok", r[2], ("cleanup", log, r[3], final, pending or r[1], phase))
        if done(inner, d):
            last = ("cleanup", log + log_of(inner), ("term", final), final, pending, "final")
            yield from steps(last, d)
        return
    for r in steps(inner, d):
        if r[0] == "ok":
            if pending is None and _ended(r[2], d):
                yield ("ok", r[1], ("nil", log + r[2][1]))
            else:
                yield ("ok", r[1], ("cleanup", log, r[2], final, pending, phase))
        elif r[1] == UNDO_FAILED:
            yield ("raise", r[1], r[2], ("seq", log, r[3], ()))
        else:
            yield ("ok", r[2], ("cleanup", log, r[3], final, pending or r[1], phase))
    if pending not in (None, CANCELLED) and done(inner, d):
        yield ("raise", pending, d, ("nil", log + log_of(inner)))
        if not d.eager:
            yield ("ok", d, ("pending", ("nil", log + log_of(inner)), pending))


def _saga(p: Process, d: Data) -> Iterator[Result]:
    for r in steps(p[1], d):
        if r[0] == "ok":
            yield ("ok", r[1], r[2] if r[2][0] == "nil" else ("saga", r[2]))
        elif real(r[1]):
            yield ("ok", r[2], ("undo", r[3], None, r[1]))
        else:
            yield r


def _undo(p: Process, d: Data) -> Iterator[Result]:
    _, left, undo, pending = p
    if undo is None:
        yield from _wrap(steps(left, d), lambda q: ("undo", q, None, pending), True)
        if not done(left, d):
            return
        undo = undo_process(log_of(left))
    for r in steps(undo, d):
        if r[0] == "ok":
            yield ("ok", r[1], ("undo", NIL, r[2], pending))
        else:
            yield r
    if pending != CANCELLED and done(undo, d):
        yield ("raise", pending, d, NIL)


def _chain(p: Process, d: Data) -> Iterator[Result]:
    """Undo in sequence: processes, not terms."""
    parts = p[1]
    for i, first in enumerate(parts):
        yield from _wrap(steps(first, d), lambda q, i=i: _chained((q, *parts[i + 1 :])), True)
        if not undone(first):
            return


def _chained(parts: tuple) -> Process:
    parts = tuple(q for q in parts if not undone(q))
    return ("chain", parts) if parts else NIL


def _undograph(p: Process, d: Data) -> Iterator[Result]:
    _, later, parts = p
    for i, q in enumerate(parts):
        if all(undone(parts[j]) for j in later[i]):
            for r in steps(q, d):
                if r[0] == "ok":
                    yield ("ok", r[1], ("undograph", later, (*parts[:i], r[2], *parts[i + 1 :])))
                else:
                    rest = ("undograph", later, (*parts[:i], *parts[i + 1 :]))
                    yield ("raise", r[1], *cancel(rest, r[2]))


def _undoing(p: Process, d: Data) -> Iterator[Result]:
    a = ACTIVITIES[p[1]]
    if a.undo.isdigit():
        yield ("ok", d.effect(int(a.undo)), NIL)
        return
    inner = p[2] if len(p) > 2 else ("term", ("act", a.undo))
    for r in steps(inner, d):
        if r[0] == "ok":
            yield ("ok", r[1], NIL if r[2][0] == "nil" else ("undoing", p[1], r[2]))
        elif a.instead:
            yield ("ok", r[2], ("instead", p[1], ("term", ("act", a.instead))))
        else:
            yield ("raise", UNDO_FAILED, r[2], NIL)


def _instead(p: Process, d: Data) -> Iterator[Result]:
    for r in steps(p[2], d):
        if r[0] == "ok":
            yield ("ok", r[1], NIL if r[2][0] == "nil" else ("instead", p[1], r[2]))
        else:
            yield ("raise", UNDO_FAILED, r[2], NIL)


STEPS = {
    "term": _term,
    "run": _run,
    "again": _again,
    "seq": _seq,
    "join": _join,
    "graph": _graph,
    "while": _while,
    "try": _try,
    "retry": _retry,
    "using": _using,
    "within": _within,
    "nocancel": _nocancel,
    "quiet": _quiet,
    "pending": _pending,
    "cleanup": _cleanup,
    "saga": _saga,
    "undo": _undo,
    "chain": _chain,
    "undograph": _undograph,
    "undoing": _undoing,
    "instead": _instead,
}
