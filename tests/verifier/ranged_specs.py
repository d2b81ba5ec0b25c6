"""Random specs whose control compares answers of the environment with constants.

`spec(type)` is the same one with another type of its data: what holds for `int` has to hold for
`int 0..3`, where `timed_naive` tries every answer.
"""

from __future__ import annotations

import random


class Ranged:
    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        pick = self.rng.choice
        a = pick(["takes 1s", "takes 1s..2s", "takes 2s"])
        b = pick(["takes 1s", "takes 1s..2s", "uses l exclusive takes 1s", "takes 2s timeout 2s"])
        fails = pick(["", "", "fails E"])
        self.activities = [
            f"activity a {{ {a}  {fails}  writes v  ensures v >= 0 and v <= 3 }}",
            f"activity b {{ {b}  writes {pick('vu')}  ensures {{w}} >= 0 and {{w}} <= 3 }}",
            f"activity c {{ takes 1s..2s  do {{ {self.effect()} }} }}",
        ]
        written = "v" if "writes v" in self.activities[1] else "u"
        self.activities[1] = self.activities[1].replace("{w}", written)
        self.body = self.form()
        self.system = pick(["w", "w", "w[2]"])
        self.shared = self.system != "w" and self.rng.random() < 0.3

    def effect(self) -> str:
        return self.rng.choice(["v := 2", "u := v", "x += 1", "x := 1", "v := u", "go := v > 1"])

    def test(self) -> str:
        v = self.rng.choice("vvu")
        return self.rng.choice([f"{v} > 1", f"{v} == 2", f"{v} < 3", f"1 <= {v}", "go", "v == u"])

    def form(self) -> str:
        pick = self.rng.choice
        yes, no = pick(["b", "c", "x := 2"]), pick(["skip", "c", "fail E", "x := 1"])
        test = f"if ({self.test()}) {{ {yes} }} else {{ {no} }}"
        return pick(
            [
                f"a ; {test}",
                f"{{ a || b }} ; {test}",
                f"{{ a || {{ b ; {test} }} }}",
                f"{{ {{ a ; {test} }} || c }}",
                f"par any {{ a || c }} ; {test}",
                f"within 2s {{ a ; {test} }} else {{ x := 5 }}",
                f"a ; {self.effect()} ; {test} ; {{ b || c }}",
                f"a ; within 2s {{ {test} ; c }} else {{ skip }}",
                f"try {{ a ; {test} }} catch * {{ skip }}",
                f"{{ a || {{ wait until ({self.test()}) ; c }} }}",
            ]
        )

    def spec(self, kind: str) -> str:
        data = f"v: {kind} = 0", f"u: {kind} = 0", "x: int = 0", "go: bool = false"
        lines = ["error E transient", "resource l : lock"]
        lines += [f"shared {d}" for d in data if self.shared]
        lines.append("workflow w fails E, Timeout {")
        lines += [f" var {d}" for d in data if not self.shared]
        lines += [f" {a}" for a in self.activities]
        lines += [f" run {{ {self.body} }}", "}", f"system {{ {self.system} }}"]
        return "\n".join(lines) + "\n"


class Summed:
    """Sums and products of arguments, undone in any order; errors that are caught."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        pick = self.rng.choice
        self.activities = [self.activity(n) for n in "abc"]
        a, b, c = (pick("abc") for _ in range(3))
        self.body = pick(
            [
                f"try {{ saga {{ {a} || {b} }} }} catch * {{ skip }}",
                f"saga {{ {{ {a} || {b} }} ; {c} }}",
                f"try {{ saga {{ {a} ; {{ {b} || {c} }} }} }} catch E {{ x := 1 }} catch F {{ }}",
                f"try {{ {a} || {b} }} catch * {{ {c} }}",
                f"try {{ par wait_all {{ {a} || {b} }} }} catch * {{ skip }} ; y := x",
                f"{{ {a} || {b} }} ; {c}",
                f"par any {{ {a} || {b} }}",
                f"{{ {{ {a} ; y := x }} || {b} }}",
                f"{{ {a} || {{ x := k ; {b} }} }}",
            ]
        )
        self.system = pick(["w", "w", "w[2]"])

    def activity(self, name: str) -> str:
        pick = self.rng.choice
        own = pick("xs")
        do, undo = pick(
            [
                (f"{own} := {own} + k", f"{own} := {own} - k"),
                (f"{own} := {own} + k * k", f"{own} := {own} - k * k"),
                (f"{own} := {own} + k", f"{own} := {own} - 1"),
                (f"{own} := {own} * 2", f"{own} := {own} - k"),
                (f"{own} := k", f"{own} := 0"),
                ("y := x", "skip"),
                ("s := s + x", "skip"),
                ("m := m + 1", "m := 0"),
                ("x := k * m", "x := 0"),
            ]
        )
        undo = "skip" if undo == "skip" else f"{{ {undo} }}"
        clauses = [
            pick(["", "uses l exclusive"]),
            pick(["takes 1s", "takes 1s..2s"]),
            pick(["", "fails E", "fails F", "fails E"]),
            f"do {{ {do} }}",
            f"undo {undo}",
        ]
        return f"activity {name} {{ {'  '.join(c for c in clauses if c)} }}"

    def spec(self, kind: str) -> str:
        lines = ["error E transient", "error F transient", "resource l : lock"]
        lines += ["shared s: int = 0", f"workflow w(k: {kind}) fails E, F {{"]
        lines += [f" var {v}: int = 0" for v in "xym"]
        lines += [f" {a}" for a in self.activities]
        lines += [f" run {{ {self.body} }}", "}", f"system {{ {self.system} }}"]
        return "\n".join(lines) + "\n"


__all__ = ["Ranged", "Summed"]
