"""Random specs of two instances that wait for each other's claims, for `timed_naive`.

Most share nothing, or only what they add up or set: then contention must not matter, unless
something else decides by who comes first.
"""

from __future__ import annotations

import random

SHARED = ("", "", "s += 1", "s -= 2", "t := 1", "s := s * 2", "t := s", "s := 3")

KEYED = "uses k[n] exclusive"


class Contended:
    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.shared = self.rng.choice((SHARED[:2], SHARED[:2], SHARED[:5], SHARED))

    def spec(self) -> str:
        pick = self.rng.choice
        activities = [f" {self.activity(n)}" for n in "ab"]
        n = "(n: int 0..1)" if any("[n]" in a for a in activities) else ""
        lines = [
            "error E transient",
            "error F transient",
            "resource l : lock",
            f"resource r : pool({pick([1, 1, 2])})",
            "shared s: int = 0",
            "shared t: int = 0",
            "resource k[int 0..1] : lock",
            f"workflow w{n} fails E, F, Timeout {{",
            " var x: int = 0",
            " var y: int = 0",
            *activities,
            f" run {{ {self.body()} }}",
            "}",
            f"system {{ w[2]{pick(['', '', '', ' scheduler fifo', ' scheduler priority'])} }}",
        ]
        return "\n".join(lines) + "\n"

    def activity(self, name: str) -> str:
        pick = self.rng.choice
        own = {"a": "x", "b": "y"}[name]
        effect = pick([f"{own} := 1", f"{own} += 1", f"{own} := 2", "y := x", pick(self.shared)])
        fails = pick(["", "", "fails E", "fails F", "fails E retry 1 on E"])
        clauses = [
            pick(["uses r 1", "uses r 1", "uses l exclusive", "uses l shared", "", KEYED]),
            pick(["takes 1s", "takes 1s..2s", "takes 2s"]),
            pick(["", "", "", "timeout 1s", "timeout 2s"]),
            fails,
            f"do {{ {effect} }}" if effect else "",
            pick(["", "undo skip", f"undo {{ {own} := 0 }}"]),
        ]
        return f"activity {name} {{ {'  '.join(c for c in clauses if c)} }}"

    def body(self) -> str:
        pick = self.rng.choice
        forms = [
            "a ; b",
            "{ a || b }",
            "par wait_all { a || b }",
            "par any { a || b }",
            "a",
            "try { a || b } catch E { y := 5 } catch F { y := 6 }",
            "using (r 1) { a2 ; b2 }",
            "try { saga { a ; b } } catch * { skip }",
            "saga { a || b }",
            "within 2s { a } else { y := 7 }",
            "within 4s { a ; y := 1 } else { b }",
            "a ; if (y == 0) { b } else { skip }",
            "if (t == 0) { a } else { b }",
            "retry(1 on E) { a }",
            "{ a + b }",
            "{ a || { wait 1s ; b } }",
            "{ wait 1s ; a } ; b",
            "a ; wait until (t == 0) ; b",
            "try { a } catch Timeout { y := 8 }",
            "each i in 0..1 { a }",
            "each i in 0..1 at_most 1 at once { a }",
        ]
        return pick(forms).replace("a2", "a").replace("b2", "b")


__all__ = ["Contended"]
