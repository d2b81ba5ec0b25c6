"""Why no schedule can matter, from the structure alone; nearly linear in the size of the system.

Fix an environment: every attempt's end and result, the sides of `+`.  `obstacle` answers "" only
if all complete runs of it, in any order of steps and with any durations, end alike.  The argument:

1. *Persistence.*  Steps of different threads that may be taken side by side touch no variable that
   matters in ways that conflict (`_conflict`: reads of guards, relations, delays and updates; two
   `x := x + e` commute; two steps that enter one fork reset its counters alike).  Guards look at
   other threads only where control passes (`_looks_around`): above, below, or predecessors in a
   graph.  So one step neither disables nor changes another, and they commute: any two runs are
   permutations of one another (Keller 1975; Mazurkiewicz 1977).  Ranges of integers restrict
   nothing, they are a check of their own.
2. *Claims* only put steps off: nobody but who claims a resource looks at its use, in a form that
   holds the sooner the less is in use.  A step put off is taken later, if nobody can be stuck and
   no loop can keep others waiting for ever; so that is asked for where claims may have to wait.
3. *Cancellation.*  A step that cuts off branches beside it does not commute with theirs, so what
   they did must not be seen: they write nothing that matters and send no thread outside them
   anywhere, all causes of one cancellation have the same effect, and the fork is not entered
   again (an attempt cut off before or after it began would shift the count of later ones).
4. *Choices.*  Which sides of `+` can move depends neither on a clock nor on a contended claim; by
   1 it does not depend on data that others write.
5. No time-out, no interrupt, and no step whose time shows.  For `deterministic` (`timeouts`), the
   time-out of an attempt is an answer of the environment like any other end, because durations are
   answers too; so is the time of a step, where nobody waits for a claim.  If the
   environment decides all ties but those of urgent steps (`system.ties`), and nobody waits for a
   claim, it says which step comes next whenever none is urgent.  Then 1 and 3 are asked of urgent
   steps alone: whatever their order, they lead to the same state before time goes on.
6. *Assumptions.*  A run that counts never takes the step of an assumption that fails, so it is a
   complete run of the system without those steps, of which 1 to 5 speak.  (Not where claims may
   have to wait: that nobody is stuck is only known of runs that count.)

Ghosts are read by nobody; hidden variables (saga flags, counters, pending errors) count as data.
"""

from __future__ import annotations

from collections.abc import Callable

from ...semantics.expr import FALSE, Expr, Op
from ...semantics.system import WAITING, Rule, RuleKind, TransitionSystem, VarKind
from ...semantics.walks import variables
from ..engines.common import conjuncts
from ..engines.structure import Structure
from ..session import Session
from ..verdict import Proved, Verdict
from .beside import Conflicts
from .cancelling import (
    MOST_WORK,
    bundles,
    cancellation_matters,
    cancellations,
    conditions,
    possible,
)
from .loops import ends
from .settled import results


def obstacle(
    session: Session,
    deadlock: Verdict | None,
    timeouts: bool = False,
    all_end: Callable[[], bool] | None = None,
) -> str:
    """Why the structural argument does not apply; "" if it does.  `all_end`: do the loops?"""
    system = session.system
    # Only urgent steps tie if the environment decides about the others.
    urgent = timeouts and system.ties and not session.structure.contended()
    excluded = variables([system.excluded])
    if any(system.variables[v].kind is not VarKind.GHOST for v in excluded):
        return "runs in which an assumption is false do not count"
    for r in system.rules:
        if r.guard is FALSE:
            continue
        if r.kind is RuleKind.INTERRUPT and not (urgent and r.delay is not None):
            return f"the interrupt of a `within` may decide ({r.span})"
        if r.kind is RuleKind.TIMEOUT and not timeouts:
            return f"a timeout may decide ({r.span})"
    matters = cone(system)
    why = read_clock(system)
    if why and not (timeouts and not session.structure.contended()):
        return why
    for group in cancellations(system):
        causes = [r for r in group if r.delay is None] if urgent else group
        why = cancellation_matters(session, causes, matters, urgent) if causes else ""
        if why:
            return why
    why = (
        Conflicts(session, matters, urgent).first()
        or choices_matter(session)
        or _looks_around(session)
    )
    if why:
        return why
    if session.structure.contended():
        if system.excluded is not FALSE:
            return "who waits for a resource may depend on an assumption"
        if not isinstance(deadlock, Proved):
            return "somebody may wait for ever for a resource"
        over = all(ends(session, x) for x in system.loops) if all_end is None else all_end()
        if not over:
            return "a loop may keep others waiting for a resource"
    return ""


def read_clock(system: TransitionSystem) -> str:
    """Where the time of a step may show; "" if none does.

    Durations decide it where nobody waits for a claim: then every step that can be taken at one
    instant reads the same.
    """
    if not system.reads_clock:
        return ""
    matters = cone(system) - {system.clock}
    for r in system.rules:
        clocks = {k for k, given in enumerate(r.inputs) if given.clock}
        for v, e in r.updates if clocks else ():
            if v in matters and variables([e], Op.INPUT) & clocks:
                return f"what the clock says may decide ({r.span})"
    return ""


def cone(system: TransitionSystem) -> set[int]:
    """Variables that can influence control or an observed result."""
    out = results(system)
    for r in system.rules:
        out |= conditions(r)
    readers: dict[int, set[int]] = {}
    for r in system.rules:
        for v, e in r.own:
            readers.setdefault(v, set()).update(variables([e]))
    for bundle in bundles(system):
        for v, e in bundle.updates:
            readers.setdefault(v, set()).update(variables([e]))
    stack = list(out)
    while stack:
        for v in readers.get(stack.pop(), ()):
            if v not in out:
                out.add(v)
                stack.append(v)
    return out


# --- choices, and guards that look elsewhere ---------------------------------------------------


def choices_matter(session: Session) -> str:
    """Why the sides of `+` that can move may depend on others; "" if they do not."""
    system = session.system
    if not system.choices:
        return ""
    contended = session.structure.contended()
    fickle = [
        r
        for r in system.rules
        if r.kind in (RuleKind.TIMER, *WAITING) or any(u in contended for u, _ in r.gains)
    ]
    if len(fickle) * len(system.choices) > MOST_WORK:
        return "which sides of a choice can move may depend on others"
    for sides in system.choices:
        mine = {index for side in sides for index in side}
        hosts = {system.rules[index].thread for index in mine}
        for r in fickle:
            waits = r.kind in (RuleKind.TIMER, *WAITING)
            if r.index in mine or _follows(session, r, mine, hosts):
                if waits:
                    return f"a choice waits ({r.span})"
                return f"which sides of a choice can move depends on others ({r.span})"
    return ""


def _follows(session: Session, rule: Rule, mine: set[int], hosts: set[int]) -> bool:
    """May the rule be the step after a side that passes without one, as in `p + skip`?"""
    system = session.system
    at: int | None = rule.thread
    while at is not None:
        if at in hosts:
            thread = system.threads[at]
            for p in thread.points:
                if possible(rule.guard, thread.location, p.id) and any(
                    possible(system.rules[i].guard, thread.location, p.id) for i in mine
                ):
                    return True
        at = system.threads[at].parent
    return False


def _looks_around(session: Session) -> str:
    """Steps that read what is not their own: other threads' places, use of resources."""
    system = session.system
    location = {t.location: t.id for t in system.threads}
    used = {v.index for v in system.variables if v.kind is VarKind.USED}
    for r in system.rules:
        if claims(system, r, used) is None:
            return f"`{r.name}` looks at the use of a resource"
        # What a step writes into data may be computed from it as well.
        values = [
            e for v, e in r.own if v not in used and system.variables[v].kind is not VarKind.GHOST
        ]
        if variables([*values, r.relation]) & used:
            return f"`{r.name}` looks at the use of a resource"
        read = variables([r.guard, r.relation, *values]) & location.keys()
        for v in read:
            if not _apart(session.structure, r.thread, location[v]):
                continue
            return f"`{r.name}` looks at where another branch is"
    return ""


def _apart(structure: Structure, thread: int, other: int) -> bool:
    """May `other` move while `thread` looks at it, and is neither above nor below it?

    Branches of different forks of one thread are never under way together, and a predecessor in
    a graph has ended when the node begins.
    """
    threads = structure.system.threads
    chain: dict[int, tuple[int | None, int | None]] = {}  # ancestor -> (fork, branch) taken down
    at: int | None = thread
    down: tuple[int | None, int | None] = (None, None)
    while at is not None:
        chain[at] = down
        down = (threads[at].fork, at)
        at = threads[at].parent
    at, down = other, (None, None)
    while at is not None:
        if at in chain:
            fork, branch = chain[at]
            if branch is None or down[1] is None or fork != down[0]:
                return False
            return not structure.precedes(down[1], branch)
        down = (threads[at].fork, at)
        at = threads[at].parent
    return True


def claims(
    system: TransitionSystem, rule: Rule, used: set[int]
) -> tuple[list[Expr], list[Expr]] | None:
    """The guard in two: what asks for what the step gains, in a form that holds the sooner the
    less is in use, and the rest.  None if the rest looks at what is `used`, too."""
    asked = {u for u, _ in rule.gains}
    for info in system.resources if asked else ():
        both = {info.used} | ({info.exclusive} if info.exclusive is not None else set())
        if both & asked:
            asked |= both
    mine: list[Expr] = []
    rest: list[Expr] = []
    for part in conjuncts(rule.guard):
        read = variables([part]) & used
        if read and not (read <= asked and _claims(part, used)):
            return None
        (mine if read else rest).append(part)
    return mine, rest


def _claims(part: Expr, used: set[int]) -> bool:
    """A condition that holds the sooner the less is in use: `used + n <= capacity`, `used = 0`,
    also of the one that a key names."""
    if part.op in (Op.AND, Op.OR):
        return all(not variables([a]) & used or _claims(a, used) for a in part.args)
    if part.op is Op.EQ:
        a, b = part.args if part.args[1].op is Op.CONST else part.args[::-1]
        return a.op is Op.VAR and b.op is Op.CONST and b.value == 0
    if part.op in (Op.LE, Op.LT):
        left, right = part.args
        if variables([right]) & used:
            return False
        terms = left.args if left.op is Op.ADD else (left,)
        return all(t.op is Op.VAR or not variables([t]) & used for t in terms)
    return False
