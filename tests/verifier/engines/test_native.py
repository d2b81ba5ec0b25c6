"""The search in machine code against the one in Python: the same nodes in the same order, the same
answers; and what becomes of it where it cannot be used."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from random_systems import random_system
from symmetric_specs import Symmetric
from wfverify.dsl import load_text
from wfverify.dsl.errors import NOWHERE
from wfverify.dsl.types import Int
from wfverify.semantics import expr as e
from wfverify.semantics.expr import TRUE, Expr, Op, Sort, and_
from wfverify.semantics.lower import lower
from wfverify.semantics.system import (
    Input,
    Instance,
    Obligation,
    Point,
    PointKind,
    Rule,
    RuleKind,
    Thread,
    TransitionSystem,
    Variable,
    VarKind,
)
from wfverify.semantics.walks import fold, rebuild
from wfverify.verifier.engines.common import is_state
from wfverify.verifier.engines.packed import native
from wfverify.verifier.engines.packed.beside import Beside, Machine
from wfverify.verifier.engines.packed.c_search import print_search
from wfverify.verifier.engines.packed.graph import PackedGraph
from wfverify.verifier.engines.packed.reports import Outcome
from wfverify.verifier.engines.packed.run import PackedSearch, Reductions
from wfverify.verifier.engines.search import explore
from wfverify.verifier.engines.search_graph import Graph
from wfverify.verifier.engines.search_threads import Threads, ended
from wfverify.verifier.engines.slice import whole

needs_cc = pytest.mark.skipif(native.compiler() is None, reason="there is no C compiler (cc)")
AT_ONCE = Machine(after=0, more=1, waits=True, level="-O0")
ALL = [Reductions(a, s) for a in (False, True) for s in (False, True)]


class Watched(PackedSearch):
    """Keeps what the machine code found."""

    kept: tuple[list[int], list[int]] | None = None
    given_up = False

    def _machine(self, code: native.Native, beside: Beside) -> bool:
        done = super()._machine(code, beside)
        count = range(len(code.states))
        assert code.view.bytes <= code.memory
        self.kept = (list(code.states), [code.parent(n) for n in count])
        self.given_up = not done
        return done


def search(
    system: TransitionSystem,
    goals: Sequence[Obligation],
    reductions: Reductions = ALL[0],
    machine: Machine | None = AT_ONCE,
    at_ends: bool = False,
    most: int = 20_000,
) -> tuple[Watched, Outcome]:
    until = time.monotonic() + 60
    made = Watched(
        system, whole(system), goals, most, until, reductions, at_ends=at_ends, machine=machine
    )
    return made, made.run()


def same(
    system: TransitionSystem,
    goals: Sequence[Obligation],
    reductions: Reductions = ALL[0],
    at_ends: bool = False,
) -> Watched:
    """Both ways, compared; what the machine code found."""
    plain, want = search(system, goals, reductions, None, at_ends)
    fast, out = search(system, goals, reductions, AT_ONCE, at_ends)
    lengths = {k: len(trace.steps) for k, trace in want.found.items()}
    assert {k: len(trace.steps) for k, trace in out.found.items()} == lengths
    assert out.failed == want.failed
    assert not out.by or fast.given_up
    if fast.kept is None:
        assert not (plain.open and plain.states)
        return fast
    # When the last goal is closed, or at the limit, one has looked a little further.
    count = min(len(plain.states), len(fast.kept[0]))
    assert [k[:count] for k in fast.kept] == [plain.states[:count], plain.parents[:count]]
    if plain.open and not want.stop:
        assert (out.states, out.transitions, out.depth, out.stop) == (
            want.states,
            want.transitions,
            want.depth,
            want.stop,
        )
    return fast


@needs_cc
@pytest.mark.parametrize("first", range(0, 16, 4))
def test_random_systems(first: int) -> None:
    for seed in range(first, first + 4):
        system = integral(seed, seed % 3 == 0)
        same(system, system.obligations, ALL[seed % 2 * 3])


@needs_cc
@pytest.mark.parametrize("first", range(0, 8, 2))
def test_alike_branches(first: int) -> None:
    for seed in range(first, first + 2):
        system = lower(load_text(Symmetric(seed).spec(), "w.wf"))
        for reductions in (ALL[0], ALL[1 + seed % 3]):
            same(system, system.obligations, reductions)
        over = and_(*(ended(system, i) for i in system.instances))
        same(system, [Obligation("", "", over, "", NOWHERE)], ALL[3], True)


def integral(seed: int, excluded: bool) -> TransitionSystem:
    """A random system; where it compares fractions it compares whole numbers."""
    system = random_system(seed, wide=False, excluded=excluded)

    def build(node: Expr, args: Sequence[Expr]) -> Expr:
        if node.op is Op.TO_REAL:
            return args[0]
        if node.op is Op.CONST and node.sort is Sort.REAL:
            return e.const(int(node.value or 0))
        return rebuild(node, args)

    def whole_numbers(term: Expr) -> Expr:
        return fold(term, build)

    return replace(
        system,
        initial=whole_numbers(system.initial),
        excluded=whole_numbers(system.excluded),
        obligations=tuple(replace(o, cond=whole_numbers(o.cond)) for o in system.obligations),
        rules=tuple(
            replace(
                r,
                guard=whole_numbers(r.guard),
                relation=whole_numbers(r.relation),
                own=tuple((v, whole_numbers(u)) for v, u in r.own),
            )
            for r in system.rules
        ),
    )


def system_of(
    updates: Sequence[Expr],
    inputs: Sequence[tuple[int, int]] = (),
    guard: Expr = TRUE,
    names: str = "v",
) -> TransitionSystem:
    """Numbers without bounds, 0 at first, which one rule sets."""
    at = Variable(0, "at", Sort.INT, Int(), VarKind.LOCATION, e.ZERO, 0)
    data = [
        Variable(k, f"{names}{k}", Sort.INT, Int(), VarKind.DATA, e.ZERO)
        for k in range(1, len(updates) + 1)
    ]
    rule = Rule(
        index=0,
        name=names,
        kind=RuleKind.STEP,
        thread=0,
        instance=0,
        guard=and_(e.eq(e.var(0, Sort.INT), e.ZERO), guard),
        own=tuple(enumerate(updates, 1)),
        span=NOWHERE,
        inputs=tuple(Input(names, Sort.INT, Int(), lo, hi) for lo, hi in inputs),
    )
    points = tuple(Point(k, PointKind.READY, names, NOWHERE) for k in range(2))
    return TransitionSystem(
        name=names,
        variables=(at, *data),
        initial=TRUE,
        rules=(rule,),
        threads=(Thread(0, names, 0, 0, None, points),),
        instances=(Instance(0, names, names, 0, 1, 1, 0, NOWHERE),),
        resources=(),
        obligations=(),
        errors=(),
    )


def looping() -> TransitionSystem:
    """A thread that goes round for ever, beside one that takes a step."""
    data = [
        Variable(k, f"v{k}", Sort.INT, Int(), kind, e.ZERO, k % 2)
        for k, kind in enumerate((VarKind.LOCATION, VarKind.LOCATION, VarKind.DATA))
    ]
    moves = [(0, 0, 1), (0, 1, 0), (1, 0, 1)]
    rules = tuple(
        Rule(
            index=k,
            name=f"r{k}",
            kind=RuleKind.STEP,
            thread=t,
            instance=t,
            guard=e.eq(x(t), e.const(here)),
            own=((t, e.const(there)), *(((2, e.ONE),) if t else ())),
            span=NOWHERE,
        )
        for k, (t, here, there) in enumerate(moves)
    )
    points = tuple(Point(k, PointKind.READY, "", NOWHERE) for k in range(2))
    return replace(
        system_of([]),
        variables=tuple(data),
        rules=rules,
        threads=tuple(Thread(t, f"t{t}", t, t, None, points) for t in range(2)),
        instances=tuple(Instance(t, f"w{t}", "w", t, 1, 1, 0, NOWHERE) for t in range(2)),
    )


def x(k: int) -> Expr:
    return e.var(k, Sort.INT)


def i(k: int) -> Expr:
    return e.inp(k, Sort.INT)


NEVER = Obligation("invariant", "", TRUE, "", NOWHERE)  # a goal, so that the search goes on


@needs_cc
def test_division_and_remainder_of_negative_numbers() -> None:
    found = same(system_of([e.div(i(0), i(1)), e.mod(i(0), i(1))], [(-7, 7), (-2, 1)]), [NEVER])
    assert found.kept is not None
    assert len(found.kept[0]) > 20
    values = (e.const(2**40), e.const(-(2**33)), e.const(3), e.const(-3), e.const(0))
    for divisor in values:
        far = e.mul(i(0), e.const(2**50 + 1))
        small = e.mod(e.div(far, divisor), e.const(101))
        same(system_of([small, e.mod(e.mod(far, divisor), e.const(97))], [(-7, 7)]), [NEVER])


@needs_cc
@pytest.mark.parametrize(
    ("term", "fits"),
    [
        # At the edge of 64 bits: what fits is computed, what does not is left to Python.
        (e.div(e.mul(i(0), e.const(2**60)), e.const(2**57)), True),  # -7 * 2**60
        (e.div(e.mul(i(0), e.const(2**61)), e.const(2**58)), False),
        (e.div(e.add(e.mul(i(0), e.const(2**59)), e.const(2**62)), e.const(2**56)), True),
        (e.div(e.add(e.mul(i(0), e.const(2**60)), e.const(2**62)), e.const(2**56)), False),
        (e.ite(e.lt(e.mul(i(0), e.const(2**60)), e.const(2**61)), i(0), e.ZERO), True),
        (e.ite(e.lt(e.mul(i(0), e.const(2**62)), e.const(2**61)), i(0), e.ZERO), False),
        (e.mod(e.neg(e.mul(e.mul(i(0), i(0)), e.const(2**57))), e.const(1001)), True),
        (e.mod(e.neg(e.mul(e.mul(i(0), i(0)), e.const(2**58))), e.const(1001)), False),
        # -2**63 has no negative, so it counts as too large.
        (e.mod(e.neg(e.mul(e.add(i(0), e.const(-1)), e.const(2**60))), e.const(1001)), False),
    ],
)
def test_numbers_at_the_edge(term: Expr, fits: bool) -> None:
    found = same(system_of([term], [(-7, 7)]), [NEVER])
    assert found.given_up is not fits
    assert found.out.by == ("" if fits else "in Python: a number does not fit in 64 bits")


@needs_cc
def test_a_number_that_no_word_holds() -> None:
    term = e.ite(e.lt(e.mul(i(0), e.const(3)), e.const(2**70)), i(0), e.ZERO)
    fast, out = search(system_of([term], [(0, 7)]), [NEVER])
    assert fast.kept is None
    assert out.by == "in Python: a number too large for 64 bits"
    assert out.states == 8


@needs_cc
def test_fields_that_grow() -> None:
    """Values leave their fields, so that the search begins again with wider ones."""
    term = e.add(e.mul(x(1), e.const(3)), i(0))
    system = system_of([term], [(-1, 1)], e.lt(e.mul(x(1), x(1)), e.const(10**7)))
    assert len(same(system, [NEVER]).kept or ()) == 2


@needs_cc
@pytest.mark.parametrize(
    "steps", ["x := x - 3 ; y := 1", "y := z - x ; x := 1", "x := 2 * x - z ; x := y - x"]
)
def test_fields_that_are_left(steps: str) -> None:
    """On either side, between others that must stay as they are."""
    text = f"""
    workflow w {{ var z: int -1..1 = -1 var x: int 0..3 = 2 var y: int 0..2 = 1
      run {{ {{ {steps} }} || {{ y := 2 }} }}
      invariant i : x <= 3 invariant j : x + y + z >= -9 always k : next(x) >= x - 2 }}
    """
    system = lower(load_text(text, "w.wf"))
    for reductions in (Reductions(), Reductions(ample=True)):
        assert same(system, system.obligations, reductions).kept is not None


@needs_cc
def test_nobody_is_put_off_for_ever() -> None:
    goal = Obligation("invariant", "", e.eq(x(2), e.ZERO), "", NOWHERE)
    assert same(looping(), [goal], Reductions(ample=True)).out.found.keys() == {0}


@needs_cc
def test_a_long_chain() -> None:
    system = system_of([e.add(x(1), e.ONE)], (), e.lt(x(1), e.const(30_000)))
    goal = Obligation("invariant", "", e.lt(x(1), e.const(4_990)), "", NOWHERE)
    _, out = search(system, [goal], most=40_000)
    assert len(out.found[0].steps) == 4_990
    _, out = search(system, [NEVER], most=40_000)
    assert (out.states, out.depth, out.transitions) == (30_001, 30_000, 30_000)


@needs_cc
def test_it_stops() -> None:
    system = system_of([e.add(x(1), e.ONE), e.add(x(2), i(0))], [(0, 7)])
    _, out = search(system, [NEVER], machine=Machine(0, more=10, waits=True), most=50)
    assert out.stop == "more than 500 states"
    assert 500 < out.states < 520
    made, out = search(system, [NEVER], machine=Machine(0, memory=300_000, waits=True))
    assert out.stop == f"more than {out.states} states, which fill the memory"
    assert made.kept is not None
    until = time.monotonic() + 0.8
    endless = PackedSearch(
        system, whole(system), [NEVER], 10**8, until, ALL[0], machine=Machine(0, waits=True)
    )
    assert endless.run().stop == "out of time"


@needs_cc
def test_python_goes_over_to_it() -> None:
    """In the middle of a search, when the compiler is done."""
    system = system_of([e.add(x(1), i(0)), e.add(x(2), i(1))], [(0, 1), (0, 1)])
    goal = Obligation("invariant", "", e.lt(e.add(x(1), x(2)), e.const(1500)), "", NOWHERE)
    made, out = search(system, [goal], machine=Machine(after=1000), most=10**7)
    assert made.kept is not None
    assert made.kept[0][: len(made.states)] == made.states
    assert 1000 < len(made.states) < len(made.kept[0])
    assert len(out.found[0].steps) == 750


@needs_cc
def test_states_of_many_words() -> None:
    """Blocks of more than a word, which are exchanged."""
    body = " ; ".join(f"{{ a{k} || b{k} }}" for k in range(8))
    text = f"""
    workflow w {{ {" ".join(f"activity {c}{k} {{ }}" for k in range(8) for c in "ab")}
      run {{ {body} }} }}
    system {{ w[3] }}
    """
    system = lower(load_text(text, "w.wf"))
    found = same(system, [NEVER], Reductions(False, True))
    assert found.layout.words > 1


class TestGraph:
    def graphs(self, system: TransitionSystem) -> tuple[Graph, Graph]:
        out = [
            explore(system, [], want_graph=True, seconds=60, machine=machine).graph
            for machine in (AT_ONCE, None)
        ]
        assert out[0] is not None and out[1] is not None
        return out[0], out[1]

    @needs_cc
    @pytest.mark.parametrize("first", range(0, 16, 4))
    def test_the_same(self, first: int) -> None:
        for seed in range(first, first + 4):
            self.compare(integral(seed, seed % 2 == 0))

    def compare(self, system: TransitionSystem) -> None:
        fast, want = self.graphs(system)
        if want.space.symbolic or not want.nodes:
            return
        assert isinstance(fast, PackedGraph)
        number = {s: n for n, s in enumerate(want.nodes)}
        image = {-1: -1, **{n: number[s] for n, s in enumerate(fast.nodes)}}
        assert len(fast.nodes) == len(want.nodes)
        for n, edges in enumerate(fast.edges):
            there = Counter(e._replace(target=image[e.target]) for e in edges)
            assert there == Counter(want.edges[image[n]])
            assert len(fast.path(n).rules) == len(want.path(image[n]).rules)
            assert fast.trace(n) is not None
        for n in image:
            before = Counter(image[m] for m in fast.before.get(n, ()))
            assert before == Counter(want.before.get(image[n], ()))
            assert (n in fast.before) is (image[n] in want.before)
        assert set(fast.before) == {n for n in image if n in fast.before}
        assert fast.first.keys() == want.first.keys()
        for rule, (node, move) in fast.first.items():
            assert len(fast.path(node).rules) == len(want.path(want.first[rule][0]).rules)
            assert move in fast.space.moves(fast.nodes[node])
        assert fast.frontier == want.frontier == frozenset()
        assert {image[n] for n in fast.discounted} == want.discounted
        assert {image[n] for n in fast.uncertain} == want.uncertain
        assert fast.cyclic is want.cyclic
        for goal in system.obligations:
            if is_state(goal):
                there = fast.where(goal.cond)
                assert {image[n] for n in there} == want.where(goal.cond)
                assert there == {n for n in range(len(fast.nodes)) if fast.holds(n, goal.cond)}
                for barred in (set(), set(range(0, len(fast.nodes), 3))):
                    back = fast.back(there - barred, barred)
                    assert back == Graph.back(fast, there - barred, barred)
        assert fast.back({-1}, ()) == Graph.back(fast, {-1}, ())

    @needs_cc
    @pytest.mark.parametrize("seed", range(3))
    def test_who_waits(self, seed: int) -> None:
        system = lower(load_text(Symmetric(seed).spec(), "w.wf"))
        for graph in self.graphs(system):
            threads = Threads(graph)
            count = range(len(graph.nodes))
            for thread in system.threads:
                answers = [threads.waiting(n, thread) for n in count]
                assert threads.waits(thread, count) == {n for n in count if answers[n][0]}
                assert threads.unfinished(thread, count) == {n for n in count if answers[n][1]}
            for instance in system.instances:
                over = {n for n in count if threads.ended(n, instance.id)}
                assert threads.over(instance) == (over, over)

    @needs_cc
    def test_one_that_is_cut_off(self) -> None:
        system = system_of([e.add(x(1), i(0)), e.add(x(2), i(1))], [(0, 1), (0, 1)])
        machine = Machine(0, more=1, waits=True, level="-O0")
        found = explore(system, [], want_graph=True, max_states=500, machine=machine)
        graph = found.graph
        assert isinstance(graph, PackedGraph)
        assert found.reason == "more than 500 states"
        assert not found.complete
        assert graph.frontier == {n for n, edges in enumerate(graph.edges) if not edges}
        assert 0 < len(graph.frontier) < len(graph.nodes)


class TestWithout:
    """Where there is no machine code, Python goes on, and says why."""

    SYSTEM = system_of([e.add(x(1), i(0))], [(0, 1)], e.lt(x(1), e.const(100)))

    def found(self) -> str:
        fast, out = search(self.SYSTEM, [NEVER])
        assert fast.kept is None
        assert out.states == 101
        assert not out.stop
        return out.by

    def test_no_compiler(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(native, "compiler", lambda: None)
        assert self.found() == "in Python: there is no C compiler (cc)"
        graph = explore(self.SYSTEM, [], want_graph=True, machine=AT_ONCE).graph
        assert graph is not None
        assert len(graph.nodes) == 101

    def test_a_compiler_that_fails(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(native, "compiler", lambda: "/bin/false")
        assert self.found() == "in Python: the C compiler did not accept the search"

    def test_a_compiler_that_makes_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(native, "compiler", lambda: "/bin/true")
        assert self.found().startswith("in Python: the search could not be loaded")

    def test_none_that_can_be_started(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(native, "compiler", lambda: "/nowhere/cc")
        assert self.found().startswith("in Python: /nowhere/cc cannot be started")


def files() -> list[str]:
    return sorted(os.listdir("/proc/self/fd"))


@needs_cc
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="no list of open files")
def test_nothing_stays_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for with_memory in (True, False):
        if not with_memory:
            monkeypatch.delattr(os, "memfd_create", raising=False)
        before = files()
        made, _ = search(TestWithout.SYSTEM, [NEVER])
        assert made.kept is not None
        assert files() == before
        compilation = native.Compilation(" " * 10**6, "-O1")  # one that is not needed any more
        compilation.close()
        assert files() == before
        assert not list(tmp_path.iterdir())


def test_no_name_of_a_spec_is_in_the_text() -> None:
    system = system_of([e.add(x(1), i(0))], [(0, 1)], names='"; abort(); //')
    made = PackedSearch(system, whole(system), [NEVER], 100, time.monotonic() + 60, ALL[0])
    made.run()
    assert "abort" not in print_search(made.program()).text
