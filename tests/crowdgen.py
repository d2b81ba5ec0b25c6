"""Random small specs with any number of instances: claims, shared data, messages, and what is said
of them.

Bounds are drawn so that some claims hold for a few instances and not for one more.
"""

from __future__ import annotations

import random


class Maker:
    def __init__(self, seed: int, messages: bool = False, rest: bool = False) -> None:
        """`rest`: rates, crashes, priorities and who is held up by them."""
        self.random = random.Random(seed)
        self.messages = messages
        self.rest = rest
        self.names = 0

    def pick(self, *of: str) -> str:
        return self.random.choice(of)

    def chance(self, percent: int) -> bool:
        return self.random.randrange(100) < percent

    def spec(self) -> str:
        self.capacity = self.random.randint(1, 3)
        self.other = self.random.randint(1, 2)
        two = self.chance(60 if self.messages else 25)
        advisory = " advisory" if self.chance(20) else ""
        out = [
            "error A transient",
            f"resource p : pool({self.capacity}){advisory}",
            f"resource q : pool({self.other})",
            "resource k : lock",
            f"shared s: int 0..9 = {self.random.randrange(2)}",
            "shared f: bool = false",
            *(self.channels() if self.messages else ()),
            *([f"resource t : rate(1 per 1s burst {self.random.randint(1, 2)})"] * self.rest),
            self.workflow("w"),
        ]
        if two:
            out.append(self.workflow("v"))
        groups = [self.pick("w[*]", "w[*]", "w[*] arrive every 1s")]
        if two:
            groups.append(self.pick("v", "v[*]", "v" if self.messages else "v[2]"))
        if self.rest:
            groups.append(self.pick("scheduler head_of_line", "scheduler any"))
            after = self.pick("at_most 1 back within 5s", "at_most 1 never", "at_most 1 never")
            groups += [f"faults crash {self.pick('w', *['v'] * two)} {after}"] * self.chance(40)
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
        if self.chance(25):
            out.append(f"property comes : {self.pattern('f', 's >= 2', 's >= 1')}")
        return "\n".join(out) + "\n"

    def pattern(self, *of: str) -> str:
        q, p = self.random.sample(of, 2)
        return self.pick(
            f"{q} leads_to {p}", f"eventually {p}", f"{p} precedes {q}", f"never {p} after {q}"
        )

    def of_numbers(self) -> str:
        return self.pick(
            f"instances(w) <= {self.random.randint(1, 4)}",
            f"(count o in w: o.n == 1) <= {self.random.randint(1, 3)}",
            "(count o in w: true) == 2",
            "(exists o in w: o.n == 0)",
        )

    def channels(self) -> list[str]:
        """`c`: a queue; `d`: one with some more to it; `e`: from the environment; `r`: requests."""
        optional = self.pick("", " optional")
        more = self.pick("", "", " unordered", " delivery at_most_once", " delivery at_least_once")
        more += " broadcast" if self.chance(20) else ""
        return [
            f"channel c : int 0..1{self.room()}{optional}",
            f"channel d : int 0..2{self.room()}{more} optional",
            "channel e : int 0..1 from environment",
            f"channel r : int 0..1 -> bool{self.room()}{self.pick('', ' optional')}",
        ]

    def room(self) -> str:
        return "" if self.chance(30) else f" capacity {self.random.randint(1, 2)}"

    def message(self, depth: int) -> str:
        self.names += 1
        x = f"x{self.names}"
        then = self.pick(*[f"{{ {self.assign()} }}", f"{{ n := {x} }}"] * 2, self.term(depth))
        match self.random.randrange(9):
            case 0 | 1:
                return f"send {self.pick('0', '1')} to c"
            case 2:
                return f"send {self.pick('0', '1', '2', 'n % 3')} to d"
            case 3:
                return f"{{ receive {x} from c ; {then} }}"
            case 4:
                where = self.pick("", "", f" where {x} > 0")
                return f"{{ receive {x} from {self.pick('d', 'd', 'e')}{where} ; {then} }}"
            case 5:
                # What one takes out, it (or another one) puts in again.
                inner = self.pick("using (p 1) { y }", "{ s := 1 } ; { s := 0 }", "y", self.term(0))
                return f"{{ receive {x} from c ; {inner} ; send {x} to c }}"
            case 6:
                return f"{{ send 1 to c ; {self.term(0)} ; receive {x} from c ; {then} }}"
            case 7:
                return self.pick(
                    "{ b <- request(1) to r }", f"{{ receive {x} from r ; send true to {x} }}"
                )
        return f"within receive {x} from c {{ {self.term(0)} }} else {{ {self.assign()} }}"

    def claim_of_all(self) -> str:
        if self.messages and self.chance(40):
            return self.pick(
                f"len(c) <= {self.random.randint(0, 2)}",
                f"len(d) <= {self.random.randint(0, 2)}",
                "len(c) > 0 => not f",
                f"len(c) + used(p) <= {self.random.randint(1, 4)}",
                f"len(c) + s <= {self.random.randint(1, 3)}",
            )
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
        if self.chance(40):
            out.append(f"  property {name}comes : {self.pattern('b', 'n >= 1', 'f')}")
        return "\n".join(out) + "\n}"

    def failing(self) -> str:
        if not self.chance(25):
            return ""
        self.fails = True
        return "fails A" + self.pick("", " retry 1 on A")

    def uses(self) -> str:
        if self.rest and self.chance(60):
            first = f" priority {self.random.randint(1, 2)}" if self.chance(60) else ""
            return self.pick("uses t 1", "uses p 1", "uses p 1, t 1", "uses k exclusive") + first
        return self.pick("", "uses p 1", "uses q 1", f"uses p {self.capacity}", "uses k exclusive")

    def assign(self) -> str:
        return self.pick("s += 1", "n := 1", "s := 2", "b := true", "f := true", "n := s % 3")

    def term(self, depth: int) -> str:
        if depth == 0:
            return self.pick("x", "y", f"{{ {self.assign()} }}", "skip")
        sub = lambda: self.term(depth - 1)  # noqa: E731
        if self.messages and self.chance(45):
            return self.message(depth - 1)
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
    return Maker(seed, messages=seed % 2 == 1, rest=seed % 4 >= 2).spec()
