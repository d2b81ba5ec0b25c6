"""Random small specs with any number of instances that go on for ever, and what comes at last."""

from __future__ import annotations

import random


class Maker:
    def __init__(self, seed: int, crash: bool = False, queue: bool = False) -> None:
        """`crash`: instances may crash.  `queue`: claims stand in one queue, by priority."""
        self.crash = crash
        self.queue = queue
        self.random = random.Random(seed)
        self.capacity = self.random.randint(1, 2)
        self.names = 0

    def pick(self, *of: str) -> str:
        return self.random.choice(of)

    def chance(self, percent: int) -> bool:
        return self.random.randrange(100) < percent

    def spec(self) -> str:
        second = self.chance(55)
        self.messages = second and self.chance(50)
        out = [
            f"resource p : pool({self.capacity})",
            "resource k : lock",
            "resource l : lock",
            f"shared s: int 0..2 = {self.random.randrange(2)}",
            "shared f: bool = false",
        ]
        if self.messages:
            room = self.pick("", " capacity 1", " capacity 2")
            out.append(f"channel c : int 0..1{room} optional")
            room = self.pick("", " capacity 1", " capacity 1")
            out.append(f"channel r : int 0..1 -> bool{room}{self.pick('', ' optional')}")
        out.append(self.workflow("w"))
        groups = [self.pick("w[*]", "w[*]", "w[*]", "w[*] arrive every 1s")]
        if second:
            out.append(self.workflow("v"))
            groups.append(self.pick("v", "v", "v[*]"))
        schedulers = ("", "", "scheduler fair", "scheduler fifo", "scheduler priority")
        groups.append("scheduler head_of_line" if self.queue else self.pick(*schedulers))
        if self.crash:
            how = self.pick("never", "back within 2s", "")
            groups.append(f"faults crash w at_most {self.pick('1', '1', '2')} {how}")
        out.append("system { " + "  ".join(groups) + " }")
        if self.chance(40):
            out.append(f"property top : {self.pattern('f', 's >= 2', 's == 1')}")
        return "\n".join(out) + "\n"

    def workflow(self, name: str) -> str:
        body = self.term(2)
        if self.chance(60):
            body = self.pick(
                f"while (true) {{ {body} }}",
                f"{body} ; while (true) {{ {self.term(1)} }}",
                f"while (n < 2) {{ {body} ; n := {self.pick('n + 1', '1 - n')} }}",
                f"while (not f) {{ {body} }}",
            )
        return "\n".join(
            [
                f"workflow {name} {{",
                "  var n: int 0..3 = 0",
                "  var b: bool = false",
                f"  activity x {{ {self.uses()} takes {self.pick('1s..2s', '0s..1s', '1s')} }}",
                f"  activity y {{ {self.uses()} takes 1s..2s do {{ {self.assign()} }} }}",
                f"  run {{ {body} }}",
                f"  property {name}comes : {self.pattern('b', 'not b', 'n >= 1', 'f')}",
                "}",
            ]
        )

    def pattern(self, *of: str) -> str:
        q, p = self.random.sample(of, 2)
        return self.pick(f"{q} leads_to {p}", f"eventually {p}")

    def uses(self) -> str:
        full = f"uses p {self.capacity}"
        claims = self.pick("", "", "uses p 1", full, "uses k exclusive", "uses k shared")
        if claims and self.queue:
            claims += f"  priority {self.random.randint(1, 2)}"
        return claims

    def assign(self) -> str:
        return self.pick("s := 1", "n := 1", "s := 2", "b := true", "b := false", "f := true")

    def test(self) -> str:
        return self.pick("f", "not b", "n == 1", "s < 2", "s >= 1", "not f")

    def term(self, depth: int) -> str:
        if depth == 0:
            return self.pick("x", "x", "y", "y", f"{{ {self.assign()} }}", "skip")
        sub = lambda: self.term(depth - 1)  # noqa: E731
        if self.messages and self.chance(35):
            self.names += 1
            m = f"m{self.names}"
            return self.pick(
                "send 1 to c",
                f"{{ receive {m} from c ; {sub()} }}",
                "{ b <- request(1) to r }",
                f"{{ receive {m} from r ; {sub()} ; send true to {m} }}",
                f"within receive {m} from c {{ {sub()} }} else {{ {self.assign()} }}",
            )
        match self.random.randrange(9):
            case 0 | 1 | 2:
                return f"{sub()} ; {sub()}"
            case 3:
                return f"{{ {sub()} || {sub()} }}"
            case 4 | 5:
                claim = self.pick("p 1", "k exclusive", "k shared", "l exclusive", "p 1, k shared")
                return f"using ({claim}) {{ {sub()} }}"
            case 6:
                return f"if ({self.test()}) {{ {sub()} }} else {{ {sub()} }}"
            case 7:
                return f"wait until ({self.test()}) ; {sub()}"
        return f"{{ {sub()} + {sub()} }}"


def from_seed(seed: int, crash: bool = False, queue: bool = False) -> str:
    return Maker(seed, crash, queue).spec()
