"""A second reading of the language's terms: processes that rewrite themselves, step by step.

It shares nothing with the lowering: no points, no moves, no flags.  A process is a tuple; what an
error leaves behind is the process itself, cancelled, in which only protected parts still move.
Terms are tuples as well (`text` writes them as the language does); activities are letters.

    ("act", name) ("set", n) ("fail", E) ("return",) ("skip",)
    ("seq", t..) ("par", t..) ("choice", t..) ("if", c, t, t) ("while", c, most, t)
    ("all", t..) ("any", t..) ("two", t..)            par wait_all, any, 2 of
    ("tolerate", n, t..)                              not written as text; see `text`
    ("try", t, E, t) ("finally", t, t) ("retry", n, E, t) ("saga", t) ("nocancel", t)
    ("using", t) ("within", c, t, t) ("steps", (t, (after..), join)..)
    ("transact", c, n)                                 transaction { require n == c ; n := .. }

The data: `n` (0..2), and `log`, to which every activity appends its digit: outcomes tell orders.
Where the workflow may crash, `log` is a sum: in which order two that were cut off had their effect
is not said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

Term = tuple
Process = tuple

NIL: Process = ("nil", ())
CANCELLED = "cancelled"
RETURN = "return"
UNDO_FAILED = "UndoFailed"


@dataclass(frozen=True)
class Activity:
    """`uses` claims the pool's one unit; `undo` is "" or a digit or the name of an activity, which
    may fail: then `instead` runs.  `busy`: it claims the pool that does not wait, or fails so.
    `unsure`: at least once."""

    digit: int
    fails: str = ""
    uses: bool = False
    undo: str = ""
    retry: int = 0
    instead: str = ""
    busy: str = ""
    unsure: bool = False


@dataclass(frozen=True)
class Data:
    """`down`: None where nobody crashes; else how many crashes are left."""

    n: int = 0
    log: int = 0
    used: int = 0
    busy: int = 0
    down: int | None = None

    def effect(self, digit: int) -> Data:
        return replace(self, log=self.log * 10 + digit if self.down is None else self.log + digit)


ACTIVITIES = {
    "a": Activity(1, undo="5"),
    "b": Activity(2, fails="E", undo="6"),
    "c": Activity(3, uses=True, undo="7"),
    "d": Activity(4, fails="F", uses=True, retry=1),
    "u": Activity(8, fails="E"),
    "g": Activity(9, undo="u"),
    "h": Activity(1, undo="u", instead="v"),
    "k": Activity(2, undo="3", unsure=True),
    "m": Activity(4, fails="E", retry=1, unsure=True, uses=True),
    "q": Activity(5, busy="F"),
    "v": Activity(6),
}
OLD = "abcdg"

# A part that ends without a step of its own (after a join, `nocancel`, `finally`, `within`) may
# need one in its surroundings: to give back a claim, to begin the next round.  The design leaves
# that open; EAGER never takes such a step later than at once.
EAGER = True

Result = tuple  # ("ok", data, process) or ("raise", error, data, what is left of the process)


def real(error: str) -> bool:
    return error not in (RETURN, UNDO_FAILED)


# --- terms as text -----------------------------------------------------------------------------


def text(t: Term) -> str:
    kind, *rest = t
    match kind:
        case "act":
            return rest[0]
        case "set":
            return f"{{ n := {rest[0]} }}"
        case "fail":
            return f"fail {rest[0]}"
        case "return" | "skip":
            return kind
        case "seq":
            return "{ " + " ; ".join(map(text, rest)) + " }"
        case "par":
            return "{ " + " || ".join(map(text, rest)) + " }"
        case "choice":
            return "{ " + " + ".join(map(text, rest)) + " }"
        case "all" | "any" | "two":
            head = {"all": "wait_all", "any": "any", "two": "2 of"}[kind]
            return f"par {head} {{ " + " || ".join(map(text, rest)) + " }"
        case "if":
            return f"if (n == {rest[0]}) {{ {text(rest[1])} }} else {{ {text(rest[2])} }}"
        case "while":
            return f"while (n == {rest[0]}) at_most {rest[1]} {{ {text(rest[2])} }}"
        case "try":
            return f"try {{ {text(rest[0])} }} catch {rest[1]} {{ {text(rest[2])} }}"
        case "finally":
            return f"try {{ {text(rest[0])} }} finally {{ {text(rest[1])} }}"
        case "retry":
            on = f" on {rest[1]}" if rest[1] else ""
            return f"retry({rest[0]}{on}) {{ {text(rest[2])} }}"
        case "saga" | "nocancel":
            return f"{kind} {{ {text(rest[0])} }}"
        case "using":
            return f"using (r 1) {{ {text(rest[0])} }}"
        case "transact":
            return f"transaction {{ require n == {rest[0]} ; n := {rest[1]} }}"
        case "within":
            head = f"within until (n == {rest[0]}) {{ {text(rest[1])} }}"
            return head + (f" else {{ {text(rest[2])} }}" if rest[2] else "")
        case "steps":
            nodes = []
            for i, (body, after, join) in enumerate(rest):
                node = f"k{i} {{ {text(body)} }}"
                if after:
                    node += " after " + ", ".join(f"k{j}" for j in after) + f" join {join}"
                nodes.append(node)
            return "steps { " + " ".join(nodes) + " }"
    raise AssertionError(kind)


def spec(t: Term, crash: bool = False) -> str:
    acts = []

    def adds(digit: object) -> str:
        return f"log += {digit}" if crash else f"log := log * 10 + {digit}"

    for name, a in ACTIVITIES.items():
        clauses = [f"do {{ {adds(a.digit)} }}"]
        if a.fails:
            clauses.append(f"fails {a.fails}")
        if a.uses:
            clauses.append("uses r 1")
        if a.busy:
            clauses.append("uses q 1")
        if a.unsure:
            clauses.append("at_least_once")
        if a.retry:
            clauses.append(f"retry {a.retry} on {a.fails}")
        if a.undo.isdigit():
            clauses.append(f"undo {{ {adds(a.undo)} }}")
        elif a.undo:
            clauses.append(f"undo {a.undo}()")
        if a.instead:
            clauses[-1] += f" else {{ {a.instead} }}"
        acts.append(f"  activity {name} {{ {' '.join(clauses)} }}")
    return "\n".join(
        [
            "error E transient",
            "error F permanent",
            "resource r : pool(1)",
            "resource q : pool(1) on_busy fail F",
            "workflow w() fails E, F, TooMany, Interrupted, Aborted {",
            "  var n: int = 0",
            "  var log: int = 0",
            *acts,
            f"  run {{ {text(t)} }}",
            "}",
            f"system {{ w {'faults crash w at_most 1' if crash else ''} }}",
        ]
    )


# --- processes ---------------------------------------------------------------------------------
# The undo log of a process: a tuple of entries in sequence; an entry is the name of an activity,
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


# --- steps -------------------------------------------------------------------------------------


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
            yield ("ok", r[1], _ended(r[2]) or ("within", r[2], value, orelse))
        else:
            yield r
    if d.n == value and not done(inner, d):
        d2, left = cancel(inner, d)
        if orelse:
            yield ("ok", d2, ("seq", (), left, (orelse,)))
        else:
            yield ("raise", "Interrupted", d2, left)


def _ended(p: Process) -> Process | None:
    """A part that has ended takes its surroundings with it."""
    return p if EAGER and p[0] == "nil" else None


def _nocancel(p: Process, d: Data) -> Iterator[Result]:
    for r in steps(p[1], d):
        if r[0] == "ok":
            yield ("ok", r[1], _ended(r[2]) or ("nocancel", r[2]))
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
            if pending is None and _ended(r[2]):
                yield ("ok", r[1], ("nil", log + r[2][1]))
            else:
                yield ("ok", r[1], ("cleanup", log, r[2], final, pending, phase))
        elif r[1] == UNDO_FAILED:
            yield ("raise", r[1], r[2], ("seq", log, r[3], ()))
        else:
            yield ("ok", r[2], ("cleanup", log, r[3], final, pending or r[1], phase))
    if pending not in (None, CANCELLED) and done(inner, d):
        yield ("raise", pending, d, ("nil", log + log_of(inner)))
        if not EAGER:
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


def undone(p: Process) -> bool:
    if p[0] == "nil":
        return True
    if p[0] == "join":
        return all(undone(c) for c in p[-1])
    if p[0] == "undograph":
        return all(undone(c) for c in p[2])
    return p[0] == "chain" and all(undone(c) for c in p[1])


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
    global EAGER
    EAGER = eager
    first = (Data(down=1 if crash else None), ("term", t), None, False)
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


# --- random terms ------------------------------------------------------------------------------


def random_term(r: Random, size: int, letters: str = OLD) -> Term:
    """A term with about `size` leaves, of these activities; of others, transactions as well."""

    def part(n: int) -> Term:
        return random_term(r, n, letters)

    if size <= 1:
        x = r.random()
        if x < 0.55:
            return ("act", r.choice(letters))
        if letters != OLD and x < 0.62:
            return ("transact", r.randrange(2), r.randrange(3))
        if x < 0.7:
            return ("set", r.randrange(3))
        if x < 0.84:
            return ("fail", r.choice("EF"))
        return ("skip",) if x < 0.92 else ("return",)
    a = r.randint(1, size - 1)
    b, c = size - a, r.randrange(2)
    third = max(1, size // 3)
    match r.randrange(20):
        case 0 | 1 | 2:
            return ("seq", part(a), part(b))
        case 3:
            return ("choice", part(a), part(b))
        case 4:
            return ("if", c, part(a), part(b) if r.random() < 0.6 else ("skip",))
        case 5:
            return ("while", c, r.randrange(1, 3), part(size - 1))
        case 6:
            return (r.choice(["all", "any"]), part(a), part(b))
        case 7:
            return ("two", part(third), part(third), part(third))
        case 8:
            return ("try", part(a), r.choice("EF"), part(b))
        case 9:
            return ("finally", part(a), part(b))
        case 10:
            return ("retry", 1, r.choice(["E", "F", ""]), part(size - 1))
        case 11 | 12:
            return ("saga", part(size - 1))
        case 13:
            return ("nocancel", part(size - 1))
        case 14:
            return ("using", part(size - 1))
        case 15:
            return ("within", c + 1, part(a), part(b) if r.random() < 0.5 else None)
        case 16:
            nodes = []
            for i in range(r.choice([2, 3])):
                after = tuple(j for j in range(i) if r.random() < 0.6)
                join = r.choice(["all", "any", "always", "on_failure"]) if after else ""
                nodes.append((part(third), after, join))
            return ("steps", *nodes)
    return ("par", part(a), part(b))
