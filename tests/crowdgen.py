"""Random small specs with any number of instances: claims, shared data, and what is said of both.

Bounds are drawn so that some claims hold for a few instances and not for one more.
"""

from __future__ import annotations

import random


class Maker:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def pick(self, *of: str) -> str:
        return self.random.choice(of)

    def chance(self, percent: int) -> bool:
        return self.random.randrange(100) < percent

    def spec(self) -> str:
        self.capacity = self.random.randint(1, 3)
        self.other = self.random.randint(1, 2)
        two = self.chance(25)
        advisory = " advisory" if self.chance(20) else ""
        out = [
            "error A transient",
            f"resource p : pool({self.capacity}){advisory}",
            f"resource q : pool({self.other})",
            "resource k : lock",
            f"shared s: int 0..9 = {self.random.randrange(2)}",
            "shared f: bool = false",
            self.workflow("w"),
        ]
        if two:
            out.append(self.workflow("v"))
        groups = [self.pick("w[*]", "w[*]", "w[*] arrive every 1s")]
        if two:
            groups.append(self.pick("v", "v[*]", "v[2]"))
        out.append("system { " + "  ".join(groups) + " }")
        out += [
            f"invariant top{n} : {self.claim_of_all()}" for n in range(1 + self.random.randrange(2))
        ]
        if self.chance(40):
            out.append(f"invariant one : forall o in w: {self.claim_of_one('o.')}")
        if self.chance(15):
            out.append("invariant all : " + self.of_numbers())
        if self.chance(25):
            out.append(f"always step : s <= {self.random.randint(1, 5)} => next(s <= 8)")
        return "\n".join(out) + "\n"

    def of_numbers(self) -> str:
        return self.pick(
            f"instances(w) <= {self.random.randint(1, 4)}",
            f"(count o in w: o.n == 1) <= {self.random.randint(1, 3)}",
            "(count o in w: true) == 2",
            "(exists o in w: o.n == 0)",
        )

    def claim_of_all(self) -> str:
        return self.pick(
            f"s <= {self.random.randint(1, 6)}",
            f"used(p) <= {self.random.randint(1, 3)}",
            f"used(p) + used(q) <= {self.random.randint(2, 4)}",
            f"used(k) <= {self.random.randint(1, 2)}",
            f"f => s >= {self.random.randint(0, 2)}",
        )

    def claim_of_one(self, of: str) -> str:
        return self.pick(
            f"{of}n <= {self.random.randint(0, 3)}",
            f"{of}n <= s",
            f"{of}b => f",
            f"f => {of}n >= 0",
        )

    def workflow(self, name: str) -> str:
        self.fails = False
        body = self.term(2)
        fails = " fails A" if self.fails and self.chance(70) else ""
        out = [
            f"workflow {name}{fails} {{",
            f"  var n: int 0..4 = {self.random.randrange(2)}",
            "  var b: bool = false",
            f"  activity x {{ {self.uses()} takes 1s..2s {self.failing()} }}",
            f"  activity y {{ {self.uses()} takes 0s..1s do {{ {self.assign()} }} }}",
            f"  run {{ {body} }}",
        ]
        if self.chance(60):
            out.append(f"  invariant {name}own : {self.claim_of_one('')}")
        if self.chance(30):
            out.append(f"  ensures {self.claim_of_one('')}")
        return "\n".join(out) + "\n}"

    def failing(self) -> str:
        if not self.chance(25):
            return ""
        self.fails = True
        return "fails A" + self.pick("", " retry 1 on A")

    def uses(self) -> str:
        return self.pick("", "uses p 1", "uses q 1", f"uses p {self.capacity}", "uses k exclusive")

    def assign(self) -> str:
        return self.pick("s += 1", "n := 1", "s := 2", "b := true", "f := true", "n := s % 3")

    def term(self, depth: int) -> str:
        if depth == 0:
            return self.pick("x", "y", f"{{ {self.assign()} }}", "skip")
        sub = lambda: self.term(depth - 1)  # noqa: E731
        match self.random.randrange(11):
            case 0 | 1:
                return f"{sub()} ; {sub()}"
            case 2:
                return f"{{ {sub()} || {sub()} }}"
            case 3 | 4:
                claim = self.pick("p 1", "q 1", "p 1, q 1", "k exclusive", "k shared", "p 2")
                claim = claim if self.capacity > 1 or claim != "p 2" else "p 1"
                return f"using ({claim}) {{ {sub()} }}"
            case 5:
                return f"if ({self.test()}) {{ {sub()} }} else {{ {sub()} }}"
            case 6:
                return f"while ({self.pick('n < 2', 's < 3', 'not b')}) {{ {sub()} ; n += 1 }}"
            case 7:
                return f"wait until ({self.test()}) ; {sub()}"
            case 8:
                return f"{{ {sub()} + {sub()} }}"
            case 9:
                return f"saga {{ {sub()} }}"
        return f"{{ {self.assign()} }} ; {sub()}"

    def test(self) -> str:
        return self.pick("f", "not b", "n == 1", "s < 2", "s >= 1", "not f")


def from_seed(seed: int) -> str:
    return Maker(seed).spec()
