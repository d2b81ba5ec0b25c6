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


def from_seed(seed: int) -> str:
    return Maker(seed).spec()
