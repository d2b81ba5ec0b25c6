"""Random small specs of clients that ask or send, and servers that answer or receive, some for
ever and some not, with locks that may be in the way."""

from __future__ import annotations

import random


class Maker:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.names = 0

    def pick(self, *of: str) -> str:
        return self.random.choice(of)

    def chance(self, percent: int) -> bool:
        return self.random.randrange(100) < percent

    def spec(self) -> str:
        third = self.chance(50)
        room = self.pick(" capacity 1", " capacity 1", " capacity 2", "")
        order = self.pick("", "", "", " unordered")
        out = [
            "error A transient",
            f"channel r : bool -> bool{room}{order}",
            f"channel q : bool -> bool{self.pick(' capacity 1', '')}",
            f"channel m : bool{self.pick(' capacity 1', ' capacity 2', '')}"
            + self.pick("", "", "", " delivery at_most_once optional"),
            "resource k : lock",
            "resource p : pool(2)",
            self.workflow(
                "client", (self.ask, self.ask, self.ask, self.work, self.hold, self.send), "client"
            ),
            self.workflow(
                "server",
                (self.serve, self.serve, self.serve, self.serve, self.work, self.receive),
                "server",
            ),
        ]
        if third:
            out.append(
                self.workflow("third", (self.answer, self.send, self.receive, self.hold), "third")
            )
        groups = ["client[*]", self.pick("server", "server", "server[2]")]
        groups += [self.pick("third", "third[*]")] * third
        return "\n".join(out) + "\nsystem { " + "  ".join(groups) + " }\n"

    def workflow(self, name: str, steps: tuple, who: str) -> str:
        count = self.pick("1", "1", "2") if who != "client" else self.pick("1", "2")
        term = " ; ".join(self.random.choice(steps)(2) for _ in range(int(count)))
        if self.chance(25):
            term = self.beside(term)
        if self.chance(93):
            term = f"while (true) {{ {term} }}"
        if self.chance(8):
            term = f"{self.work(1)} ; {term}"
        fails = "  fails A" if self.chance(6) else ""
        return (
            f"workflow {name} {{\n"
            "  var b: bool = false\n"
            f"  activity work {{ takes 1s..2s{fails} }}\n"
            "  activity unit { uses p 1  takes 1s..2s }\n"
            f"  run {{ {term} }}\n}}"
        )

    def beside(self, term: str) -> str:
        other = self.pick("work", "work", "unit", "{ while (true) { work } }", self.send(0))
        return self.pick(
            f"{{ {{ {term} }} || {other} }}",
            f"{{ {{ {term} }} || {other} }}",
            f"{{ {other} || work }} ; {term}",
            f"par any {{ {{ {term} }} || {other} }}",
            f"par wait_all {{ {{ {term} }} || {other} }}",
            f"try {{ {{ {term} }} || {other} }} catch A {{ skip }}",
        )

    def name(self) -> str:
        self.names += 1
        return f"x{self.names}"

    def work(self, _: int) -> str:
        return self.pick("work", "unit", "skip")

    def hold(self, depth: int) -> str:
        inner = self.pick("work", "work", self.ask(0) if depth else "work", "unit")
        claim = self.pick("k exclusive", "p 1", "p 2")
        return f"using ({claim}) {{ {inner} }}"

    def ask(self, _: int) -> str:
        asked = f"b <- request(true) to {self.pick('r', 'r', 'r', 'r', 'r', 'q')}"
        if self.chance(8):
            return f"try {{ {asked} within 3s }} catch * {{ skip }}"
        return asked

    def serve(self, depth: int, channel: str = "r") -> str:
        x = self.name()
        between = [
            self.random.choice((self.work, self.work, self.hold, self.send))(0)
            for _ in range(self.random.randrange(2))
        ]
        if depth and self.chance(12):
            between.append(f"b <- request({x}) to q")
        reply = f"send {x} to {x}"
        if self.chance(7):
            reply = f"if (b) {{ {reply} }}"
        elif self.chance(5):
            reply = f"{reply} ; {reply}"
        elif self.chance(5):
            reply = "work"
        else:
            reply = self.pick(
                reply, reply, reply, f"if (b) {{ {reply} }} else {{ work ; {reply} }}"
            )
        return " ; ".join([f"receive {x} from {channel}", *between, reply])

    def answer(self, depth: int) -> str:
        return self.serve(depth, self.pick("q", "q", "r"))

    def send(self, _: int) -> str:
        return "send true to m"

    def receive(self, _: int) -> str:
        return f"receive {self.name()} from m"


class Pairs(Maker):
    """Of those that end: who sends beside, before or behind who receives."""

    def spec(self) -> str:
        groups = ["client[*]", *[self.pick("server", "server[*]")] * self.chance(60)]
        return "\n".join(
            [
                "error A transient",
                f"channel m : bool capacity {self.pick('1', '1', '2')} optional",
                f"channel q : bool capacity 1 optional{self.pick('', ' unordered')}",
                "resource k : lock",
                "resource p : pool(2)",
                *(self.body(name) for name in ("client", "server")),
                "system { " + "  ".join(groups) + " }\n",
            ]
        )

    def body(self, name: str) -> str:
        fails = "  fails A" if self.chance(8) else ""
        return (
            f"workflow {name} {{\n"
            "  var b: bool = false\n"
            f"  activity work {{ takes 1s..2s{fails} }}\n"
            "  activity unit { uses p 1  takes 1s..2s }\n"
            f"  run {{ {self.term()} }}\n}}"
        )

    def term(self) -> str:
        channel = self.pick("m", "m", "m", "q")
        put, take = f"send true to {channel}", f"receive {self.name()} from {channel}"
        put, take = self.around(put), self.around(take)
        both = self.pick(
            f"{{ {put} }} || {{ {take} }}",
            f"{{ {put} }} || {{ {take} }}",
            f"{put} ; {take}",
            f"{take} ; {put}",
            put,
            take,
            f"{{ {put} }} || {{ {take} }} || {{ {self.term() if self.chance(50) else 'work'} }}",
        )
        before = f"{self.pick('work', 'unit')} ; " if self.chance(20) else ""
        behind = f" ; {self.pick('work', 'unit', 'send true to q')}" if self.chance(20) else ""
        return f"{before}{{ {both} }}{behind}"

    def around(self, step: str) -> str:
        return self.pick(
            step,
            step,
            step,
            f"{step} ; unit",
            f"work ; {step}",
            f"using (k exclusive) {{ {step} }}",
            f"using (p {self.pick('1', '2')}) {{ {step} }}",
            f"if (b) {{ {step} }}",
            f"while (not b) {{ {step} ; b := true }}",
            f"within 3s {{ {step} }} else {{ skip }}",
        )


def from_seed(seed: int) -> str:
    return (Pairs if seed % 3 == 0 else Maker)(seed).spec()
