"""Small random specs of timed terms, and the exact times of their runs in whole seconds."""

from __future__ import annotations

import random
from dataclasses import dataclass

from ticking import TICK, Config, Ticking
from wfverify.semantics.system import TransitionSystem

RETRIES = (
    "retry 1 on E",
    "retry 1 on E, F backoff 1s",
    "retry 2 on E backoff 1s factor 2",
    "retry 2 backoff 1s factor 3 max 2s",
    "retry 1 on Timeout",
)


class Maker:
    """Timed terms; `claims` also lets them wait for each other's resources, `beats` watches
    attempts and what is pending, `elsewhere` has them run in environments with room for all, or
    refuses them a resource that is in use."""

    def __init__(
        self, seed: int, claims: bool = False, beats: bool = False, elsewhere: bool = False
    ) -> None:
        self.rng = random.Random(seed)
        self.elsewhere = random.Random(f"{seed} elsewhere") if elsewhere else None
        self.claims = claims
        self.beats = beats
        self.left = self.rng.randint(2, 4)

    def spec(self) -> str:
        parts = "\n ".join(self.activity(n) for n in "abc")
        data = [" var x: int = 0", " var y: bool = false"]
        head = ["error E transient", "error F permanent", "resource r : pool(1)"]
        body = self.term(3)
        if self.elsewhere:
            head += [f"environment {n} {{ kind docker capacity c 9 }}" for n in ("box", "mac")]
            head.append("resource q : pool(1) on_busy fail E")
        head += ["workflow w fails E, F, Timeout {", *data, f" {parts}", f" run {{ {body} }}", "}"]
        return "\n".join(head) + "\n"

    def activity(self, name: str) -> str:
        pick = self.rng.choice
        takes = pick(["1s", "2s", "1s..2s", "1s..3s", "0s..1s", "2s..4s", "3s..", "0s"])
        fails = pick(["", "", "", "fails E", "fails F", "fails E, F"])
        timeout = pick(["", "", "timeout 2s", "timeout 1s", "timeout 3s"])
        retry = pick(RETRIES)
        retry = retry if self.rng.random() < 0.4 else ""
        undo = pick(["", "undo skip", "undo { x -= 1 }", "undo c()" if name != "c" else ""])
        if self.beats and self.rng.random() < 0.2:
            fails = "fails Timeout"
        do = pick(["", "", "do { x += 1 }", "do { y := true }"])
        uses = "uses r 1" if self.claims and self.rng.random() < 0.6 else ""
        if self.beats:
            uses += pick(["", "", " timeout schedule 2s"])
            beat = pick(
                [
                    "",
                    "",
                    "heartbeat 2s",
                    "heartbeat 1s beats every 2s..3s",
                    "heartbeat 2s beats every 1s..2s",
                    "heartbeat 1s beats every 1s..3s",
                    "heartbeat 1s * (x + 1)",
                    "heartbeat 2s beats every 1s..1s * (x + 1)",
                ]
            )
            timeout = f"{timeout} {beat}"
        if self.elsewhere:
            places = ["", "runs_in box", "runs_in box, mac (c 2)", "uses q 1", "uses q 1"]
            uses += f" {self.elsewhere.choice(places)}"
        return f"activity {name} {{ {uses} takes {takes} {timeout} {fails} {retry} {do} {undo} }}"

    def leaf(self) -> str:
        pick = self.rng.choice
        if self.left > 0 and self.rng.random() < 0.8:
            self.left -= 1
            return pick("abc")
        return pick(["wait 1s", "wait 2s", "fail E", "fail F", "skip", "x += 1", "y := true",
                     "return", "a", "wait until (y)"])  # fmt: skip

    def condition(self) -> str:
        return self.rng.choice(["x > 0", "y", "not y", "x == 0", "running(a)"])

    def term(self, depth: int) -> str:
        pick = self.rng.choice
        if depth == 0 or self.left <= 0:
            return self.leaf()
        sub = lambda: self.term(depth - 1)  # noqa: E731
        match pick(["par", "par", "par", "seq", "seq", "seq", "try", "try", "within", "within",
                    "any", "all", "of", "choice", "if", "retry", "finally", "steps", "nocancel",
                    "saga", "while", "each", "until", "both"]):  # fmt: skip
            case "par":
                return f"{{ {{ {sub()} }} || {{ {sub()} }} }}"
            case "seq":
                return f"{{ {sub()} }} ; {{ {sub()} }}"
            case "try":
                errors = pick(["E", "F", "Timeout", "*", "E, F"])
                return f"try {{ {sub()} }} catch {errors} {{ {sub()} }}"
            case "finally":
                return f"try {{ {sub()} }} finally {{ {self.leaf().replace('return', 'skip')} }}"
            case "both":
                return f"try {{ {sub()} }} catch E {{ {self.leaf()} }} finally {{ wait 1s }}"
            case "within":
                other = pick(["", f" else {{ {sub()} }}"])
                return f"within {pick(['1s', '2s', '3s', '4s'])} {{ {sub()} }}{other}"
            case "until":
                return f"within until ({self.condition()}) {{ {sub()} }} else {{ {self.leaf()} }}"
            case "any":
                return f"par any {{ {{ {sub()} }} || {{ {sub()} }} }}"
            case "all":
                return f"par wait_all {{ {{ {sub()} }} || {{ {sub()} }} }}"
            case "of":
                return f"par 2 of {{ {{ {sub()} }} || {{ {sub()} }} || {{ {self.leaf()} }} }}"
            case "choice":
                return f"{{ {{ {sub()} }} + {{ {sub()} }} }}"
            case "if":
                other = pick(["", f" else {{ {sub()} }}"])
                return f"if ({self.condition()}) {{ {sub()} }}{other}"
            case "retry":
                how = pick(["1 on E", "1 on E, F backoff 1s", "2 backoff 1s factor 2", "1"])
                return f"retry({how}) {{ {sub()} }}"
            case "nocancel":
                return f"nocancel {{ {sub()} }}"
            case "saga":
                return pick(
                    [f"saga {{ {sub()} }}", f"try {{ saga {{ {sub()} }} }} catch * {{ a }}"]
                )
            case "while":
                return f"while (x < 2) at_most {pick('12')} {{ {sub()} }}"
            case "each":
                how = pick(
                    ["", " seq", " at_most 1 at once", " tolerate 1 as x", " at_most 2 at once"]
                )
                return f"each i in 0..{pick('12')}{how} {{ {self.leaf()} }}"
            case _:
                join = pick(["", "join any", "join always", "join on_failure"])
                when = pick(["", "", f"when {self.condition()}"])
                last = f"n3 {{ {self.leaf()} }} after n1, n2 {when} {join}"
                return f"steps {{ n1 {{ {sub()} }} n2 {{ {sub()} }} {last} }}"


@dataclass(frozen=True)
class Ends:
    """The least and the most seconds at which the root stands at a point; None: for ever."""

    least: int | None
    most: int | None


def ends(system: TransitionSystem, limit: int = 4000) -> dict[str, Ends]:
    """Of the first instance: "done", "failed", "ends" (None of `most`: it may never end)."""
    world = Ticking(system, limit, cap=20)
    instance = system.instances[0]
    root = system.threads[instance.root].location
    names = {instance.completed: "done", instance.failed: "failed"}
    moves = {c: [] if c[0][root] in names else m for c, m in world.moves.items()}
    first = next(iter(moves))
    reached = _reach(moves, first)
    out: dict[str, Ends] = {}
    for which in ("done", "failed", "ends"):
        goal = {
            c
            for c in reached
            if names.get(c[0][root]) in ((which,) if which != "ends" else ("done", "failed"))
        }
        if goal:
            out[which] = Ends(
                _least(moves, first, goal), _most(moves, first, goal, which == "ends")
            )
        elif which == "ends":
            out[which] = Ends(None, None)
    return out


Moves = dict[Config, list[tuple[int, Config]]]


def _reach(moves: Moves, first: Config) -> set[Config]:
    seen, todo = {first}, [first]
    while todo:
        for _, to in moves[todo.pop()]:
            if to not in seen:
                seen.add(to)
                todo.append(to)
    return seen


def _least(moves: Moves, first: Config, goal: set[Config]) -> int:
    layer, time, seen = {first}, 0, set[Config]()
    while layer:
        now, later = list(layer), set[Config]()
        while now:
            c = now.pop()
            if c in seen:
                continue
            seen.add(c)
            if c in goal:
                return time
            for rule, to in moves[c]:
                (later.add if rule == TICK else now.append)(to)
        layer, time = later, time + 1
    raise AssertionError("not reached")


def _most(moves: Moves, first: Config, goal: set[Config], every: bool) -> int | None:
    """The longest way there; `every`: None also where a run never comes there."""
    before: dict[Config, list[Config]] = {}
    for c, ms in moves.items():
        for _, to in ms:
            before.setdefault(to, []).append(c)
    to_goal, todo = set(goal), list(goal)
    while todo:
        for c in before.get(todo.pop(), ()):
            if c not in to_goal:
                to_goal.add(c)
                todo.append(c)
    inside = _reach(moves, first)
    if every and inside - to_goal:
        return None
    longest: dict[Config, int] = {}
    on_path: set[Config] = set()
    stack: list[tuple[Config, bool]] = [(first, False)]
    while stack:
        c, ready = stack.pop()
        steps = [(rule, to) for rule, to in moves[c] if to in to_goal]
        if ready:
            on_path.discard(c)
            own = [0] if c in goal else []
            longest[c] = max(own + [longest[to] + (rule == TICK) for rule, to in steps])
            continue
        if c in longest or c in on_path:
            continue
        on_path.add(c)
        stack.append((c, True))
        for _, to in steps:
            if to in on_path:
                return None  # a circle: it may go on for ever
            if to not in longest:
                stack.append((to, False))
    return longest[first]
