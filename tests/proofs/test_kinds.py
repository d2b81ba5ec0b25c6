"""Each kind of evidence: one that shows its claim, and ones that nearly do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from certified import judged, system_of, valid
from wfverify.cli.certifying_runs import that_meet
from wfverify.dsl import load_text
from wfverify.proofs import anynumber
from wfverify.proofs.check import Answer, Checker
from wfverify.proofs.solvers import Solvers
from wfverify.proofs.states import View, explored
from wfverify.semantics.evidence import (
    Answered,
    Classes,
    Facts,
    Inductive,
    Instance,
    Measure,
    Merged,
    Pairs,
    Peaks,
    Progress,
    Rank,
    Runs,
    States,
    Syntactic,
    Trusted,
)
from wfverify.semantics.expr import Expr, Sort, const, eq, implies, le, not_, post, sub, var
from wfverify.semantics.system import TransitionSystem
from wfverify.semantics.trace import Step, Trace
from wfverify.semantics.values import initial_state
from wfverify.verifier.engines.structure import Structure
from wfverify.verifier.measures import components

COUNTER = """\
workflow w(n: int 0..5) {
  var x: int = 0
  var y: int = 0
  activity up { do { x := x + 1 } }
  activity twice { do { y := y + 2 } }
  run { while (x < 3) { up ; twice } }
  invariant bounded : x <= 3
  invariant even : y % 2 == 0
  invariant false_in_the_end : x <= 2
}
"""
POOLS = """\
resource r : pool(3)
workflow w {
  activity a { uses r 1 }
  activity b { uses r 2 }
  activity c { uses r 1 }
  run { (a || b) ; c }
}
"""
DATA = """\
workflow w {
  var x: int = 0
  var y: int = 0
  activity a { do { x := 1 } }
  activity b { do { y := 1 } }
  run { a || b }
  invariant small : x + y <= 2
}
"""
RESULTS = ("timing_independent", "deterministic")
RACE = DATA.replace("y := 1", "x := 2")


@pytest.fixture(params=["Z3", "Z3 and cvc5"])
def solvers(request: pytest.FixtureRequest) -> Iterator[Solvers]:
    """The second one where it is installed."""
    if request.param != "Z3":
        pytest.importorskip("cvc5")
    yield Solvers(second=request.param != "Z3")


def named(system: TransitionSystem, name: str) -> Expr:
    (v,) = [v for v in system.variables if v.name == name]
    return var(v.index, v.sort)


def at(system: TransitionSystem, thread: int, label: str) -> Expr:
    t = system.threads[thread]
    (p,) = [p for p in t.points if p.label == label]
    return eq(var(t.location, Sort.INT), const(p.id))


def plainly(system: TransitionSystem, *shapes: str) -> Facts:
    """That nobody is where no step leads, and some shapes."""
    return Facts(tuple(Structure(system).never_entered()), shapes)


# --- inductive -------------------------------------------------------------------------------


def test_an_inductive_invariant(solvers: Solvers) -> None:
    system = system_of(COUNTER)
    checker = Checker(system, solvers)
    x = named(system, "w.x")
    inside = [
        implies(at(system, 0, label), le(x, const(2)))
        for label in ("running up", "up")
        if any(p.label == label for p in system.threads[0].points)
    ]
    good = Inductive(Facts((le(x, const(3)), *inside)))
    assert valid(judged(checker, "invariant", "bounded", good))
    even = [g.cond for g in system.obligations if g.name == "even"]
    assert valid(judged(checker, "invariant", "even", Inductive(Facts(tuple(even)))))


def test_invariants_that_are_none(solvers: Solvers) -> None:
    system = system_of(COUNTER)
    checker = Checker(system, solvers)
    x, y = named(system, "w.x"), named(system, "w.y")
    goal = le(x, const(3))
    for wrong in (
        (),  # says nothing
        (goal,),  # true, but not kept by itself
        (le(const(1), x),),  # false at the start
        (goal, eq(x, y)),  # not kept
        (le(x, const(2)),),
    ):
        assert not valid(judged(checker, "invariant", "bounded", Inductive(Facts(wrong)))), wrong
    # An invariant speaks of one state.
    later = le(post(x.index, Sort.INT), const(3))
    assert not valid(judged(checker, "invariant", "bounded", Inductive(Facts((later,)))))
    for shapes in (("loose",), ("linking w.x",), ("linking nothing",)):
        facts = Inductive(Facts((), shapes))
        assert not valid(judged(checker, "invariant", "bounded", facts))


def test_evidence_for_some_goals_only_is_not_enough() -> None:
    system = system_of(POOLS)
    checker = Checker(system, Solvers(second=False))
    both = Inductive(Facts((le(named(system, "r"), const(3)),), ("fresh", "linking r")))
    assert valid(judged(checker, "resources", "r", both))
    from wfverify.proofs.check import claim_of
    from wfverify.semantics.evidence import Part

    claim = claim_of(system, "resources", "r", "error", "PROVED")
    assert checker.judged(claim, [Part(both, [0])]).answer is Answer.INVALID
    assert checker.judged(claim, [Part(both, [0, 1, 2])]).answer is Answer.INVALID


NO_CONDITION = {
    "pairs": Pairs(Facts()),
    "answered": Answered(),
    "classes": Classes(()),
    "merged": Merged((), 0, 0, (), ()),
    "instance": Instance(()),
    "runs": Runs(()),
}


@pytest.mark.parametrize("kind", NO_CONDITION)
def test_evidence_about_the_whole_shows_no_condition(kind: str) -> None:
    """That all steps commute holds here, and says nothing of a false invariant (it was taken for
    a proof of it once)."""
    system = system_of(COUNTER)
    checker = Checker(system, Solvers(second=False))
    if kind in ("pairs", "answered"):
        assert valid(judged(checker, "deterministic", "", NO_CONDITION[kind]))
    for name in ("false_in_the_end", "bounded"):
        wrong = judged(checker, "invariant", name, NO_CONDITION[kind])
        assert wrong.answer is Answer.INVALID, wrong


def test_nor_of_any_number() -> None:
    system = system_of(COUNTER + "system { w[*] }")
    spec = load_text(COUNTER + "system { w[*] }", "w.wf")
    many = anynumber.checker(spec, system, Solvers(second=False), {})
    for evidence in NO_CONDITION.values():
        assert judged(many, "invariant", "false_in_the_end", evidence).answer is Answer.INVALID


# --- reachable -------------------------------------------------------------------------------


def everything(system: TransitionSystem) -> States:
    found = explored(View(system, tuple(v.index for v in system.variables)), 10_000)
    assert found is not None
    return found


def test_a_closed_set_of_states() -> None:
    system = system_of(DATA)
    states = everything(system)
    assert valid(judged(Checker(system, Solvers()), "invariant", "small", states))
    for check in ("deadlock_free", "terminates", "can_finish"):
        assert valid(judged(Checker(system, Solvers()), check, "", states))


def test_a_set_with_any_state_left_out_is_not_closed() -> None:
    system = system_of(DATA)
    states = everything(system)
    for gone in range(len(states.states)):
        fewer = states.states[:gone] + states.states[gone + 1 :]
        less = States(states.variables, fewer)
        assert not valid(judged(Checker(system, Solvers()), "invariant", "small", less))


def test_a_projection_must_see_what_it_needs() -> None:
    system = system_of(DATA)
    x, y = named(system, "w.x").index, named(system, "w.y").index
    kept = (x, y)
    few = States(kept, tuple((a, b) for a in (0, 1) for b in (0, 1)))
    assert valid(judged(Checker(system, Solvers()), "invariant", "small", few))
    blind = States((x,), ((0,), (1,)))
    assert not valid(judged(Checker(system, Solvers()), "invariant", "small", blind))
    # Who is stuck cannot be told from data.
    assert not valid(judged(Checker(system, Solvers()), "deadlock_free", "", few))


def test_states_that_go_round_or_stick() -> None:
    for source in (
        "workflow w { activity a { } run { while (true) { a } } }",
        "workflow w { var x: int = 0  activity a { } run { a ; wait until (x == 1) } }",
    ):
        system = system_of(source)
        checker = Checker(system, Solvers())
        for check in ("terminates", "can_finish"):
            assert not valid(judged(checker, check, "", everything(system)))


# --- peaks -----------------------------------------------------------------------------------


def test_peaks_add_up() -> None:
    system = system_of(POOLS)
    used = named(system, "r").index
    checker = Checker(system, Solvers(second=False))
    goal = next(o for o in system.obligations if o.check == "resources" and o.name == "r")
    good = {0: 3, 1: 1, 2: 2}

    def shows(peaks: dict[int, int], shape: str = "fresh") -> bool:
        from wfverify.proofs.facts import Wrong

        try:
            checker.part("resources", Peaks(used, tuple(peaks.items()), shape), [goal])
        except Wrong:
            return False
        return True

    assert shows(good) and shows(good, "quiet")
    for wrong in ({0: 2, 1: 1, 2: 2}, {0: 3, 1: 1, 2: 1}, {0: 3, 2: 2}, {}, {0: 4, 1: 2, 2: 2}):
        assert not shows(wrong), wrong
    assert not shows({**good, 1: -1}) and not shows(good, "loose")
    other = system_of(POOLS.replace("pool(3)", "pool(2)"))
    tight = Checker(other, Solvers(second=False))
    assert not valid(judged(tight, "resources", "r", Peaks(used, tuple(good.items()))))


# --- progress and measures -------------------------------------------------------------------


def test_progress(solvers: Solvers) -> None:
    checker = Checker(system_of(DATA), solvers)
    assert valid(judged(checker, "deadlock_free", "", Progress(plainly(checker.system, "fresh"))))
    assert not valid(judged(checker, "deadlock_free", "", Progress(plainly(checker.system))))
    waits = "workflow w { var x: int = 0  activity a { } run { a ; wait until (x == 1) } }"
    checker = Checker(system_of(waits), solvers)
    facts = plainly(checker.system, "fresh")
    assert not valid(judged(checker, "deadlock_free", "", Progress(facts)))
    # A claim that waits for what others hold.
    crossed = """\
resource l : lock
resource m : lock
workflow w {
  activity a { }
  run {
    using (l exclusive) { using (m exclusive) { a } } ||
    using (m exclusive) { using (l exclusive) { a } }
  }
}
"""
    checker = Checker(system_of(crossed), solvers)
    for shapes in ((), ("fresh",), ("fresh", "linking l", "linking m")):
        facts = plainly(checker.system, *shapes)
        assert not valid(judged(checker, "deadlock_free", "", Progress(facts)))


def test_an_order_of_resources_needs_that_they_are_given_back(solvers: Solvers) -> None:
    held = """\
resource l : lock
workflow w { activity a { } run { using (l exclusive) { while (true) { a } } } }
workflow v { activity b { uses l exclusive } run { b } }
system { w v }
"""
    for source, ends in ((held, False), (held.replace("while (true) { a }", "a"), True)):
        checker = Checker(system_of(source), solvers)
        shapes = ("fresh", "linking l", "linking l exclusive")
        progress = Progress(plainly(checker.system, *shapes), (0,))
        measure = Measure(Facts(), components(Structure(checker.system), []))
        assert not valid(judged(checker, "deadlock_free", "", progress))
        assert valid(judged(checker, "deadlock_free", "", measure, progress)) is ends
        backwards = Progress(plainly(checker.system, *shapes), (1,))
        assert not valid(judged(checker, "deadlock_free", "", measure, backwards))


def test_a_measure_of_places_and_one_of_data(solvers: Solvers) -> None:
    plain = system_of(DATA)
    ranks = components(Structure(plain), [])
    assert ranks and all(c.term is None for c in ranks)
    progress = Progress(plainly(plain, "fresh"))
    assert valid(
        judged(Checker(plain, solvers), "terminates", "", Measure(Facts(), ranks), progress)
    )
    # Without its measure, without its progress, in the other order.
    for wrong in ((progress,), (Measure(Facts(), ranks),), (progress, Measure(Facts(), ranks))):
        assert not valid(judged(Checker(plain, solvers), "terminates", "", *wrong))


def test_wrong_measures() -> None:
    system = system_of(DATA)
    ranks = components(Structure(system), [])
    progress = Progress(plainly(system, "fresh"))
    checker = Checker(system, Solvers(second=False))

    def ends(*parts: Rank) -> bool:
        return valid(judged(checker, "terminates", "", Measure(Facts(), parts), progress))

    assert ends(*ranks)
    for k, c in enumerate(ranks):
        assert not ends(*ranks[:k], *ranks[k + 1 :])
        flat = replace(c, ranks=tuple(0 for _ in c.ranks))
        turned = replace(c, ranks=tuple(-r for r in c.ranks))
        assert not ends(*ranks[:k], flat, *ranks[k + 1 :])
        assert not ends(*ranks[:k], turned, *ranks[k + 1 :])
        assert not ends(*ranks[:k], replace(c, ranks=c.ranks[1:]), *ranks[k + 1 :])
    loop = system_of(COUNTER)
    x = named(loop, "w.x")
    rounds = Checker(loop, Solvers(second=False))
    for term in (x, sub(const(3), x), const(0)):
        parts = components(Structure(loop), [Rank(term=term)])
        # Whatever falls, nobody has said that it is bounded where it does.
        measure = Measure(Facts(), (*parts, Rank(term=term)))
        assert not valid(judged(rounds, "terminates", "", measure, progress))


@pytest.mark.parametrize(
    ("type_", "contract", "can"),
    [
        ("int", "x > old(x)", True),
        ("int", "x < old(x)", True),
        ("int", "x == old(x) + 5", True),
        ("int", "x > old(x) and x < old(x)", False),
        ("int 0..9", "x > old(x)", False),  # there is nothing above 9
        ("int 0..9", "x >= old(x)", True),
        ("real", "x > old(x)", True),
    ],
)
def test_a_step_counts_where_it_has_an_answer(type_: str, contract: str, can: bool) -> None:
    first = "0.0" if type_ == "real" else "0"
    source = f"workflow w {{ var x: {type_} = {first}\n"
    source += f"  activity a {{ writes x  ensures {contract} }}\n  run {{ a ; a }} }}"
    system = system_of(source)
    checker = Checker(system, Solvers(second=False))
    facts = plainly(system, "fresh")
    if "9" in type_:
        facts = replace(facts, invariants=(*facts.invariants, le(named(system, "w.x"), const(9))))
    assert valid(judged(checker, "deadlock_free", "", Progress(facts))) is can


# --- pairs -----------------------------------------------------------------------------------


def test_pairs(solvers: Solvers) -> None:
    facts = Facts((), ("fresh",))
    apart = Checker(system_of(DATA), solvers)
    assert valid(judged(apart, "race_free", "", Pairs(facts)))
    ranks = components(Structure(apart.system), [])
    for check in RESULTS:
        assert valid(judged(apart, check, "", Pairs(facts)))
        assert not valid(judged(apart, check, "", Measure(Facts(), ranks)))
    racing = Checker(system_of(RACE), solvers)
    assert not valid(judged(racing, "race_free", "", Pairs(facts)))
    for check in RESULTS:
        assert not valid(judged(racing, check, "", Pairs(facts)))


def orders(source: str) -> tuple[bool, bool]:
    """Whether pairs show that a result depends neither on who is faster, nor on anything but the
    answers."""
    checker = Checker(system_of(source), Solvers(second=False))
    shapes: tuple[tuple[str, ...], ...] = ((), ("fresh",), ("quiet",))
    found = [
        [valid(judged(checker, check, "", Pairs(Facts((), s)))) for s in shapes]
        for check in RESULTS
    ]
    return any(found[0]), any(found[1])


def test_runs_need_not_end_for_their_steps_to_commute() -> None:
    polls = "shared done: bool = false\nworkflow w { activity poll { writes done }"
    polls += " run { while (not done) { poll } } }"
    assert orders(polls) == (True, True)
    # Two who go round, and who comes to the end first decides.
    both = polls.replace("writes done", "takes 1s..2s").replace(
        "poll } } }", "poll ; done := true ; k := k + me } } } system { w(1) w(2) }"
    )
    both = both.replace("workflow w", "shared k: int = 0\nworkflow w(me: int 1..2)")
    assert orders(both) == (False, False)


def test_the_time_of_an_attempt_is_up_by_its_duration() -> None:
    limit = """
    workflow w {
      var x: int = 0
      activity a { takes 1s..5s  timeout 3s }
      activity b { takes 1s..5s }
      run { (try { a } catch Timeout { x := 1 }) || b }
    }
    """
    assert orders(limit) == (False, True)
    # The time of a block is up whatever its parts are doing; the other branch is cut off with it.
    around = limit.replace("timeout 3s", "").replace(
        "try { a }", "try { within 3s { a ; x := 2 } }"
    )
    assert orders(around) == (False, False)
    # What the other branch writes is looked at when the time is up.
    read = limit.replace("x := 1", "x := y").replace("|| b", "|| (b ; y := 2)")
    read = read.replace("var x: int = 0", "var x: int = 0  var y: int = 0")
    assert orders(read) == (False, False)


def test_what_the_clock_says_depends_on_durations() -> None:
    clock = "workflow w { var t: duration = 0s  activity a { takes 1s..2s }  run { a ; t := now } }"
    assert orders(clock) == (False, True)


def test_a_crash_is_nobodys_step() -> None:
    crash = DATA.replace("run { a || b }", "run { a || b }") + (
        "system { w  faults crash w at_most 1 back within 5s }"
    )
    assert orders(crash) == (True, True)
    assert orders(crash.replace("y := 1", "x := 2")) == (False, False)


# --- runs ------------------------------------------------------------------------------------


def test_runs_are_taken_again() -> None:
    system = system_of("workflow w { activity a { takes 2s..3s } activity b { } run { a ; b } }")
    checker = Checker(system, Solvers(second=False))
    names = {r.name: r.index for r in system.rules}
    from fractions import Fraction

    def run(*steps: tuple[str, int]) -> Runs:
        taken = tuple(Step(names[n], (), Fraction(t)) for n, t in steps)
        return Runs((Trace(initial_state(system, {}), taken),))

    first = ("start w.a", 0), ("complete w.a", 2)
    assert valid(judged(checker, "no_dead_code", "", run(*first, ("start w.b", 2))))
    for wrong in (
        run(*first),  # b never runs
        run(("start w.a", 0), ("complete w.a", 1), ("start w.b", 1)),  # too soon
        run(("start w.a", 0), ("complete w.a", 4), ("start w.b", 4)),  # too late
        run(*first, ("start w.b", 3)),  # it need not wait, so it does not
        run(("complete w.a", 2), ("start w.b", 2)),
        run(("start w.b", 0), ("start w.a", 0)),
        Runs(()),
    ):
        assert not valid(judged(checker, "no_dead_code", "", wrong))


ASKED = """\
workflow w(n: int 0..3) {
  var x: int 0..9 = 0
  activity a(k: int) -> int 0..9 { ensures result > k }
  activity b { writes x  ensures x > old(x) }
  activity free -> int 0..9 { }
  run { x <- a(n) ; if (x < 9) { b } ; { x <- a(n) || free } }
}
"""


def test_contracts_are_met_in_runs() -> None:
    system = system_of(ASKED)
    checker = Checker(system, Solvers(second=False))
    shown = that_meet(checker.watch, [], 20)
    assert valid(judged(checker, "contracts", "ensures", *shown))
    (runs,) = shown
    assert isinstance(runs, Runs)
    last = runs.runs[-1]
    for fewer in (runs.runs[:-1], (*runs.runs[:-1], replace(last, steps=last.steps[:-1]))):
        assert judged(checker, "contracts", "ensures", Runs(fewer)).answer is Answer.INVALID
    # The answer has to be one that the contract allows: 0 is not more than an argument.
    (done,) = [r.index for r in system.rules if r.name == "complete w.a"]
    none = [
        replace(t, steps=tuple(replace(s, inputs=(0,)) if s.rule == done else s for s in t.steps))
        for t in runs.runs
    ]
    assert judged(checker, "contracts", "ensures", Runs(tuple(none))).answer is Answer.INVALID
    for name in ("", "a", "assume", "other ensures"):
        assert judged(checker, "contracts", name, *shown).answer is Answer.INVALID, name
    for evidence in (Syntactic(), Pairs(Facts()), Answered()):
        assert judged(checker, "contracts", "ensures", evidence).answer is Answer.INVALID
    bare = Checker(system_of(COUNTER), Solvers(second=False))
    for nothing in (Runs(()), Syntactic()):
        assert judged(bare, "contracts", "ensures", nothing).answer is Answer.INVALID


def test_refutations_are_runs_that_break_something() -> None:
    system = system_of(COUNTER.replace("up ; twice", "up"))
    checker = Checker(system, Solvers(second=False))
    names = {r.name: r.index for r in system.rules}
    start = initial_state(system, {v.index: 0 for v in system.variables if v.init is None})
    steps = []
    for _ in range(3):
        steps += [Step(names["start w.up"]), Step(names["complete w.up"])]

    def says(name: str, *taken: Step, initial: tuple[object, ...] = start) -> Answer:
        runs = Runs((Trace(initial, taken),))  # type: ignore[arg-type]
        return judged(checker, "invariant", name, runs, verdict="REFUTED").answer

    assert says("false_in_the_end", *steps) is Answer.VALID
    assert says("false_in_the_end", *steps[:4]) is Answer.INVALID  # not yet
    assert says("false_in_the_end", *steps, steps[0]) is Answer.INVALID  # not possible
    assert says("bounded", *steps) is Answer.INVALID  # holds
    x = named(system, "w.x").index
    other = (*start[:x], 9, *start[x + 1 :])
    assert says("false_in_the_end", initial=other) is Answer.INVALID


# --- what needs no evidence, and what has none -----------------------------------------------


def test_nothing_of_the_kind() -> None:
    checker = Checker(system_of(POOLS), Solvers(second=False))
    assert valid(judged(checker, "borrows", "", Syntactic()))
    assert not valid(judged(checker, "resources", "", Syntactic()))
    assert not valid(judged(checker, "resources", "r", Syntactic()))
    assert not valid(judged(checker, "no_such_check", "", Syntactic()))
    assert not valid(judged(checker, "deadlock_free", "", Syntactic()))
    assert not valid(judged(checker, "deadlock_free", "", Progress(Facts()), Syntactic()))


def test_atomicity_is_looked_at_rule_by_rule() -> None:
    system = system_of(POOLS)
    assert valid(judged(Checker(system, Solvers(second=False)), "atomicity", "", Syntactic()))
    rule = system.rules[0]
    v, e = rule.own[0]
    changed = replace(
        rule, own=((v, e if e.sort is Sort.BOOL and not_(e) else const(7)), *rule.own[1:])
    )
    torn = replace(system, rules=(changed, *system.rules[1:]))
    assert not valid(judged(Checker(torn, Solvers(second=False)), "atomicity", "", Syntactic()))


def test_what_is_trusted_is_never_valid() -> None:
    checker = Checker(system_of(POOLS), Solvers(second=False))
    for check, name in (("resources", "r"), ("deadlock_free", ""), ("timing_independent", "")):
        found = judged(checker, check, name, Trusted("search", "believe me"))
        assert found.answer is Answer.HOLEY and "believe me" in found.why
