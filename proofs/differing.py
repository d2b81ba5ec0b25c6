"""That two workflows differ: what is told of it is found again in what they do.

A run of one that the other does not have, what one may refuse after a run and the other may not,
an outcome of one only under an environment, or a formula of Hennessy and Milner that holds of one
only (1985; for branching bisimulation De Nicola and Vaandrager 1995, where only the first step of
all is one by itself).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from ..semantics.claimed import OUTCOME, UNDER
from ..semantics.evidence import Differing
from ..semantics.observing import INTERNAL
from .behaviour import BEGIN, Behaviour, Edges, begun, quiet
from .facts import Open, Wrong

MOST = 500_000  # states with what has been answered
Node = tuple[str, str, tuple[int, ...]]


def differ(kind: str, under: str, left: Behaviour, right: Behaviour, told: Differing) -> None:
    """`Wrong` where it does not show that the claim is false."""
    first = told.whose == "first"
    if not first and kind != "equivalent":
        raise Wrong("a run of the other one says nothing of the claim")
    mine, yours = (left, right) if first else (right, left)
    match told.how:
        case "run" if kind == "upgrade" or under != OUTCOME:
            _run(kind == "upgrade", mine, yours, told.run)
        case "refusal" if kind != "upgrade" and under in UNDER[:3]:
            _refusal(mine, yours, told)
        case "outcome" if kind != "upgrade" and under == OUTCOME:
            _outcome(mine, yours, told)
        case "formula" if kind == "equivalent" and under in UNDER[:2]:
            _formula(left, right, told.formula, under == UNDER[0])
        case _:
            raise Wrong("this evidence does not belong to this claim")


def _run(upgrade: bool, mine: Behaviour, yours: Behaviour, run: Sequence[str]) -> None:
    one, other, rest = _begun(mine, yours, run, upgrade)
    if not _after(mine.edges, one, rest, ending=not upgrade):
        raise Wrong("there is no such run")
    if _after(yours.edges, other, rest):
        raise Wrong("the other one has this run, too")


def _refusal(mine: Behaviour, yours: Behaviour, told: Differing) -> None:
    one, other, rest = _begun(mine, yours, told.run)
    refused = set(told.refused)
    if not any(_refuses(mine.edges, s, refused) for s in _after(mine.edges, one, rest)):
        raise Wrong("it never refuses this after such a run")
    if any(_refuses(yours.edges, s, refused) for s in _after(yours.edges, other, rest)):
        raise Wrong("the other one may refuse this, too")


def _refuses(edges: Edges, state: int, refused: set[str]) -> bool:
    offers = {act.text for act, _ in edges[state]}
    return INTERNAL not in offers and not offers & refused


def _begun(
    mine: Behaviour, yours: Behaviour, run: Sequence[str], upgrade: bool = False
) -> tuple[list[int], list[int], Sequence[str]]:
    """Where the two begin, and what comes then."""
    if not run or not run[0].startswith(BEGIN):
        return [s for _, s in mine.starts], [s for _, s in yours.starts], run
    text = run[0].removeprefix(BEGIN)
    if not upgrade:
        one, other = begun(mine, yours).get(text, ([], []))
        return one, other, run[1:]
    first = [(a, s) for a, s in mine.starts if _text(a) == text]
    others = [
        s for a, s in yours.starts if all(x.get(k, v) == v for x, _ in first for k, v in a.items())
    ]
    return [s for _, s in first], others, run[1:]


def _text(arguments: Mapping[str, str]) -> str:
    return ", ".join(f"{n} = {v}" for n, v in sorted(arguments.items()))


def _after(
    edges: Edges, states: Iterable[int], run: Iterable[str], ending: bool = True
) -> set[int]:
    """Where such a run may stand."""
    here = quiet(edges, states)
    for label in run:
        steps = (x for s in here for x in edges[s] if ending or x[0].outcome is None)
        here = quiet(edges, (t for act, t in steps if act.text == label))
    return here


# --- outcomes --------------------------------------------------------------------------------


def _outcome(mine: Behaviour, yours: Behaviour, told: Differing) -> None:
    begin = [f"{BEGIN}{told.arguments}"] if told.arguments else []
    one, other, _ = _begun(mine, yours, begin)
    if not _after(mine.edges, one, told.run):
        raise Wrong("there is no such run")
    if told.again >= 0:
        raise Open("the run is possible; what is answered for ever was not checked")
    answers = {(name, number): answer for name, number, answer in told.answers}
    # What is always answered alike need not be told.
    known = _only(mine, yours)
    if told.outcome not in _outcomes(mine.edges, one, answers, known):
        raise Wrong("it has no such outcome")
    if told.outcome in _outcomes(yours.edges, other, answers, known):
        raise Wrong("the other one has this outcome, too")


def _only(*sides: Behaviour) -> Callable[[str], str | None]:
    sole = sides[0].sole
    if sole is not None:
        return lambda asked: sole.get(asked.split("(")[0])
    ways: dict[str, set[str]] = {}
    for side in sides:
        for edges in side.edges:
            for act, _ in edges:
                if act.answered is not None:
                    ways.setdefault(act.answered[0], set()).add(act.answered[1])
    return {name: next(iter(several)) for name, several in ways.items() if len(several) == 1}.get


def _outcomes(
    edges: Edges,
    states: Iterable[int],
    answers: Mapping[tuple[str, int], str],
    only: Callable[[str], str | None],
) -> set[str]:
    todo = [(s, frozenset[tuple[str, int]]()) for s in states]
    seen = set(todo)
    out: set[str] = set()
    while todo:
        state, had = todo.pop()
        counts = dict(had)
        for act, t in edges[state]:
            after = had
            if act.answered is not None:
                name, answer = act.answered
                key = name, counts.get(name, 0) + 1
                given = answers.get(key, only(name))
                if given is None:
                    raise Open(f"what `{name}` is answered then is not told")
                if given != answer:
                    continue
                after = frozenset({**counts, name: key[1]}.items())
            if act.outcome is not None:
                out.add(act.outcome)
            if (t, after) not in seen:
                seen.add((t, after))
                todo.append((t, after))
                if len(seen) > MOST:
                    raise Open(f"more than {MOST} states with their answers")
    return out


# --- formulas --------------------------------------------------------------------------------


def _formula(left: Behaviour, right: Behaviour, formula: Sequence[Node], single: bool) -> None:
    """With `single`, steps count one by one everywhere."""
    if not single:
        _branching(formula)
    holds = []
    for steps, root in (_rooted(left), _rooted(right)):
        where: list[set[int]] = []
        for node in formula:
            where.append(_where(steps, node, where))
        holds.append(root in where[-1])
    if holds[0] == holds[1]:
        raise Wrong("the formula does not tell them apart")


Steps = list[list[tuple[str, int]]]


def _rooted(b: Behaviour) -> tuple[Steps, int]:
    """With a first step for the arguments, if there are any."""
    steps = [[(act.text, t) for act, t in edges] for edges in b.edges]
    if len(b.starts) == 1 and not b.starts[0][0]:
        return steps, b.starts[0][1]
    steps.append([(f"{BEGIN}{_text(given)}", s) for given, s in b.starts])
    return steps, len(steps) - 1


def _branching(formula: Sequence[Node]) -> None:
    """`can` is said of the first step only."""
    first = {len(formula) - 1}
    for k in range(len(formula) - 1, -1, -1):
        op, _, kids = formula[k]
        if k in first and op in ("not", "all"):
            first.update(kids)
    for k, (op, _, kids) in enumerate(formula):
        if op == "can" and k not in first:
            raise Wrong("a step by itself inside of a formula about branching")
        if op not in ("not", "all") and first & set(kids):
            # (What is said of the first step and of later ones, too.)
            if any(formula[i][0] == "can" for i in _below(formula, kids)):
                raise Wrong("a step by itself inside of a formula about branching")


def _below(formula: Sequence[Node], nodes: Iterable[int]) -> set[int]:
    found = set(nodes)
    todo = list(found)
    while todo:
        for kid in formula[todo.pop()][2]:
            if kid not in found:
                found.add(kid)
                todo.append(kid)
    return found


def _where(steps: Steps, node: Node, known: Sequence[set[int]]) -> set[int]:
    op, label, kids = node
    if not all(0 <= k < len(known) for k in kids):
        raise Wrong("the formula has another form")
    everything = set(range(len(steps)))
    parts = [known[k] for k in kids]
    match op, parts:
        case "not", [of]:
            return everything - of
        case "all", _:
            return everything.intersection(*parts)
        case "can", [then]:
            return {s for s in everything if any(a == label and t in then for a, t in steps[s])}
        case "until", [on, then]:
            found = {
                s
                for s in on
                if any(a == label and t in then for a, t in steps[s])
                or (label == INTERNAL and s in then)
            }
            return _back(steps, on, found)
        case "forever", [on]:
            inner = set(on)
            while True:
                left = {s for s in inner if any(a == INTERNAL and t in inner for a, t in steps[s])}
                if left == inner:
                    return _back(steps, on, inner)
                inner = left
    raise Wrong("the formula has another form")


def _back(steps: Steps, on: set[int], found: set[int]) -> set[int]:
    """With what leads there by internal steps."""
    before: dict[int, list[int]] = {}
    for s in on:
        for a, t in steps[s]:
            if a == INTERNAL:
                before.setdefault(t, []).append(s)
    found = set(found)
    todo = list(found)
    while todo:
        for s in before.get(todo.pop(), ()):
            if s not in found:
                found.add(s)
                todo.append(s)
    return found
