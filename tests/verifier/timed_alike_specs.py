"""Random specs of a few alike instances that wait for each other, some with times of their own."""

from __future__ import annotations

from durationgen import Maker


class Small(Maker):
    """Of few activities, so that all runs of three instances can be looked at."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, claims=True)
        self.left = 1 + seed % 2

    def three(self) -> str:
        pick = self.rng.choice
        head, body = self.spec().split("workflow w", 1)
        lock = "resource k : lock\nshared s: int 0..3 = 0\n"
        use = pick(["uses k exclusive", "uses k shared", ""])
        more = f"activity z {{ {use} takes {pick(['1s', '1s..2s', '2s'])} do {{ s += 1 }} }}"
        first = pick(["z ; ", "using (k exclusive) { z } ; ", ""])
        body = body.replace(" run {", f" deadline 9h\n {more}\n run {{ {first}")
        others = pick(["", "", " workflow v { activity y { uses r 1 takes 1s..3s } run { y } }"])
        system = f"system {{ w[{pick('23')}] {'v' if others else ''} }}"
        return f"{head}{lock}workflow w{body}\n{others}\n{system}\n"
