"""Terms, the data, and terms as text; random ones."""

from __future__ import annotations

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
    """`down`: None where nobody crashes; else how many crashes are left.

    A part that ends without a step of its own (after a join, `nocancel`, `finally`, `within`) may
    need one in its surroundings: to give back a claim, to begin the next round.  The design leaves
    that open; who is `eager` never takes such a step later than at once.
    """

    n: int = 0
    log: int = 0
    used: int = 0
    busy: int = 0
    down: int | None = None
    eager: bool = True

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
