"""Run patterns on random specs, against a reading of their own over the naive graph.

The graph is that of the spec without the properties; p and q are read off the named data.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from random import Random

import naive
from specgen import from_seed
from wfverify.dsl import load_text
from wfverify.dsl.errors import Rejected
from wfverify.interpreter.retrace import replay
from wfverify.interpreter.timing import schedule
from wfverify.semantics.lower import lower
from wfverify.semantics.system import TransitionSystem
from wfverify.verifier.portfolio import Options, verify
from wfverify.verifier.verdict import Proved, Refuted

LIMIT = 300
KINDS = ("never_after", "precedes", "leads_to", "eventually")

State = naive.State
Test = Callable[[State], bool]
Node = tuple[State, bool]


def atom(r: Random) -> tuple[str, Callable[[TransitionSystem], Test]]:
    name, value = r.choice([("w0.n0", 0), ("w0.n0", 1), ("w0.n0", 2), ("w0.b0", True), ("s0", 1)])
    word = name.removeprefix("w0.")
    text = word if value is True else f"{word} == {value}"

    def of(system: TransitionSystem) -> Test:
        index = next(v.index for v in system.variables if v.name == name)
        return lambda s: s[index] == value

    return text, of


def written(kind: str, p: str, q: str) -> str:
    return {
        "never_after": f"never {p} after {q}",
        "precedes": f"{p} precedes {q}",
        "leads_to": f"{q} leads_to {p}",
        "eventually": f"eventually {p}",
    }[kind]


class Product:
    """States with what a run remembers: q or p has held (never_after, precedes), or p is owed."""

    def __init__(self, graph: naive.Naive, kind: str, p: Test, q: Test) -> None:
        self.graph, self.kind, self.p, self.q = graph, kind, p, q
        self.next: dict[Node, list[tuple[int, Node]]] = {}
        todo = [self.first(s) for s, distance in graph.states.items() if distance == 0]
        while todo:
            node = todo.pop()
            if node in self.next:
                continue
            self.next[node] = [
                (rule, self.after(node, then)) for rule, _, then in graph.successors[node[0]]
            ]
            todo += [n for _, n in self.next[node]]

    def first(self, s: State) -> Node:
        match self.kind:
            case "leads_to":
                return s, self.q(s) and not self.p(s)
            case "eventually":
                return s, not self.p(s)
        return s, False

    def after(self, node: Node, then: State) -> Node:
        s, known = node
        match self.kind:
            case "never_after":
                return then, known or self.q(s)
            case "precedes":
                return then, known or self.p(s)
            case "leads_to":
                return then, (known or self.q(then)) and not self.p(then)
        return then, known and not self.p(then)

    def broken(self) -> bool:
        """Is there a run that breaks it (of those that go round, one that is surely fair)?"""
        match self.kind:
            case "never_after":
                return any(
                    (known or self.q(s)) and not self.p(s) and self.p(then[0])
                    for (s, known), moves in self.next.items()
                    for _, then in moves
                )
            case "precedes":
                return any(self.q(s) and not known and not self.p(s) for s, known in self.next)
        stops = any(
            owed and not moves and s not in self.graph.leaves
            for (s, owed), moves in self.next.items()
        )
        return stops or any(self._fair(part) for part in self._parts())

    def _parts(self) -> Iterator[set[Node]]:
        """Strongly connected sets of nodes that owe, by reachability both ways."""
        left = {n for n in self.next if n[1]}
        forward = {n: {t for _, t in self.next[n] if t[1]} for n in left}
        while left:
            root = next(iter(left))
            down = self._reach(root, forward)
            part = {n for n in down if root in self._reach(n, forward)}
            left -= part | {root}
            if root in forward[root] or len(part) > 1:
                yield part

    def _reach(self, root: Node, forward: dict[Node, set[Node]]) -> set[Node]:
        seen: set[Node] = set()
        todo = list(forward[root])
        while todo:
            n = todo.pop()
            if n not in seen:
                seen.add(n)
                todo += forward[n]
        return seen

    def _fair(self, part: set[Node]) -> bool:
        """All threads that can move everywhere in it do (weak fairness)."""
        owner = [r.thread for r in self.graph.system.rules]
        moving = {owner[r] for n in part for r, t in self.next[n] if t in part}
        able = [{owner[r] for r, _ in self.next[n]} for n in part]
        return set.intersection(*able) <= moving

    def shows(self, states: list[State], loop_at: int | None) -> bool:
        """Does this run break it?"""
        node = self.first(states[0])
        nodes = [node]
        for then in states[1:]:
            known, before = node[1] or self.q(node[0]), self.p(node[0])
            if self.kind == "never_after" and known and not before and self.p(then):
                return True
            node = self.after(node, then)
            nodes.append(node)
        if self.kind == "precedes":
            return any(self.q(s) and not known and not self.p(s) for s, known in nodes)
        if self.kind == "never_after":
            return False
        if loop_at is None:
            return node[1] and not self.next[node]
        return all(owed for _, owed in nodes[loop_at:]) and nodes[loop_at] == node


# A longer campaign: WFVERIFY_SEEDS=2000..4000 pytest tests/verifier/test_patterns.py
SEEDS = range(*map(int, os.environ.get("WFVERIFY_SEEDS", "0..90").split("..")))


def test_patterns_on_random_specs() -> None:
    counts = {"proved": 0, "refuted": 0, "open": 0}
    for seed in SEEDS:
        r = Random(seed)
        source = from_seed(seed, 3)
        kind = KINDS[seed % 4]
        (p, p_of), (q, q_of) = atom(r), atom(r)
        head = source.index("  var n0", source.index("workflow w0"))
        text = f"{source[:head]}  property pp : {written(kind, p, q)}\n{source[head:]}"
        try:
            plain = lower(load_text(source, "t.wf"))
            system = lower(load_text(text, "t.wf"))
            graph = naive.explore(plain, LIMIT)
        except (Rejected, naive.TooBig, OverflowError):
            continue
        if not {"w0.n0", "w0.b0", "s0"} <= {v.name for v in plain.variables}:
            continue  # several instances, or other data
        product = Product(graph, kind, p_of(plain), q_of(plain))
        spec = load_text(text, "t.wf")
        options = Options(timeout=5.0, only=("pp",))
        results = verify(spec, system, options, replay=replay, schedule=schedule)
        verdict = next(x.verdict for x in results if x.name == "pp")
        if isinstance(verdict, Proved):
            counts["proved"] += 1
            assert not product.broken(), f"{text}\nPROVED"
        elif isinstance(verdict, Refuted):
            counts["refuted"] += 1
            ran = replay(system, verdict.trace)
            assert ran.ok
            size = len(plain.variables)
            states = [s[:size] for s in ran.states]
            assert product.shows(states, verdict.trace.loop_at), f"{text}\nREFUTED"
        else:
            counts["open"] += 1
    print(counts)
    assert counts["proved"] > 5 and counts["refuted"] > 3, counts
    assert counts["open"] < counts["proved"], counts
