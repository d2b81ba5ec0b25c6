"""The smallest instance of a law that shows that it fails, under each equivalence.

An instance puts small terms in for the metavariables.  Both sides are lowered and explored as they
are, with an unlimited environment; nothing is left open but the tests, which are variables, and
what the instance has beside the term.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import chain, islice, permutations, product

from ....dsl.errors import Rejected
from ....dsl.records import dataclass
from ....semantics.system import TransitionSystem
from ....semantics.values import read_duration
from ..lts import INTERNAL, Adjacency, Lts, adjacency, relabelled
from ..runs import OutOfReach
from ..spectrum import Alike, Under, equivalent
from .clocked import TICK, Labels, timed, unit
from .explore import COMPLETED, FAILS, Changes, Labelling, TooLarge, Unsuitable, explored
from .prove import LEVELS, Claim, raised
from .setting import ERRORS, STUCK, Setting, system


@dataclass(frozen=True, slots=True)
class Instance:
    """Terms for the metavariables; `beside` runs beside both sides, and `then` comes after them, in
    their branch ("": nothing does)."""

    terms: tuple[tuple[str, str], ...]
    beside: str = ""
    then: str = ""

    def __str__(self) -> str:
        parts = [f"{p} = {t}" for p, t in self.terms]
        if self.then:
            parts.append(f"then {self.then}")
        if self.beside:
            parts.append(f"beside it {self.beside}")
        return ", ".join(parts) if parts else "as it stands"


def _errors(law: Claim) -> list[str]:
    """Those that instances raise: that the law names, or one of each class."""
    return [e for e, _ in law.errors] or ["E", "F"]


def small(p: str, law: Claim) -> list[tuple[int, str]]:
    """Terms to put in for a metavariable, with their sizes.

    Its activities are p1, p2, which do not fail, px, which may fail, pu, which pv undoes with a
    trace in the data `x`, and pw, whose undo may fail."""
    first, *rest = _errors(law)
    out = [(1, "skip"), (1, f"{p}1"), (1, STUCK), (1, f"fail {first}"), (1, f"{p}x")]
    out += [(1, f"fail {e}") for e in rest]
    out += [(1, f"fail {raised(law)[1]}")] if law.errors else []  # that it does not name
    out += [(1, "{ x := x + 1 }"), (1, "{ x := 2 * x }"), (1, "return")]
    out += [(1, f"{{ {b} := not {b} }}") for b in law.tests]
    out += [(1, f"{p}u"), (1, f"{p}w")] if "saga" in law.words else []
    out += [(1, "fail Timeout")] if law.timed else []
    out += [(2, f"{{ {p}1 ; {p}2 }}"), (2, f"{{ {p}1 + {p}2 }}"), (2, f"nocancel {{ {p}1 }}")]
    out += [(2, f"{{ {{ x := x + 1 }} ; {b} := not {b} }}") for b in law.tests]
    out += [(2, f"if ({b}) {{ {p}1 }}") for b in law.tests]
    out += [(2, f"nocancel {{ fail {first} }}"), (2, "{ { x := x + 1 } ; x := 2 * x }")]
    out += [(2, f"{{ {{ x := x + 1 }} ; fail {e} }}") for e in (first, *rest)]
    out += [(2, f"{{ {p}u ; fail {first} }}")] if "saga" in law.words else []
    out += [(2, f"using ({m}) {{ {p}1 }}") for m in law.pools]
    if law.pools:
        out += [(2, f"if ({b}) {{ x := x + 1 }}") for b in law.tests]
    if "once" in law.words:
        out += [(2, f"{{ {p}x + skip }}"), (2, f"if (x > 1) {{ {p}1 }}")]
        out += [(2, "if (x > 1) { x := 2 * x }")]
    if law.timed:
        out += [(2, f"{{ {{ x := x + 1 }} ; {p}1 }}"), (2, f"if (x > 1) {{ {p}1 }}")]
    if "while" in law.words:
        out += [(2, f"{{ {p}1 ; if ({b}) {{ {p}2 }} }}") for b in law.tests]
        out += [(2, f"{{ {{ x := (x + 1) % 4 }} ; if ({b}) {{ x := 0 }} }}") for b in law.tests]
        out += [(2, f"{{ {p}1 ; if (x > 0) {{ {p}2 }} }}")]
        out += [(2, "{ { x := (3 * x + 1) % 7 } ; if (x % 2 == 0) { x := 0 } }")]
    return out


def stood_for(law: Claim, instance: Instance) -> tuple[str, ...]:
    """What the activities of an instance are, as far as that matters, for a reader."""
    text = str(instance)
    kinds = (
        ("x", "may fail"),
        ("u", "is undone by {p}v"),
        ("w", "is undone by what may fail"),
    )
    return tuple(
        f"{p}{kind} is an activity that {said.format(p=p)}"
        for p in (*law.metavariables, "z")
        for kind, said in kinds
        if re.search(rf"\b{p}{kind}\b", text)
    )


def instances(law: Claim, most: int = 5) -> Iterator[Instance]:
    """Smaller ones first, and of one size those with simpler terms."""
    choices = [
        [(size, n, term) for n, (size, term) in enumerate(small(p, law))] for p in law.metavariables
    ]
    flips = [f"{{ {b} := not {b} }}" for b in law.tests]
    beside = [(0, ""), *((1, f) for f in flips)]
    beside += [(1, f"using ({m}) {{ z1 }}") for m in law.pools]
    beside += [(1, f"using ({m}) {{ {STUCK} }}") for m in law.pools]
    beside += [(2, f"{{ {f} ; {f} }}") for f in flips]
    if "while" in law.words:
        beside += [(1, f"{{ {' ; '.join([f] * n)} }}") for f in flips for n in (3, 4)]
        beside += [(1, f"{{ {f} ; {{ x := 0 }} ; x := 1 }}") for f in flips]
        beside += [(1, f"{{ {f} ; {{ x := 0 }} ; {{ x := 1 }} ; z1 }}") for f in flips]
        odd = "{ x := (x + 1) % 7 } ; { x := (x + 6) % 7 } ; { x := (2 * x + 1) % 7 }"
        beside += [(1, f"{{ {f} ; {odd} ; {f} }}") for f in flips]
    if "once" in law.words:
        beside += [(1, "{ x := x + 1 }")]
    beside += [(1, f"using ({m}) {{ x := 2 * x }}") for m in law.pools]
    if law.timed:
        beside += [(1, "{ z1 ; z2 }"), (1, "{ z1 ; { x := x + 1 } }")]
    for m, n in permutations(law.pools, 2):
        beside.append((2, f"using ({m}) {{ using ({n}) {{ z1 }} }}"))
    sized: list[tuple[int, int, Instance]] = []
    for chosen in product(*choices):
        terms = tuple(zip(law.metavariables, (x[2] for x in chosen), strict=True))
        for size, other in beside:
            total = size + sum(x[0] for x in chosen)
            if total - len(chosen) < most - 2:
                place = sum(x[1] for x in chosen)
                sized.append((total, place, Instance(terms, other)))
                # Who waits for ever is seen by what never comes.
                if STUCK in other and total + 1 - len(chosen) < most - 2:
                    sized.append((total + 1, place, Instance(terms, other, "z2")))
    sized.sort(key=lambda x: x[:2])
    return (x[2] for x in sized)


def looking(law: Claim) -> Iterator[Instance]:
    """Further ones, smaller ones first: what is put in looks at data that change beside it, so that
    it may be passed at one time and not at another, or cleans up when it is cancelled."""
    look = [(2, "if (x > 1) { %s1 }"), (2, "if (x > 1) { x := 2 * x }")]
    look += [(2, "try { %s1 } finally { %s2 }")]
    look += [(2, "{ %su ; %sx }")] if "saga" in law.words else []
    look += [(3, "{ if (x > 1) { %s1 } ; %s2 }"), (3, "{ %s1 ; if (x > 1) { %s2 } }")]
    sized: list[tuple[int, int, Instance]] = []
    choices = []
    for p in law.metavariables:
        plain = [(size, 0, term) for size, term in small(p, law) if size == 1]
        choices.append([*plain, *((size, 1, t.replace("%s", p)) for size, t in look)])
    beside = ["{ x := x + 1 }", *(f"{{ {b} := not {b} }}" for b in law.tests)]
    for chosen in product(*choices):
        if any(looks for _, looks, _ in chosen):
            terms = tuple(zip(law.metavariables, (x[2] for x in chosen), strict=True))
            size = sum(x[0] for x in chosen)
            sized += ((size, len(sized), Instance(terms, other)) for other in beside)
    sized.sort(key=lambda x: x[:2])
    return (x[2] for x in sized)


def filled(term: str, instance: Instance) -> str:
    """A side of the law with the terms of an instance."""
    terms: Mapping[str, str] = dict(instance.terms)
    made = re.sub(r"\b\w+\b", lambda w: terms.get(w[0], w[0]), term)
    made = f"{{ {made} }} ; {instance.then}" if instance.then else made
    return f"{{ {made} }} || {instance.beside}" if instance.beside else made


def setting(law: Claim) -> Setting:
    """What the terms of instances may name.  Where time matters, each activity takes two thirds of
    the longest limit: one is in time, and two are not."""
    fails = ", ".join(_errors(law))
    takes = f"takes {ms}ms..{ms}ms" if (ms := _two_thirds(law)) else ""
    names = sorted({*law.metavariables, "z"})
    lines = [law.effects] if "var x" in law.effects else [law.effects, "  var x: int = 1"]
    lines += [f"  activity {p}{n} {{ {takes} }}" for p in names for n in (1, 2)]
    lines += [f"  activity {p}x {{ {takes} fails {fails} }}" for p in names]
    lines += [
        f"  activity {p}v {{ {takes} do {{ x := x + 1 }} }}" for p in names if "saga" in law.words
    ]
    if "saga" in law.words:
        lines += [f"  activity {p}u {{ {takes} undo {p}v() }}" for p in names]
        lines += [f"  activity {p}f {{ {takes} fails {fails} }}" for p in names]
        lines += [f"  activity {p}w {{ {takes} undo {p}f() }}" for p in names]
    kinds = {"E": ERRORS["E"], "F": ERRORS["F"], **dict(law.errors)}
    kinds |= {raised(law)[1]: ERRORS["G"]} if law.errors else {}
    errors = (*kinds, "Timeout") if law.timed else tuple(kinds)
    return Setting({}, law.tests, errors, law.pools, "\n".join(lines), kinds)


def _two_thirds(law: Claim) -> int:
    """Of the longest time that is written, in milliseconds, or about so much; 0: there is none."""
    if not law.timed:
        return 0
    written = re.findall(r"\b(?:within|wait|backoff) (\d[\w.]*)", f"{law.left} {law.right}")
    longest = int(1000 * max(map(read_duration, written), default=Fraction(9)))
    # (A short unit of time is many steps.)
    return longest * 2 // 3 if longest % 3 == 0 else longest * 3 // 5


def sides(law: Claim, instance: Instance, limit: int = 3_000) -> tuple[Lts, Lts]:
    """Both sides of an instance.  Raises Rejected, Unsuitable, TooLarge."""
    calm = Changes(beside=False, contended=False)
    of = setting(law)
    left, right = (
        explored(system(of, filled(t, instance)), of, calm, limit, observed="x")[0]
        for t in (law.left, law.right)
    )
    return left, right


Shown = Callable[[Instance, str], bool]


def refuted(
    law: Claim,
    levels: tuple[str, ...],
    tries: int = 2_500,
    shown: Shown = lambda instance, level: True,
) -> dict[str, Instance]:
    """For each level under which some small instance fails, the first such instance of which that
    can be `shown`."""
    found: dict[str, Instance] = {}
    if law.timed:
        return _late(law, levels, tries)
    for instance in chain(islice(instances(law), tries), islice(looking(law), tries // 5)):
        left = [u for u in levels if u not in found]
        if not left:
            break
        try:
            one, other = sides(law, instance)
        except (TooLarge, Unsuitable, Rejected):
            continue
        for level in left:
            if differ(one, other, level):
                if shown(instance, level):
                    found[level] = instance
            else:
                break  # what is alike under a finer one is alike under the coarser ones
    return found


def _late(law: Claim, levels: tuple[str, ...], tries: int) -> dict[str, Instance]:
    """Whether a limit strikes is a question of times: timed runs are compared, under bisimulations
    second by second, else without a look at when."""
    of = setting(law)
    found: dict[str, Instance] = {}
    for n, instance in enumerate(instances(law)):
        left = [u for u in levels if u not in found]
        if not left or n >= tries:
            break
        try:
            systems = [system(of, filled(t, instance)) for t in (law.left, law.right)]
            tick = unit(systems)
            one, other = (timed(s, labels(s, of), tick=tick) for s in systems)
        except (TooLarge, Unsuitable, Rejected):
            continue
        if _outcomes(one) != _outcomes(other):
            found |= dict.fromkeys(left, instance)
            break
        for level in left:
            if level == "outcome":
                break
            sides = (one, other) if level in LEVELS[:2] else (untimed(one), untimed(other))
            # (Of refusals nothing is said where time goes on.)
            if not differ(*sides, "trace" if level == "failures" else level):
                break
            found[level] = instance
    return found


def labels(of: TransitionSystem, setting: Setting) -> Labels:
    calm = Changes(beside=False, contended=False)
    return Labelling(of, setting, calm, 0, "x").plain


def untimed(lts: Lts) -> Lts:
    return relabelled(lts, [INTERNAL if name == TICK else name for name in lts.labels])


def _outcomes(lts: Lts) -> frozenset[str]:
    return frozenset(n for n in lts.labels if n.startswith((COMPLETED, FAILS)))


def differ(left: Lts, right: Lts, level: str) -> bool:
    try:
        if level == "outcome":
            return outcomes(left) != outcomes(right)
        return not isinstance(equivalent(left, right, Under(level)), Alike)
    except OutOfReach:
        return False


# Which attempts of an activity that may fail do fail; of these the last stands for all that follow.
ENVIRONMENTS = (
    (False,),
    (True,),
    (True, False),
    (False, True),
    (False, True, False),
    (True, False, True, False),
)


def outcomes(lts: Lts) -> frozenset[tuple[int, frozenset[str]]]:
    """How it may end, data included, under each of a few environments."""
    named = [n.partition(" fails with ")[0] for n in lts.labels if " fails with " in n]
    failing = {name: k for k, name in enumerate(sorted(set(named)))}
    out = adjacency(lts.states, lts.source)
    return frozenset(
        (number, _outcomes_under(lts, out, failing, fails))
        for number, fails in enumerate(ENVIRONMENTS)
    )


def _outcomes_under(
    lts: Lts, out: Adjacency, failing: Mapping[str, int], fails: Sequence[bool]
) -> frozenset[str]:
    last = len(fails) - 1
    start = lts.initial, (0,) * len(failing)
    seen = {start}
    todo = [start]
    ends: set[str] = set()
    while todo:
        state, had = todo.pop()
        for k in out.of(state):
            label = lts.labels[lts.label[k]]
            then = had
            name, fails_with, _ = label.partition(" fails with ")
            asked = failing.get(name if fails_with else label.removesuffix(" ends"))
            if asked is not None and (fails_with or label.endswith(" ends")):
                if fails[had[asked]] is not bool(fails_with):
                    continue
                now = min(had[asked] + 1, last)
                then = (*had[:asked], now, *had[asked + 1 :])
            if label.startswith((COMPLETED, FAILS)):
                ends.add(label)
            after = lts.target[k], then
            if after not in seen:
                seen.add(after)
                todo.append(after)
    return frozenset(ends)
