"""Random specs of alike instances and branches, some of them spoiled by a small difference."""

from __future__ import annotations

import random


class Symmetric:
    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def spec(self) -> str:
        rng = self.rng
        n = rng.choice([2, 2, 3])
        lines = [
            "error E permanent",
            f"resource p : pool({rng.choice([1, 2])})",
            "resource l : lock",
            "shared s: int = 0",
            "shared t: int 0..6 = 0",
        ]
        if rng.random() < 0.5:
            lines += [self.workflow("w", self.body(2)), f"system {{ w[{n}] }}"]
        else:
            branches = [self.body(1)] * n
            if rng.random() < 0.3:
                branches[rng.randrange(n)] = self.body(1)
            mark = rng.choice(["", "par wait_all ", "par any "])
            body = f"{mark}{{ {' || '.join(f'{{ {b} }}' for b in branches)} }}"
            if rng.random() < 0.4:
                body = f"saga {{ {' || '.join('u' for _ in range(n))} }}"
            lines.append(self.workflow("w", body))
        for k in range(rng.randint(1, 3)):
            lines.append(f"invariant i{k} : {self.claim()}")
        if rng.random() < 0.4:
            lines.append(f"always a0 : next({rng.choice('st')}) >= {rng.choice('st')}")
        return "\n".join(lines) + "\n"

    def workflow(self, name: str, body: str) -> str:
        return (
            f"workflow {name} fails E {{ var x: int 0..3 = 0  var b: bool = false\n"
            "activity a { takes 1s  fails E }\n"
            "activity c { uses p 1  takes 0s..2s  do { t := min(t + 1, 6) } }\n"
            "activity d -> bool { takes 1s }\n"
            "activity u { takes 1s  fails E  do { s := min(s + 1, 6) }  undo { s := s - 1 } }\n"
            f"run {{ {body} }} }}"
        )

    def body(self, depth: int) -> str:
        rng = self.rng
        forms = [
            "a",
            "c",
            "u",
            "{ s := min(s + 1, 6) }",
            "{ t := s }",
            "{ x := min(x + 1, 3) }",
            "b <- d()",
            "skip",
        ]
        if depth:
            one, two = (self.body(depth - 1) for _ in range(2))
            forms += [
                f"{one} ; {two}",
                f"{one} ; {two}",
                f"using (l exclusive) {{ {one} }}",
                f"if (b) {{ {one} }} else {{ {two} }}",
                f"try {{ {one} }} catch E {{ {two} }}",
                f"wait until (s > 0) ; {one}",
            ]
        return rng.choice(forms[-6:] if depth else forms)

    def claim(self) -> str:
        rng = self.rng
        return rng.choice(
            [
                f"s <= {rng.randint(0, 6)}",
                f"t <= {rng.randint(0, 6)}",
                f"s + t <= {rng.randint(1, 8)}",
                "s >= t",
                "not (s == 2 and t == 1)",
            ]
        )
