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
5. No time-out and no interrupt.  For `deterministic` (`timeouts`), the time-out of an attempt is
   an answer of the environment like any other end, because durations are answers too.  If the
   environment decides all ties but those of urgent steps (`system.ties`), and nobody waits for a
   claim, it says which step comes next whenever none is urgent.  Then 1 and 3 are asked of urgent
   steps alone: whatever their order, they lead to the same state before time goes on.
6. *Assumptions.*  A run that counts never takes the step of an assumption that fails, so it is a
   complete run of the system without those steps, of which 1 to 5 speak.  (Not where claims may
   have to wait: that nobody is stuck is only known of runs that count.)

Ghosts are read by nobody; hidden variables (saga flags, counters, pending errors) count as data.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from ...semantics.expr import FALSE, TRUE, Expr, Op, Sort, const, eq, fold, var, variables
from ...semantics.system import Bundle, Rule, RuleKind, TransitionSystem, VarKind
from ..engines.structure import Structure
from ..engines.tracked import opened
from ..session import Session
from ..verdict import Proved, Verdict
from .conflicts import at_place, commuting
from .loops import ends

STATE = (VarKind.DATA, VarKind.SHARED, VarKind.HIDDEN)
MOST_WORK = 2_000_000

# read, add, write, or the reset on entering one fork; and the cancellation it is part of
Class = tuple[str, int, int]
Touches = dict[tuple[int, Class], list[Rule]]  # of one variable: by thread and class


def obstacle(session: Session, deadlock: Verdict | None, timeouts: bool = False) -> str:
    """Why the structural argument does not apply; "" if it does."""
    system = session.system
    # Only urgent steps tie if the environment decides about the others.
    urgent = timeouts and system.ties and not session.structure.contended()
    excluded = variables([system.excluded])
    if any(system.variables[v].kind is not VarKind.GHOST for v in excluded):
        return "runs in which an assumption is false do not count"
    for r in system.rules:
        if r.kind is RuleKind.INTERRUPT and not (urgent and r.delay is not None):
            return f"the interrupt of a `within` may decide ({r.span})"
        if r.kind is RuleKind.TIMEOUT and not timeouts:
            return f"a timeout may decide ({r.span})"
    matters = cone(system)
    for group in _cancellations(system):
        causes = [r for r in group if r.delay is None] if urgent else group
        why = _cancellation_matters(session, causes, matters, urgent) if causes else ""
        if why:
            return why
    why = (
        _Conflicts(session, matters, urgent).first() or _choices(session) or _looks_around(session)
    )
    if why:
        return why
    if session.structure.contended():
        if system.excluded is not FALSE:
            return "who waits for a resource may depend on an assumption"
        if not isinstance(deadlock, Proved):
            return "somebody may wait for ever for a resource"
        if any(not ends(session, loop) for loop in system.loops):
            return "a loop may keep others waiting for a resource"
    return ""


def cone(system: TransitionSystem) -> set[int]:
    """Variables that can influence control or an observed result."""
    out = {v for i in system.instances for v in (*i.observed, i.error)}
    out |= {v.index for v in system.variables if v.kind is VarKind.SHARED}
    for r in system.rules:
        out |= _conditions(r)
    readers: dict[int, set[int]] = {}
    for r in system.rules:
        for v, e in r.own:
            readers.setdefault(v, set()).update(variables([e]))
    for bundle in _bundles(system):
        for v, e in bundle.updates:
            readers.setdefault(v, set()).update(variables([e]))
    stack = list(out)
    while stack:
        for v in readers.get(stack.pop(), ()):
            if v not in out:
                out.add(v)
                stack.append(v)
    return out


def _bundles(system: TransitionSystem) -> list[Bundle]:
    found = {id(r.bundle): r.bundle for r in system.rules if r.bundle is not None}
    return list(found.values())


def _conditions(rule: Rule) -> set[int]:
    """What decides whether, when and with which answers the rule fires."""
    out = variables([rule.guard, rule.relation]) | variables([rule.relation], Op.POST)
    if rule.delay is not None:
        hi = rule.delay.hi
        out |= variables([rule.delay.lo, *([hi] if hi is not None else [])])
    return out


# --- cancellation ----------------------------------------------------------------------------


def _cancellations(system: TransitionSystem) -> list[list[Rule]]:
    """Rules that cancel branches side by side, those with the same bundle together."""
    location = {t.location: t.id for t in system.threads}
    wide: dict[int, bool] = {}
    for bundle in _bundles(system):
        siblings: set[tuple[int | None, int | None]] = set()
        wide[id(bundle)] = False
        for v, _ in bundle.updates:
            if v in location:
                thread = system.threads[location[v]]
                place = (thread.parent, thread.fork)
                wide[id(bundle)] |= place in siblings
                siblings.add(place)
    groups: dict[int, list[Rule]] = {}
    for r in system.rules:
        if r.bundle is not None and wide[id(r.bundle)]:
            groups.setdefault(id(r.bundle), []).append(r)
    return list(groups.values())


def _cancellation_matters(
    session: Session, group: list[Rule], matters: set[int], urgent: bool
) -> str:
    """A cancellation is harmless if all that may cause it lead to the same, and nothing that
    the cancelled branches may have done by then can be seen."""
    system = session.system
    bundle = group[0].bundle
    assert bundle is not None
    location = {t.location: t.id for t in system.threads}
    killed = {location[v] for v, _ in bundle.updates if v in location}
    aside = {v.index for v in system.variables if v.kind is VarKind.USED} | location.keys()
    causes = {r.index for r in group}
    first = group[0]
    # Causes in one thread exclude each other, but for those that look at the branches.
    threads = {r.thread for r in group}
    if len(threads) > 1 or any(r.over_children for r in group):
        for r in group[1:]:
            if _effect(r, matters - aside) != _effect(first, matters - aside) or (
                _effect(r, location.keys()) != _effect(first, location.keys())
            ):
                return f"it matters whether `{first.name}` or `{r.name}` comes first"
    alone = first.thread if len(threads) == 1 and not first.over_children else None
    for r in system.rules:
        if r.thread not in killed or r.index in causes or r.thread == alone:
            continue
        if urgent and r.delay is not None:
            continue
        for v, e in r.own if r.bundle is None else r.updates:
            if v in matters and v not in aside:
                name = system.variables[v].name
                return f"`{first.name}` may come before or after `{r.name}`, which writes {name}"
            if v in location and location[v] not in killed and not _enters(system, r, v, e):
                return f"it matters whether `{first.name}` or `{r.name}` comes first"
    if _entered_again(session, killed):
        return f"what `{first.name}` cuts off may be started again"
    return ""


def _effect(rule: Rule, of: Collection[int]) -> dict[int, object]:
    """Own updates of these variables; terms that are not constant are told apart by identity."""
    return {v: (e.value if e.op is Op.CONST else id(e)) for v, e in rule.own if v in of}


def _enters(system: TransitionSystem, rule: Rule, location: int, value: Expr) -> bool:
    """Does the update put an ancestor at the fork that the rule's thread is below?"""
    thread = system.threads[rule.thread]
    while thread.parent is not None:
        above = system.threads[thread.parent]
        if above.location == location:
            return value.op is Op.CONST and value.value == thread.fork
        thread = above
    return False


def _entered_again(session: Session, killed: set[int]) -> bool:
    """May a fork whose branches were cancelled be entered once more?"""
    system = session.system
    hosts: set[tuple[int, int]] = set()
    for t in killed:
        thread = system.threads[t]
        while thread.parent is not None and thread.fork is not None:
            hosts.add((thread.parent, thread.fork))
            thread = system.threads[thread.parent]
    for host, fork in sorted(hosts):
        if host not in killed and _on_a_cycle(session, host, fork):
            return True
    return False


def _on_a_cycle(session: Session, thread: int, point: int) -> bool:
    """May control of the thread leave the point and come back?  In doubt, yes."""
    system = session.system
    at = system.threads[thread].location
    points = system.threads[thread].points
    movers = [(r.guard, e) for r in system.rules for v, e in r.own if v == at]
    movers += [(TRUE, e) for b in _bundles(system) for v, e in b.updates if v == at]
    if len(movers) * len(points) > MOST_WORK:
        return True
    edges: dict[int, set[int]] = {}
    for guard, target in movers:
        if target.op is not Op.CONST or not isinstance(target.value, int):
            return True
        for p in points:
            if p.id != target.value and _possible(guard, at, p.id):
                edges.setdefault(p.id, set()).add(target.value)
    seen: set[int] = set()
    stack = [point]
    while stack:
        for to in edges.get(stack.pop(), ()):
            if to == point:
                return True
            if to not in seen:
                seen.add(to)
                stack.append(to)
    return False


def _possible(guard: Expr, location: int, point: int) -> bool:
    """Could the guard hold with the thread at this point, whatever else is the case?"""

    def value(node: Expr, given: Sequence[bool | None]) -> bool | None:
        match node.op:
            case Op.CONST:
                return node.value if isinstance(node.value, bool) else None
            case Op.EQ:
                a, b = node.args
                if a.op is Op.CONST:
                    a, b = b, a
                if a.op is Op.VAR and a.index == location and b.op is Op.CONST:
                    return b.value == point
                return None
            case Op.NOT:
                return None if given[0] is None else not given[0]
            case Op.AND:
                if False in given:
                    return False
                return None if None in given else True
            case Op.OR:
                if True in given:
                    return True
                return None if None in given else False
            case _:
                return None

    return fold(guard, value) is not False


# --- data ------------------------------------------------------------------------------------


class _Conflicts:
    """Steps side by side that conflict on a variable, by where their threads branch off."""

    def __init__(self, session: Session, matters: set[int], urgent: bool) -> None:
        self.system = session.system
        self.rules = [r for r in session.system.rules if not urgent or r.delay is None]
        self.wanted = {
            v.index for v in self.system.variables if v.kind in STATE and v.index in matters
        }
        self.cancelling = {id(g[0].bundle) for g in _cancellations(self.system)}
        self.location = {t.location for t in self.system.threads}
        self.structure = session.structure
        self._at: dict[tuple[int, tuple[int, int]], set[int]] = {}
        self._killed: dict[int, set[int]] = {}
        self._told: dict[int, set[int]] = {}  # bundle -> threads for which its updates were noted

    def first(self) -> str:
        found: dict[int, Touches] = {}
        for rule in self.rules:
            for v, kind in self._touches(rule):
                found.setdefault(v, {}).setdefault((rule.thread, kind), []).append(rule)
        for v, touches in found.items():
            pair = self._pair(touches) and self._pair(touches, v)
            if pair is not None:
                a, b = pair
                name = self.system.variables[v].name
                return f"`{a.name}` and `{b.name}` may come in either order and share {name}"
        return ""

    def _touches(self, rule: Rule) -> Iterator[tuple[int, Class]]:
        """The variables that the rule reads or writes, and how."""
        reads = _conditions(rule) & self.wanted
        bundle = id(rule.bundle) if id(rule.bundle) in self.cancelling else 0
        enters = any(v in self.location and _enters(self.system, rule, v, e) for v, e in rule.own)
        for v, e in rule.updates if self._first_of_bundle(rule) else rule.own:
            kind = self.system.variables[v].kind
            if kind is VarKind.GHOST:
                continue
            if v not in self.wanted:
                reads |= variables([e]) & self.wanted
                continue
            amount = commuting(v, e)
            if amount is not None:
                reads |= variables([amount]) & self.wanted
                yield v, ("add", 0, bundle)
            elif enters and _resets(v, e):
                reads |= (variables([e]) - {v}) & self.wanted
                yield v, ("enter", id(e), bundle)
            else:
                reads |= variables([e]) & self.wanted
                yield v, ("write", 0, bundle)
        for v in reads:
            yield v, ("read", 0, bundle)

    def _first_of_bundle(self, rule: Rule) -> bool:
        """Once for the branches that a bundle cancels (who is outside of them stands to all of
        them alike, and what they do themselves is `_cancellation_matters`), and for each other
        thread that may take it."""
        if rule.bundle is None:
            return False
        told = self._told.setdefault(id(rule.bundle), set())
        who = -1 if self._inside(rule) else rule.thread
        if who in told:
            return False
        told.add(who)
        return True

    def _inside(self, rule: Rule) -> bool:
        assert rule.bundle is not None
        known = self._killed.get(id(rule.bundle))
        if known is None:
            known = {v for v, _ in rule.bundle.updates if v in self.location}
            self._killed[id(rule.bundle)] = known
        return self.system.threads[rule.thread].location in known

    def _reads_at(self, rule: Rule, v: int, place: tuple[int, int]) -> bool:
        """Does it read the variable when the branches of this fork are under way?

        The tests on the way to a fork are taken once for all its branches, with the first step
        of any of them.
        """
        if rule.bundle is not None:
            return True
        key = (rule.index, place)
        if key not in self._at:
            location = self.system.threads[place[0]].location
            there = at_place(rule, eq(var(location, Sort.INT), const(place[1])))
            self._at[key] = {v for v, kind in self._touches(there) if kind[0] == "read"}
        return v in self._at[key]

    def _pair(self, touches: Touches, looked_at: int | None = None) -> tuple[Rule, Rule] | None:
        """Two of the rules that conflict.  With `looked_at`, the variable, also as seen from the
        fork where they branch off (which costs more)."""
        classes = {kind for _, kind in touches}
        if not any(_conflict(a, b) for a in classes for b in classes):
            return None
        threads = self.system.threads
        # By fork: class -> the branches with it, each with one rule.
        groups: dict[tuple[int, int], dict[Class, dict[int, Rule]]] = {}
        over: dict[int, list[tuple[Class, Rule]]] = {}
        below: dict[int, dict[Class, Rule]] = {}
        for (t, kind), rules in touches.items():
            rule = next((r for r in rules if r.over_children), rules[0])
            if rule.over_children:
                over.setdefault(t, []).append((kind, rule))
            thread = threads[t]
            while True:
                place = (
                    (-1, -1)
                    if thread.parent is None or thread.fork is None
                    else (thread.parent, thread.fork)
                )
                mine = rules
                if looked_at is not None and place[0] >= 0 and kind[0] == "read":
                    mine = [r for r in rules if self._reads_at(r, looked_at, place)]
                if mine:
                    groups.setdefault(place, {}).setdefault(kind, {}).setdefault(thread.id, mine[0])
                if thread.parent is None:
                    break
                thread = threads[thread.parent]
                below.setdefault(thread.id, {}).setdefault(kind, rule)
        for t, asking in over.items():
            for kind, rule in asking:
                for other, second in below.get(t, {}).items():
                    if _conflict(kind, other):
                        return rule, second
        for branches in groups.values():
            for a, ones in branches.items():
                for b, twos in branches.items():
                    if _conflict(a, b):
                        pair = self._unordered(ones, twos)
                        if pair is not None:
                            return pair
        return None

    def _unordered(self, ones: dict[int, Rule], twos: dict[int, Rule]) -> tuple[Rule, Rule] | None:
        for x, first in ones.items():
            for y, second in twos.items():
                if x != y and not self.structure.ordered(x, y):
                    return first, second
        return None


def _conflict(a: Class, b: Class) -> bool:
    if a[2] and a[2] == b[2]:
        return False  # causes of one cancellation have the same effect
    if a[0] == b[0] == "read" or a[0] == b[0] == "add":
        return False
    return not (a[0] == b[0] == "enter" and a[1] == b[1])


def _resets(v: int, e: Expr) -> bool:
    """`control is before the fork ? constant : v`: made once, by whoever enters first."""
    return (
        e.op is Op.ITE
        and e.args[1].op is Op.CONST
        and e.args[2].op is Op.VAR
        and e.args[2].index == v
        and v not in variables([e.args[0]])
    )


# --- choices, and guards that look elsewhere ---------------------------------------------------


def _choices(session: Session) -> str:
    system = session.system
    if not system.choices:
        return ""
    contended = session.structure.contended()
    fickle = [
        r
        for r in system.rules
        if r.kind in (RuleKind.TIMER, RuleKind.WAIT) or any(u in contended for u, _ in r.gains)
    ]
    if len(fickle) * len(system.choices) > MOST_WORK:
        return "which sides of a choice can move may depend on others"
    for sides in system.choices:
        mine = {index for side in sides for index in side}
        hosts = {system.rules[index].thread for index in mine}
        for r in fickle:
            waits = r.kind in (RuleKind.TIMER, RuleKind.WAIT)
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
                if _possible(rule.guard, thread.location, p.id) and any(
                    _possible(system.rules[i].guard, thread.location, p.id) for i in mine
                ):
                    return True
        at = system.threads[at].parent
    return False


def _looks_around(session: Session) -> str:
    """Steps that read what is not their own: other threads' places, use of resources."""
    system = session.system
    location = {t.location: t.id for t in system.threads}
    used = {v.index for v in system.variables if v.kind is VarKind.USED}
    twin: dict[int, set[int]] = {}
    for info in system.resources:
        both = {info.used} | ({info.exclusive} if info.exclusive is not None else set())
        for u in both:
            twin[u] = both
    for r in system.rules:
        claimed: set[int] = set()
        for u, _ in r.gains:
            claimed |= twin.get(u, {u})
        for part in opened(r.guard):
            read = variables([part])
            if read & used and not (read & used <= claimed and _claims(part, used)):
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


def _claims(part: Expr, used: set[int]) -> bool:
    """A condition that holds the sooner the less is in use: `used + n <= capacity`, `used = 0`."""
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
