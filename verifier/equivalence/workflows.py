"""Two systems compared under each equivalence, with evidence for what does not hold."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from ...dsl import ast
from ...semantics.expr import Op
from ...semantics.observing import View, in_both
from ...semantics.system import RuleKind, TransitionSystem
from ...semantics.walks import postorder
from . import outcome, suggested
from .behaviour import Behaviour, Exploring, Size, paired
from .findings import LEVELS, OUTCOME, Asked, Comparison, Fails, Finding, Holds, Open
from .lts import Lts
from .outcome import Different
from .runs import Limits, OutOfReach
from .spectrum import Alike, Apart, Under, equivalent, included
from .terms import specs as terms
from .upgrading import Upgrade, upgrade

FEW = "of any number of instances only a few were looked at"
INCLUDED = (Under.FAILURES.value, Under.TRACE.value, OUTCOME)
MOST_WINDOWS = 6
LARGE = 2_000  # operators of a term, behind which not all states are looked at if terms say much
TOO_LARGE = terms.LARGE  # .. nor if they say nothing
HOPELESS = 1_000  # times as many states of control as are looked at
BRIEF = 20  # of the time that there is, such a part for runs by chance before all others


def compare(
    left: TransitionSystem,
    right: TransitionSystem,
    asked: Asked,
    levels: Sequence[str] = LEVELS,
    inclusion: bool = False,
) -> Comparison:
    """Under these levels, finest first.  With `inclusion`: is all that the left one does something
    that the right one does?  That is known under failures, trace and outcome."""
    found = _compared(left, right, asked, levels, inclusion)
    if not (left.any_number or right.any_number):
        return found
    # A few instances stand for any number of them: they tell two apart, and prove nothing.
    open_ = Open(FEW)
    few = {n: open_ if isinstance(f, Holds) else f for n, f in found.levels.items()}
    return replace(found, levels=few)


def _compared(
    left: TransitionSystem,
    right: TransitionSystem,
    asked: Asked,
    levels: Sequence[str],
    inclusion: bool,
) -> Comparison:
    names = asked.observed
    if names is None:
        names = in_both(left, right)
    views = [View(names, asked.watched, renamed, asked.hide) for renamed in asked.rename]
    levels = tuple(n for n in levels if not inclusion or n in INCLUDED)
    sides = [Exploring(s, v, size=asked.size) for s, v in zip((left, right), views, strict=True)]
    free = sides[0].free() | sides[1].free()
    for side in sides:
        side.also = free
    try:
        first, second = paired(sides[0].explore(), sides[1].explore())
    except OutOfReach as error:
        found = _briefly((left, right), levels, asked, inclusion)
        found = _narrowly(sides, levels, str(error), asked, inclusion, found)
        found |= _by_induction(sides, found, asked.size.seconds, inclusion)
        if isinstance(found.get(OUTCOME), Open):
            found |= _by_answers(sides, inclusion, asked.size.seconds / 2)
        return Comparison(found, names)
    sizes = (first.states, len(first.source)), (second.states, len(second.source))
    return Comparison(_decided(first, second, levels, asked.size, inclusion), names, sizes)


def compare_specs(
    specs: tuple[ast.Spec, ast.Spec],
    lowered: Callable[[], Sequence[TransitionSystem]],
    asked: Asked,
    levels: Sequence[str] = LEVELS,
    inclusion: bool = False,
    by_terms: bool = True,
) -> Comparison:
    """The same of what is `lowered` from two specs without properties: first by their terms, which
    decide before there are rules; what these leave open then by all states."""
    if inclusion:
        levels = tuple(n for n in levels if n in INCLUDED)
    looked = terms.Looked(None)
    if by_terms and not any(asked.rename):
        looked = terms.looked(*specs)
    found = looked.said
    finer = LEVELS[: LEVELS.index(found.level)] if found is not None else LEVELS
    known: dict[str, Finding] = {n: Holds(str(found), "terms") for n in levels if n not in finer}
    left = tuple(n for n in levels if n in finer)
    if not known:
        if looked.operators > LARGE:
            apart = suggested.by_terms(specs, looked, asked, levels, inclusion)
            if apart is not None:
                return apart
        if looked.operators > TOO_LARGE:
            known = dict.fromkeys(levels, _too_large(looked))
            return Comparison(known, suggested.observed(specs, asked))
        one, other = lowered()
        if looked.states > HOPELESS * asked.size.states:
            apart = suggested.by_chance((one, other), asked, levels, inclusion)
            known = dict.fromkeys(levels, _too_large(looked))
            return apart or Comparison(known, suggested.observed(specs, asked))
        rest = compare(one, other, asked, levels, inclusion)
        if all(isinstance(f, Open) for f in rest.levels.values()):
            rest = suggested.by_terms(specs, looked, asked, levels, inclusion) or rest
        if all(isinstance(f, Open) for f in rest.levels.values()):
            rest = suggested.by_chance((one, other), asked, levels, inclusion) or rest
        return rest
    many = looked.operators > LARGE or looked.states > HOPELESS * asked.size.states
    if left and many:
        known |= dict.fromkeys(left, _too_large(looked))
    elif left:
        one, other = lowered()
        rest = compare(one, other, asked, left, inclusion)
        return replace(rest, levels={**rest.levels, **known})
    return Comparison({n: known[n] for n in levels}, suggested.observed(specs, asked))


def _too_large(looked: terms.Looked) -> Open:
    return Open(f"of terms with {looked.operators} operators not all states are looked at")


def upgrading(old: TransitionSystem, new: TransitionSystem, asked: Asked) -> Upgrade:
    """Can the runs of `old` go on under `new`?  `asked.rename` is of each of the two.  Raises
    OutOfReach."""
    views = [View((), asked.watched, renamed, asked.hide) for renamed in asked.rename]
    sides = [
        Exploring(s, v, size=asked.size, standing=k == 0)
        for k, (s, v) in enumerate(zip((old, new), views, strict=True))
    ]
    free = sides[0].free() | sides[1].free()
    for side in sides:
        side.also = free
    limits = Limits(seconds=asked.size.seconds)
    try:
        found = upgrade(sides[0].explore(), sides[1].explore(), limits)
        if found.broken is not None or not (old.any_number or new.any_number):
            return found
    except OutOfReach:
        # A log that cannot go on, among few values; or both do the same whatever the values are.
        for window in list(windows(old, new))[: 0 if asked.hide else MOST_WINDOWS]:
            for side in sides:
                side.window = window
            try:
                found = upgrade(sides[0].explore(), sides[1].explore(), limits)
            except OutOfReach:
                continue
            if found.broken is not None:
                return replace(found, window=window)
        open_: dict[str, Finding] = {name: Open("") for name in LEVELS[:-1]}
        alike = _by_induction(sides, open_, asked.size.seconds)
        how = next((f.how for f in alike.values() if isinstance(f, Holds)), "")
        if how and not (old.any_number or new.any_number):
            return Upgrade((), how=how)
        raise
    raise OutOfReach(FEW)


def compare_lts(left: Lts, right: Lts, size: Size, inclusion: bool = False) -> Comparison:
    """All levels but outcome: a labelled transition system by itself has none."""
    levels = tuple(n for n in LEVELS if n != OUTCOME and (not inclusion or n in INCLUDED))
    found = _finest_first(levels, lambda name: _level_of_lts(left, right, name, size, inclusion))
    sizes = (left.states, left.transitions), (right.states, right.transitions)
    return Comparison(found, None, sizes)


def _decided(
    first: Behaviour, second: Behaviour, levels: tuple[str, ...], size: Size, inclusion: bool
) -> dict[str, Finding]:
    return _finest_first(levels, lambda name: level(first, second, name, size, inclusion))


def _finest_first(levels: tuple[str, ...], decide: Callable[[str], Finding]) -> dict[str, Finding]:
    found: dict[str, Finding] = {}
    finer = ""
    for name in levels:
        found[name] = Holds(f"it follows from {finer}") if finer else decide(name)
        if isinstance(found[name], Holds) and not finer:
            finer = name
    return found


def level(
    first: Behaviour, second: Behaviour, name: str, size: Size, inclusion: bool = False
) -> Finding:
    """Both explored to the end, or within one window of values."""
    if name != OUTCOME:
        finding = _level_of_lts(first.lts(), second.lts(), name, size, inclusion)
        return replace(finding, window=first.window) if isinstance(finding, Fails) else finding
    try:
        found = outcome.compare(first, second, outcome.Bounds(seconds=size.seconds), inclusion)
    except OutOfReach as error:
        return Open(str(error))
    if isinstance(found, Different):
        return Fails(different=found, window=first.window)
    return Holds(f"the outcomes agree in all {found.situations} situations")


def _level_of_lts(left: Lts, right: Lts, name: str, size: Size, inclusion: bool) -> Finding:
    relation = included if inclusion else equivalent
    try:
        answer = relation(left, right, Under(name), Limits(seconds=size.seconds))
    except OutOfReach as error:
        return Open(str(error))
    return Fails(answer) if isinstance(answer, Apart) else Holds(_how(answer))


def _how(answer: Alike) -> str:
    if answer.classes:
        return f"a bisimulation with {len(set(answer.classes))} classes of states"
    return f"{len(answer.pairs)} pairs of sets of states were compared"


def _by_induction(
    sides: list[Exploring], known: Mapping[str, Finding], seconds: float, inclusion: bool = False
) -> dict[str, Finding]:
    """What a bisimulation over terms shows, or a simulation; nothing, where none was found."""
    failing = [LEVELS.index(n) for n, f in known.items() if isinstance(f, Fails)]
    from .coupling import Coupling

    ways = [(Under.STRONG.value, True, False), (Under.BRANCHING.value, False, False)]
    if inclusion:
        ways.append((Under.TRACE.value, False, True))
    for name, steps, simulation in ways:
        first = LEVELS.index(name)
        if any(n >= first for n in failing) or not any(LEVELS.index(n) >= first for n in known):
            continue
        try:
            moves = [side.moves(not steps) for side in sides]
            limit = seconds / len(ways)
            found = Coupling(moves[0], moves[1], steps, limit, simulation).run()
        except OutOfReach:
            continue
        how = (
            f"by induction over both side by side: {found.equations} equations between their data "
            f"at {found.places} pairs of places, under which "
            f"{'the steps of the first are matched' if simulation else 'steps match'}"
        )
        return {n: Holds(how, "induction") for n in known if LEVELS.index(n) >= first}
    return {}


def _by_answers(sides: list[Exploring], inclusion: bool, seconds: float) -> dict[str, Finding]:
    """The same outcome whatever is answered; nothing, where that is not known."""
    from .outcome_terms import Answering

    try:
        left, right = (side.moves(False) for side in sides)
        found = Answering(left, right, seconds, inclusion).run()
    except OutOfReach:
        return {}
    ends = " and ".join(str(n) for n in found.ends)
    how = f"each of {ends} ends of runs has its like, whatever is answered"
    return {OUTCOME: Holds(how, "smt")}


def _briefly(
    systems: tuple[TransitionSystem, TransitionSystem],
    levels: tuple[str, ...],
    asked: Asked,
    inclusion: bool,
) -> dict[str, Finding]:
    """Differences that a few runs by chance show, before anything that takes its time."""
    brief = replace(asked, size=replace(asked.size, seconds=asked.size.seconds / BRIEF))
    found = suggested.by_chance(systems, brief, levels, inclusion)
    return {n: f for n, f in found.levels.items() if isinstance(f, Fails)} if found else {}


def _narrowly(
    sides: list[Exploring],
    levels: tuple[str, ...],
    why: str,
    asked: Asked,
    inclusion: bool,
    before: Mapping[str, Finding],
) -> dict[str, Finding]:
    """Differences among few values, which are the shortest ones there; where there is none, what is
    known `before`, or nothing."""
    found: dict[str, Finding] = {name: Open(why) for name in levels}
    found |= before
    if asked.hide:
        return found  # of a hidden answer one that is left out may be needed
    shorter = _among_few(sides, levels, asked, inclusion, asked.size.seconds / (6 if before else 2))
    return found | shorter


def _among_few(
    sides: list[Exploring],
    levels: tuple[str, ...],
    asked: Asked,
    inclusion: bool,
    seconds: float,
) -> dict[str, Fails]:
    found: dict[str, Fails] = {}
    until = time.monotonic() + seconds
    for window in list(windows(sides[0].system, sides[1].system))[:MOST_WINDOWS]:
        left = until - time.monotonic()
        if left <= 0:
            break
        size = replace(asked.size, seconds=left / 2)
        for side in sides:
            side.window, side.size = window, size
        try:
            first, second = paired(sides[0].explore(), sides[1].explore())
        except OutOfReach:
            continue
        for name in reversed(levels):
            if name in found:
                continue
            finding = level(first, second, name, size, inclusion)
            if isinstance(finding, Fails):
                found[name] = finding
            elif isinstance(finding, Holds) and name == levels[0]:
                break
        if levels[-1] in found:
            break
    return found


def windows(*systems: TransitionSystem) -> Iterator[tuple[int, int]]:
    """A few whole numbers each: around 0, and around what the rules compare with."""
    seen: dict[int, None] = {0: None}
    for system in systems:
        control = {t.location for t in system.threads}
        rules = (r for r in system.rules if r.kind is not RuleKind.CONTROL)
        terms = (e for r in rules for e in (r.guard, r.relation, *(e for _, e in r.own)))
        for node in postorder(terms):
            if node.op not in (Op.LE, Op.LT, Op.EQ):
                continue
            if any(a.op is Op.VAR and a.index in control for a in node.args):
                continue
            seen.update(
                (a.value, None)
                for a in node.args
                if type(a.value) is int and not a.args and a.op is Op.CONST
            )
    yield 0, 2
    for value in seen:
        yield value - 1, value + 1
