"""Evidence for what was proved: candidates, the most likely first.

An engine may have left evidence with its verdict; of what it did not, some is made again here.
Nothing is promised: whoever keeps a candidate has it checked (`proofs`), and takes the next one
where it does not hold.  `States` without states say only which variables to look at.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import field

from ..dsl.records import dataclass
from ..semantics.evidence import (
    Answered,
    Evidence,
    Facts,
    Inductive,
    Measure,
    Pairs,
    Peaks,
    Progress,
    Rank,
    Runs,
    States,
    Syntactic,
)
from ..semantics.expr import (
    TRUE,
    Expr,
    Op,
    Scalar,
    Sort,
    const,
    eq,
    implies,
    le,
    not_,
    or_,
    var,
    whole,
)
from ..semantics.smtlib import Unreadable, text
from ..semantics.system import Obligation, TransitionSystem, Variable, VarKind
from ..semantics.walks import substitute, variables
from .engines.common import Budget, is_state, touched
from .engines.induction_query import shape
from .engines.slice import slice_for
from .engines.structure import Structure
from .inside import terms_of, tests_inside
from .measures import components

SMALL_RULES = 2_000
SECONDS = 2.0  # for one goal
MOST_RULES = 10_000
LONG = ("timing_independent", "deterministic", "no_dead_code")
MOST_GUESSES = 1_500


@dataclass(slots=True)
class Learned:
    """What was found of goals, for others that are alike.  `induction`: there are many states, or
    the proof at hand was made by induction; so evidence is likely to be, too."""

    induction: bool = False
    like: object = None  # the goal at hand, where what takes long is tried of it
    found: dict[object, tuple[Evidence, Obligation]] = field(default_factory=dict)
    missed: set[object] = field(default_factory=set)

    def learn(self, goal: Obligation, evidence: Evidence | None) -> None:
        """What shows the goal at hand; None: nothing does."""
        if self.like is not None and evidence is not None:
            self.found.setdefault(self.like, (evidence, goal))
        elif self.like is not None:
            self.missed.add(self.like)


def for_goal(
    structure: Structure, goal: Obligation, hint: Evidence | None, learned: Learned
) -> Iterator[Evidence]:
    """For one obligation."""
    system = structure.system
    learned.like = None
    if goal.cond is TRUE:
        yield Syntactic()
    if hint is not None:
        yield hint
    if goal.check == "resources" and goal.cond.op is Op.LE and goal.cond.args[0].op is Op.VAR:
        yield from _peaks(structure, goal)
    own = (goal.cond,) if is_state(goal) else ()
    used = sorted(v for v in touched(goal.cond) if system.variables[v].kind is VarKind.USED)
    linking = tuple(f"linking {system.variables[v].name}" for v in used)
    if goal.cond.op is not Op.OR:  # it says something of places
        yield Inductive(Facts(own))
    if used:
        yield Inductive(Facts((), ("fresh", *linking)))
        yield Inductive(Facts((), ("quiet", *linking)))
    if goal.cond.op is Op.OR:
        yield Inductive(Facts(own))
    if len(system.rules) > SMALL_RULES:
        return
    learned.like = likeness(system, goal)
    if learned.like in learned.missed:
        return
    if used:
        yield Inductive(Facts(own, ("quiet", *linking)))
    known = learned.found.get(learned.like)
    if known is not None:
        yield from exchanged(system, *known, goal)
    first, then = _states(system, goal), _induction(structure, goal)
    for way in (then, first) if learned.induction else (first, then):
        yield from way


def likeness(system: TransitionSystem, goal: Obligation) -> tuple[object, ...]:
    """The same for goals that one line asks of alike instances: equal but for names, with equal
    first values of all that the instances have."""
    terms = [goal.cond]
    if goal.rule is not None:
        rule = system.rules[goal.rule]
        terms += [rule.guard, rule.relation, *(e for _, e in rule.updates)]
    firsts = [
        [v.init or TRUE for v in system.variables if v.instance == i] for i in _spoken(system, goal)
    ]
    return goal.check, goal.name, goal.every_step, goal.span, shape([terms, *firsts])


def _spoken(system: TransitionSystem, goal: Obligation) -> list[int]:
    """The instances that a goal is about."""
    mine = {system.variables[v].instance for v in variables([goal.cond])}
    if goal.rule is not None:
        mine.add(system.rules[goal.rule].instance)
    return sorted(i for i in mine if i is not None)


def exchanged(
    system: TransitionSystem, evidence: Evidence, one: Obligation, other: Obligation
) -> Iterator[Evidence]:
    """Evidence for one goal, said of the instances that another goal is about, which is alike."""
    become: dict[int, int] = {}
    for i, j in zip(_spoken(system, one), _spoken(system, other), strict=True):
        mine, yours = ([v.index for v in system.variables if v.instance == k] for k in (i, j))
        become |= {**dict(zip(mine, yours, strict=True)), **dict(zip(yours, mine, strict=True))}

    def put(n: Expr) -> Expr:
        return var(become.get(n.index, n.index), n.sort) if n.op is Op.VAR else n

    match evidence:
        case Inductive(Facts(invariants, shapes)):
            yield Inductive(Facts(tuple(substitute(e, put) for e in invariants), shapes))
        case States(kept, ()):
            yield States(tuple(sorted(become.get(v, v) for v in kept)), ())


def _peaks(structure: Structure, goal: Obligation) -> Iterator[Peaks]:
    """Bottom-up, branches side by side added up; nothing where that is too much."""
    used = goal.cond.args[0].index
    best: dict[int, int] = {}
    for t in reversed(structure.system.threads):
        top = 0
        for p in t.points:
            held = sum(_amount(structure, a) for v, a in p.holds if v == used)
            group = structure.forks[t.id].get(p.id, ())
            top = max(top, held + sum(best.get(c.id, 0) for c in group))
        if top:
            best[t.id] = top
    room = whole(goal.cond.args[1])
    total = sum(best.get(t.id, 0) for t in structure.roots())
    for inside in ("fresh", "quiet") if room is None or total <= room else ():
        yield Peaks(used, tuple(sorted(best.items())), inside)


def _amount(structure: Structure, e: Expr) -> int:
    from .engines.structure import upper

    return upper(e, structure.system) or 0


def _states(system: TransitionSystem, goal: Obligation) -> Iterator[States]:
    """The cone of the goal, first without what claims say."""
    claims = {v.index for v in system.variables if v.kind is VarKind.USED}
    seen = set()
    for cut in (claims, set[int]()):
        kept = tuple(sorted(slice_for(system, [goal], cut).variables))
        if kept not in seen:
            seen.add(kept)
            yield States(kept, ())


def _induction(structure: Structure, goal: Obligation) -> Iterator[Inductive]:
    """Templates, then what Spacer suggests."""
    from .engines.chc import suggest
    from .engines.induction import NOTHING, prove_invariants
    from .engines.induction import Inductive as Found

    system = structure.system
    control = structure.never_entered()
    found = prove_invariants(system, control, [goal], Budget(SECONDS))
    answer = found.answers[0]
    if isinstance(answer, Found):
        yield Inductive(Facts(answer.invariants))
    else:
        more = suggest(system, goal, found.invariants, SECONDS / 2)
        if more:
            found = prove_invariants(
                system, [*more, *found.invariants], [goal], Budget(SECONDS), NOTHING
            )
            answer = found.answers[0]
            if isinstance(answer, Found):
                yield Inductive(Facts(answer.invariants))


def for_whole(
    structure: Structure, check: str, hints: Sequence[Evidence]
) -> Iterator[tuple[Evidence, ...]]:
    """For a check of the whole system, or for one of which the spec has nothing."""
    if check in LONG and len(structure.system.rules) > MOST_RULES:
        return  # steps two by two, runs to each place: it would take longer than to prove it
    match check:
        case "deadlock_free" | "messages":
            if check == "messages":
                yield (Syntactic(),)
            for progress in _progress(structure):
                if not progress.order:
                    yield (progress,)
                else:
                    yield from ((measure, progress) for measure in _measures(structure, hints))
            yield from _everything(structure)
        case "terminates" | "can_finish" | "starvation_free":
            if check == "starvation_free":
                yield (Syntactic(),)
            for measure in _measures(structure, hints):
                for progress in _progress(structure):
                    yield measure, progress
            yield from _everything(structure)
        case "race_free":
            few = len(structure.system.rules) <= MOST_RULES
            # (Of the others only what the tree shows: to write facts out takes longer.)
            for facts in _control(structure) if few else (Facts(),):
                yield (Pairs(facts),)
            yield from ((states, Pairs(Facts())) for (states,) in _everything(structure))
        case "timing_independent" | "deterministic":
            tree = _pairs(structure)
            small = len(structure.system.rules) <= SMALL_RULES
            if not structure.contended():
                yield from ((pairs,) for pairs in tree)
            for measure in _measures(structure, hints):
                for pairs in tree:
                    for progress in _progress(structure, tree=not small):
                        yield measure, progress, pairs
            yield from ((Pairs(facts),) for facts in _control(structure) if facts.shapes or small)
            yield from ((states, Pairs(Facts())) for (states,) in _everything(structure))
            if small:
                yield (_answered(structure),)
        case "no_dead_code" | "contracts":
            yield tuple(h for h in hints if isinstance(h, Runs)) or (Runs(()),)
        case _:
            yield (Syntactic(),)


def _pairs(structure: Structure) -> Sequence[Pairs]:
    if "pairs" not in structure.kept:
        # The same objects each time, as of `progress`.
        structure.kept["pairs"] = [Pairs(Facts((), (s,))) for s in ("fresh", "quiet")]
    return structure.kept["pairs"]  # type: ignore[return-value]


def _answered(structure: Structure) -> Answered:
    if "answered" not in structure.kept:
        structure.kept["answered"] = [Answered()]  # the same object each time
    return structure.kept["answered"][0]  # type: ignore[return-value]


def _everything(structure: Structure) -> Iterator[tuple[States]]:
    """All that decides who can take a step."""
    system = structure.system
    if len(system.rules) <= SMALL_RULES:
        places = [eq(var(t.location, Sort.INT), const(0)) for t in system.threads]
        guards = [e for r in system.rules for e in (r.guard, r.relation)]
        active = [i.active for i in system.instances]
        cone = slice_for(system, [], (), [*places, *guards, *active])
        yield (States(tuple(sorted(cone.variables)), ()),)


def _progress(structure: Structure, tree: bool = False) -> Iterator[Progress]:
    """`tree`: only what the tree of threads may show at once."""
    system = structure.system
    small = len(system.rules) <= SMALL_RULES
    every = {v.index for v in system.variables if v.kind is VarKind.USED}
    contended = structure.contended()
    orders = [(used, _order(structure, used)) for used in ([every, contended] if every else [])]
    if "progress" not in structure.kept:
        # The same objects each time: what was seen of them is not looked at again.
        structure.kept["progress"] = [
            Progress(Facts((), (shape, *_linking(structure, used))), order)
            for shape in ("fresh", "quiet")
            for used, order in [*orders[:1], (set[int](), ())]
            if order or not used
        ]
    yield from structure.kept["progress"]  # type: ignore[misc]
    if small and not tree:
        for facts in _control(structure):
            yield Progress(facts)
        for used, order in orders[1:]:
            if order:
                plain = (*structure.never_entered(), *structure.constants(), *_values(structure))
                yield Progress(Facts(plain, ("fresh", *_linking(structure, used))), order)


def _linking(structure: Structure, used: Collection[int]) -> tuple[str, ...]:
    return tuple(f"linking {n}" for n in sorted({structure.system.variables[u].name for u in used}))


def _order(structure: Structure, used: set[int]) -> tuple[int, ...]:
    """Resources, each before those that are asked for while it is held; of some of them."""
    position = structure.resource_of()
    after: dict[int, set[int]] = {position[u]: set() for u in used}
    for request in structure.requests(used):
        for h in request.held:
            after[position[h]] |= {position[w] for w in request.wanted}
    out: list[int] = []
    while after:
        free = [p for p in sorted(after) if not any(p in later for later in after.values())]
        if not free:
            return ()
        out.append(free[0])
        del after[free[0]]
    return tuple(out)


def _measures(structure: Structure, hints: Sequence[Evidence]) -> Iterator[Measure]:
    ranks = [c for h in hints if isinstance(h, Measure) for c in h.components]
    if "measure" not in structure.kept:
        tests = [Rank(term=e) for e in terms_of(structure)]
        parts = components(structure, tests, apart=False)
        facts = Facts(tuple(tests_inside(structure)), ("fresh",))
        structure.kept["measure"] = [Measure(facts, parts)]
    yield from structure.kept["measure"]  # type: ignore[misc]
    if len(structure.system.rules) <= SMALL_RULES:
        # (Several checks ask for the same, and again beside each `progress`.)
        known = "measure", *map(_said, ranks)
        if known not in structure.kept:
            parts = components(structure, ranks)
            bounds = _bounds(structure, parts)
            structure.kept[known] = [
                Measure(Facts(bounds, shapes), parts) for shapes in (("fresh",), ())
            ]
        yield from structure.kept[known]  # type: ignore[misc]


def _said(c: Rank) -> object:
    """The same of equal components, whoever made them."""
    if c.term is None:
        return c
    try:
        return text(c.term, lambda n: f"{n.op}{n.index}")
    except Unreadable:
        return c


def _bounds(structure: Structure, parts: Sequence[Rank]) -> tuple[Expr, ...]:
    """Where the terms of a measure are surely not negative, by the places of threads."""
    from .engines.induction import Prover

    system = structure.system
    terms = [c.term for c in parts if c.term is not None]
    if not terms:
        return ()
    places = [eq(var(t.location, Sort.INT), const(p.id)) for t in system.threads for p in t.points]
    guesses = [implies(here, le(const(k), x)) for x in terms for here in places for k in (0, 1)]
    guesses += [*structure.never_entered(), *structure.constants()]
    return tuple(Prover(system, Budget(SECONDS)).thin(guesses).known.values())


def _control(structure: Structure) -> Iterator[Facts]:
    """What may be needed to see that nobody waits."""
    system = structure.system
    yield Facts()
    yield Facts((), ("fresh",))
    yield Facts((), ("quiet",))
    names = sorted({v.name for v in system.variables if v.kind is VarKind.USED})
    linking = tuple(f"linking {name}" for name in names)
    if names:
        yield Facts((), ("fresh", *linking))
        yield Facts((), ("quiet", *linking))
    if len(system.rules) <= SMALL_RULES:
        plain = (*structure.never_entered(), *structure.constants())
        yield Facts(plain, ("fresh", *linking))
        yield Facts(plain, ("quiet", *linking))
        bounds = [o for o in system.obligations if o.check in ("borrows", "resources")]
        kept = dict.fromkeys(o.cond for o in bounds if is_state(o))
        if kept:
            yield Facts((*plain, *kept), ("quiet", *linking))
        hidden = _values(structure)
        if hidden:
            yield Facts((*plain, *hidden), ("fresh", *linking))
            yield Facts((*plain, *hidden), ("quiet", *linking))


def _values(structure: Structure) -> tuple[Expr, ...]:
    """Which of the few values that it is ever given a hidden variable has, by place."""
    from .engines.induction import Prover

    if structure.values is None:
        structure.values = ()
        system = structure.system
        guesses: list[Expr] = [*structure.never_entered(), *structure.constants()]
        guesses += _beside(system)
        for v in system.variables:
            given = _given(structure, v)
            if v.kind is not VarKind.HIDDEN or not given:
                continue
            value = var(v.index, v.sort)
            first = eq(value, const(v.init.value)) if v.init and v.init.value is not None else TRUE
            guesses.append(or_(*(eq(value, const(c)) for c in given)))
            mine = [t for t in system.threads if t.instance == v.instance]
            for here in (
                eq(var(t.location, Sort.INT), const(p.id)) for t in mine for p in t.points
            ):
                guesses += [implies(here, first), implies(here, not_(first))]
        if len(guesses) <= MOST_GUESSES:
            kept = Prover(system, Budget(SECONDS)).thin(guesses).known.values()
            structure.values = tuple(e for e in kept if e is not TRUE)
    return structure.values


def _beside(system: TransitionSystem) -> Iterator[Expr]:
    """That an instance is not somewhere while a thread beside it (its crash) has begun."""
    roots = {i.root for i in system.instances}
    for one in system.threads:
        if one.parent is None and one.id not in roots:
            for t in system.threads:
                if t.instance == one.instance and t.id in roots:
                    for p in t.points:
                        gone = not_(eq(var(t.location, Sort.INT), const(p.id)))
                        yield or_(eq(var(one.location, Sort.INT), const(0)), gone)


def _given(structure: Structure, v: Variable) -> set[Scalar]:
    """All constants that a variable is set to; none where it may get another value."""
    out: set[Scalar] = set()
    terms = [v.init, *(e for r in structure.writing(v.index) for w, e in r.updates if w == v.index)]
    while terms:
        e = terms.pop()
        if e is not None and e.op is Op.ITE:
            terms += e.args[1:]
        elif e is not None and e.op is Op.CONST and e.value is not None:
            out.add(e.value)
        elif e is None or e.op is not Op.VAR or e.index != v.index:
            return set()
    return out if len(out) <= 6 else set()
