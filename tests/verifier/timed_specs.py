"""Random specs of a few activities in which time and contention decide: for `timed_naive`."""

from __future__ import annotations

import random

# What a spec is mostly about: forms that come up more often, and whether all data are shared by
# all (then nearly everything races, and no other reason why results part is looked at).
THEMES: tuple[tuple[tuple[str, ...], bool], ...] = (
    ((), True),
    (("choice",) * 6 + ("using",) * 2, False),
    (("if",) * 5 + ("using",) * 3, False),
    (("while", "retry", "retry", "again") * 2, False),
    (("saga",) * 4 + ("nocancel", "finally"), False),
    (("steps",) * 5, False),
)


class Maker:
    """Races, claims, failures, time-outs, choices, policies, sagas, loops, several instances."""

    def __init__(self, seed: int, size: int = 3) -> None:
        self.rng = random.Random(seed)
        self.left = self.rng.randint(2, max(2, size))
        self.second = False
        self.more, self.mixed = THEMES[seed % len(THEMES)]

    def spec(self) -> str:
        pick = self.rng.choice
        self.second = self.rng.random() < 0.15
        if self.second:
            self.left = min(self.left, 2)
        parts = "\n ".join(self.activity(n) for n in "abc")
        body = self.term(3) if self.mixed or self.rng.random() < 0.4 else self.shape()
        head = [
            "error E transient",
            "error F transient",
            "enum D { p, q }",
            f"resource l : lock{pick(['', '', '', ' priority'])}",
            f"resource r : pool({pick([1, 1, 2])}){pick(['', '', '', ' advisory'])}",
        ]
        var = "shared" if self.second or self.rng.random() < 0.1 else "var"
        data = [f"{var} {x}: int = 0" for x in "xy"] + [f"{var} go: bool = false"]
        inside = [] if var == "shared" else data
        head += data if var == "shared" else []
        head.append("workflow w fails E, F {")
        head += [f" {d}" for d in (*inside, parts)]
        head.append(f" run {{ {body} }}\n}}")
        if self.second:
            tail = self.leaf() if self.rng.random() < 0.5 else self.rng.choice("de")
            tail = tail if tail not in "abc" else "d"
            more = "\n ".join(self.activity(n) for n in "de")
            head.append(f"workflow v fails E, F {{\n {more}\n run {{ {tail} }}\n}}")
            scheduler = pick(["", "", " scheduler fifo", " scheduler priority"])
            head.append(f"system {{ {pick(['w', 'w', 'w[2]'])} v{scheduler} }}")
        return "\n".join(head) + "\n"

    def activity(self, name: str) -> str:
        pick = self.rng.choice
        takes = [
            "takes 1s",
            "takes 2s",
            "takes 1s..2s",
            "takes 1s..3s",
            "takes 0s..1s",
            "takes 1s..",
        ]
        fails = pick(["", "", "fails E", "fails F", "fails E", "fails E, F"])
        timeout = pick(["", "", "", "timeout 2s"])
        uses = pick(["", "", "", "uses l exclusive", "uses r 1", "uses l shared"])
        retry = (
            pick(["", "", "", "retry 1 on E", "retry 1 on E backoff 1s"]) if "E" in fails else ""
        )
        own = {"a": "x", "b": "y"}.get(name)
        if self.mixed or self.rng.random() < 0.1:
            effect = pick(
                ["x := 1", "x := 2", "x += 1", "y := x", "go := true", "y += 1", "", "x := y"]
            )
            undo = pick(["undo skip", "undo { x := 0 }", "undo { y += 1 }", "undo { x -= 1 }"])
        else:
            effect = pick([f"{own} += 1", f"{own} := 1", ""]) if own else ""
            undo = pick(["undo skip", f"undo {{ {own} := 0 }}"]) if own else "undo skip"
        undo = undo if self.rng.random() < 0.5 else ""
        first = pick(["", "", "", "", "", "priority 1"])
        do = f"do {{ {effect} }}" if effect else ""
        clauses = [uses, pick(takes), timeout, fails, retry, do, undo, first]
        return f"activity {name} {{ {'  '.join(c for c in clauses if c)} }}"

    def condition(self) -> str:
        if not self.mixed and self.rng.random() < 0.7:
            looks = ["running(a)", "used(r) > 0", "held(l)", "free(r) > 0", "done(b)", "failed(a)"]
            return self.rng.choice(looks)
        return self.rng.choice(["x > 0", "go", "running(a)", "used(r) > 0", "done(b)", "y == 1",
                                "x == y", "not go", "held(l)", "times(a) == 1"])  # fmt: skip

    def term(self, depth: int) -> str:
        pick = self.rng.choice
        if depth == 0 or self.left <= 0:
            return self.leaf()
        sub = lambda: self.term(depth - 1)  # noqa: E731
        kind = pick(["par", "par", "par", "par", "seq", "seq", "try", "within", "any", "all",
                     "choice", "if", "using", "retry", "finally", "steps", "nocancel", "saga",
                     "while", "each", "within until", "of", "catch finally",
                     *self.more])  # fmt: skip
        match kind:
            case "par":
                return f"{{ {sub()} || {sub()} }}"
            case "seq":
                return f"{sub()} ; {sub()}"
            case "try":
                catch = pick(["E", "F", "Timeout", "*", "E, F"])
                return f"try {{ {sub()} }} catch {catch} {{ {pick(['skip', 'y := 5', sub()])} }}"
            case "within":
                other = pick(["skip", "y := 7", "fail E", sub()])
                return f"within {pick(['1s', '2s', '3s'])} {{ {sub()} }} else {{ {other} }}"
            case "within until":
                return f"within until ({self.condition()}) {{ {sub()} }}"
            case "any":
                return f"par any {{ {{ {sub()} }} || {{ {sub()} }} }}"
            case "all":
                return f"par wait_all {{ {{ {sub()} }} || {{ {sub()} }} }}"
            case "of":
                return f"par 2 of {{ {{ {sub()} }} || {{ {sub()} }} || {{ {self.leaf()} }} }}"
            case "choice":
                return f"{{ {{ {sub()} }} + {{ {sub()} }} }}"
            case "if":
                other = f" else {{ {sub()} }}" if self.rng.random() < 0.3 else ""
                return f"if ({self.condition()}) {{ {sub()} }}{other}"
            case "using":
                claim = pick(["l exclusive", "l shared", "r 1", "r 1, l exclusive"])
                return f"using ({claim}) {{ {sub()} }}"
            case "retry":
                return f"retry(1 on {pick('EF')}{pick(['', ' backoff 1s'])}) {{ {sub()} }}"
            case "finally":
                return f"try {{ {sub()} }} finally {{ {pick(['y += 1', 'y := x', 'c'])} }}"
            case "catch finally":
                return f"try {{ {sub()} }} catch E {{ {self.leaf()} }} finally {{ y += 1 }}"
            case "nocancel":
                return f"nocancel {{ {sub()} }}"
            case "saga":
                body = (
                    f"{sub()} ; {sub()}" if self.rng.random() < 0.5 else f"{{ {sub()} || {sub()} }}"
                )
                saga = f"saga {{ {body} }}"
                return pick([saga, f"try {{ {saga} }} catch * {{ skip }}"])
            case "while":
                return f"while ({pick(['x < 2', 'not go', 'y == 0'])}) at_most 1 {{ {sub()} }}"
            case "again":
                inner = f"try {{ {{ {sub()} || {sub()} }} }} catch * {{ skip }}"
                return f"each i in 0..1 seq {{ {inner} }}"
            case "each":
                how = pick(["", " seq", " at_most 1 at once", " tolerate 1 as y"])
                return f"each i in {pick(['0..1', 'D'])}{how} {{ {self.leaf()} }}"
            case _:
                join = pick(["", "join any", "join always", "join on_failure"])
                when = pick(["", "", f"when {self.condition()}"])
                last = f"n3 {{ {self.leaf()} }} after n1, n2 {when} {join}"
                return f"steps {{ n1 {{ {sub()} }} n2 {{ {sub()} }} {last} }}"

    def shape(self) -> str:
        """One thing that others may decide, beside what may decide it."""
        p = [self.piece() for _ in range(4)]
        look = self.condition()
        forms = [
            f"{{ {{ {{ {p[0]} }} + {{ {p[1]} }} }} || {{ {p[2]} }} }}",
            f"{{ {{ {{ {p[0]} }} + skip }} ; {p[1]} || {{ {p[2]} }} }}",
            f"{{ {{ {{ {p[0]} }} + {{ {p[1]} }} }} ; {p[3]} || {{ {p[2]} }} }}",
            f"{{ {{ {p[3]} ; if ({look}) {{ {p[0]} }} else {{ {p[1]} }} }} || {{ {p[2]} }} }}",
            f"each i in 0..1 seq {{ try {{ {{ {p[0]} || {p[1]} }} }} catch * {{ {p[2]} }} }}",
            f"retry(1 on E) {{ {{ {p[0]} || {p[1]} }} }} ; {p[2]}",
            f"{{ retry(1 on E) {{ {{ {p[0]} || {p[1]} }} }} || {{ {p[2]} }} }}",
            f"{{ within until ({look}) {{ {p[0]} }} || {{ {p[1]} }} }}",
            f"try {{ saga {{ {p[0]} ; {{ {p[1]} || {p[2]} }} }} }} catch * {{ skip }}",
            f"par any {{ {{ {p[0]} }} || {{ {p[1]} }} }} ; {p[2]}",
            f"try {{ {{ {p[0]} || {p[1]} }} }} catch E {{ {p[2]} }}",
            f"{{ {p[0]} || {p[1]} || {p[2]} }}",
        ]
        return self.rng.choice(forms)

    def piece(self) -> str:
        pick = self.rng.choice
        one = lambda: pick("abc")  # noqa: E731
        forms = [
            *[one() for _ in range(5)],
            f"{one()} ; {one()}",
            f"using ({pick(['l exclusive', 'r 1', 'l shared'])}) {{ {one()} }}",
            f"try {{ {one()} }} catch * {{ skip }}",
            f"wait {pick('12')}s ; {one()}",
            pick(["skip", "wait until (go)", "go := true", "fail E", f"{one()} ; go := true"]),
        ]
        return pick(forms)

    def leaf(self) -> str:
        pick = self.rng.choice
        if self.left > 0 and self.rng.random() < 0.75:
            self.left -= 1
            return pick("abc")
        if not self.mixed and self.rng.random() < 0.8:
            return pick(["skip", "fail E", "wait 1s", "go := true", "wait until (go)", "a", "b"])
        return pick(["x := 3", "y := x", "x += 1", "wait 1s", "wait until (go)", "go := true",
                     "fail E", "fail F", "skip", "wait until (x > 0)", "return",
                     "atomic { x += 1 ; y := x }", "assume y == 0", "assert x < 3"])  # fmt: skip


__all__ = ["Maker"]
