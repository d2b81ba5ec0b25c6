"""Which parts of the document the machine's Choices depend on, and how states change them.

A scope is one run of one machine: the outermost one, a branch of a Parallel, the processor of a
Map.  Each scope has its own document.  A place (scope, path) is followed when some Choice tests
it, or when it is copied into a place that is followed.  Places that are copied into each other
form a group with the same classes of values.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field

from ...errors import Span
from ...records import dataclass
from .classes import Classes, Signature, Splitter
from .conditions import Cond, Junction, Not, Opaque, Test, tests_of
from .machine import Catcher, Machine, Rule, State
from .paths import Add, Any, Copy, Keep, Path, Value
from .transfer import caught, chosen, completed, effective_input, input_path

MAX_PLACES = 200


@dataclass(slots=True)
class Scope:
    """`owner` is the Parallel or Map around; `repeated`: there is one run per item."""

    index: int
    machine: Machine
    parent: Scope | None = None
    owner: State | None = None
    repeated: bool = False
    assigned: frozenset[str] = frozenset()  # roots of the variables that its states assign

    @property
    def depth(self) -> int:
        """How many Maps lie around: as many indices has a variable of this scope."""
        return (self.parent.depth if self.parent is not None else 0) + self.repeated


Place = tuple[int, Path]  # scope index, path


def scopes_of(machine: Machine) -> list[Scope]:
    """All scopes, outermost first; a Map's processor is one scope."""
    found = list[Scope]()

    def visit(machine: Machine, parent: Scope | None, owner: State | None) -> None:
        names = set[str]()
        for state in machine.states.values():
            for node in [
                state.node,
                *(r.node for r in state.rules),
                *(c.node for c in state.catches),
            ]:
                assign = node.get("Assign")
                if assign is not None:
                    names |= {"$" + key.removesuffix(".$") for key, _, _ in assign.members()}
        repeated = owner is not None and owner.kind == "Map"
        scope = Scope(len(found), machine, parent, owner, repeated, frozenset(names))
        found.append(scope)
        for state in machine.states.values():
            for inner in state.machines:
                visit(inner, scope, state)

    visit(machine, None, None)
    return found


@dataclass(slots=True)
class Document:
    """The followed places of all scopes, their groups and classes."""

    scopes: list[Scope]
    places: list[Place] = field(default_factory=list)
    group: dict[Place, Place] = field(default_factory=dict)  # union-find
    tests: dict[Place, set[Signature]] = field(default_factory=dict)
    exact: dict[Place, set[str]] = field(default_factory=dict)  # number time count
    classes: dict[Place, tuple[Splitter, Classes]] = field(default_factory=dict)
    where: dict[Place, Span] = field(default_factory=dict)  # the first test of a place

    # --- places ---

    def home(self, scope: Scope, path: Path) -> Place:
        """Where a path of a scope belongs: variables of outer scopes can be read inside."""
        if path.root in ("$", "$$"):
            return (scope.index, path)
        at: Scope | None = scope
        while at is not None:
            if path.root in at.assigned:
                return (at.index, path)
            at = at.parent
        return (0, path)

    def tested(self, scope: Scope, state: State, path: Path) -> Place:
        """The place that a test in `state` looks at."""
        base = input_path(state)
        return self.home(scope, path if base is None else path.below(base))

    def find(self, place: Place) -> Place:
        while self.group[place] != place:
            place = self.group[place]
        return place

    def add(self, place: Place) -> None:
        if place not in self.group:
            self.group[place] = place
            self.places.append(place)
            self.tests[place] = set()
            self.exact[place] = set()

    def join(self, left: Place, right: Place) -> None:
        a, b = self.find(left), self.find(right)
        if a != b:
            self.group[b] = a
            self.tests[a] |= self.tests.pop(b)
            self.exact[a] |= self.exact.pop(b)

    # --- the values ---

    def value(self, place: Place, scope: Scope, raw: Value) -> Value:
        """Forgets what cannot be followed: parts of an opaque path, places beyond the limit."""
        if isinstance(raw, (Copy, Add)):
            source = self.home(scope, raw.path)
            known = source in self.group and not place[1].opaque
            return raw if known else Any()
        return raw if isinstance(raw, Keep) or not place[1].opaque else Any()

    def after(self, place: Place, scope: Scope, state: State, how: Rule | Catcher | None) -> Value:
        """The value at `place` after `state` was left by a rule, by a catcher, or well."""
        if place[0] != scope.index:
            return Keep()
        return self.value(place, scope, _raw(state, how, _plain(place[1])))

    def entering(self, place: Place) -> Value:
        """The value at `place` when its scope begins, in terms of the scope around."""
        scope = self.scopes[place[0]]
        path = place[1]
        if scope.parent is None or scope.owner is None or path.root != "$":
            return Any()
        if not _selected(scope, scope.owner):
            return Any()
        raw = effective_input(scope.owner, path.steps)
        return self.value(place, scope.parent, Any() if isinstance(raw, Keep) else raw)

    # --- finding the places ---

    def collect(self) -> None:
        """Follows what the Choices test, and what is copied there."""
        for scope in self.scopes:
            for state in scope.machine.states.values():
                for rule in state.rules:
                    for test in tests_of(rule.cond):
                        self.note(scope, state, test)
        done = 0
        while done < len(self.places):
            place = self.places[done]
            done += 1
            for source, is_sum in self.sources(place):
                if source not in self.group:
                    if len(self.places) >= MAX_PLACES:
                        continue  # `value` then says: any value
                    self.add(source)
                self.join(place, source)
                if is_sum:
                    self.exact[self.find(place)].add("count")
        for place in self.places:
            if self.find(place) == place:
                self.split(place)

    def note(self, scope: Scope, state: State, test: Test) -> None:
        place = self.tested(scope, state, test.path)
        self.add(place)
        self.where.setdefault(place, test.span)
        root = self.find(place)
        if not isinstance(test.operand, Path):
            self.tests[root].add(Signature(test.kind, test.relation, test.operand))
            return
        other = self.tested(scope, state, test.operand)
        self.add(other)
        self.where.setdefault(other, test.span)
        for root in (self.find(place), self.find(other)):
            if test.kind == "bool":
                self.tests[root] |= {Signature("bool", "==", flag) for flag in (True, False)}
            else:
                self.exact[root].add(test.kind)

    def sources(self, place: Place) -> Iterator[tuple[Place, bool]]:
        """Places whose value may be copied (or counted up) into this one."""
        scope, path = self.scopes[place[0]], place[1]
        if path.opaque:
            return
        raws = [(scope, _raw(s, h, path)) for s in scope.machine.states.values() for h in _ways(s)]
        if scope.parent is not None and scope.owner is not None and path.root == "$":
            if _selected(scope, scope.owner):
                raws.append((scope.parent, effective_input(scope.owner, path.steps)))
        for where, raw in raws:
            if isinstance(raw, (Copy, Add)):
                yield self.home(where, raw.path), isinstance(raw, Add)

    def split(self, root: Place) -> None:
        exact = self.exact[root]
        # counting matters only where the count is compared
        compared = any(t.kind == "number" and t.relation != "is" for t in self.tests[root])
        numbers = "number" in exact or ("count" in exact and compared)
        splitter = Splitter(frozenset(self.tests[root]), numbers, "time" in exact)
        classes = splitter.split()
        if classes is not None:
            self.classes[root] = (splitter, classes)

    def of(self, place: Place) -> tuple[Splitter, Classes] | None:
        """How the values at a place are split; None where they are not followed."""
        return self.classes.get(self.find(place)) if place in self.group else None


def _selected(scope: Scope, owner: State) -> bool:
    """Does the owner's template say what the scope's document is?  A bare item may be anything."""
    if not scope.repeated:
        return True
    node = owner.node
    shaped = node.has("ItemSelector") or (node.has("Parameters") and not owner.jsonata)
    return shaped and not node.has("ItemBatcher")


def _plain(path: Path) -> Path:
    return Path(path.root, path.steps)


def _ways(state: State) -> Iterator[Rule | Catcher | None]:
    yield None
    yield from state.rules
    yield from state.catches


def _raw(state: State, how: Rule | Catcher | None, path: Path) -> Value:
    if isinstance(how, Catcher):
        return caught(state, how, path)
    if state.kind == "Choice":
        return chosen(state, how, path)
    return completed(state, path)


def places_of(cond: Cond, document: Document, scope: Scope, state: State) -> set[Place]:
    """The followed places that a condition reads."""
    found = set[Place]()
    for test in tests_of(cond):
        found.add(document.tested(scope, state, test.path))
        if isinstance(test.operand, Path):
            found.add(document.tested(scope, state, test.operand))
    return {place for place in found if document.of(place) is not None}


def followed(cond: Cond, document: Document, scope: Scope, state: State) -> Cond:
    """The same condition with tests of what is not followed made opaque."""
    match cond:
        case Test():
            sides = [cond.path] + ([cond.operand] if isinstance(cond.operand, Path) else [])
            if all(document.of(document.tested(scope, state, p)) is not None for p in sides):
                return cond
            return Opaque(f"{cond.path} {cond.relation} {cond.operand}", cond.span)
        case Not(part):
            return Not(followed(part, document, scope, state))
        case Junction(every, parts):
            return Junction(every, tuple(followed(p, document, scope, state) for p in parts))
        case Opaque():
            return cond


@dataclass(slots=True)
class Liveness:
    """Which places matter before each state: only these need to be written."""

    document: Document
    before: dict[tuple[int, str], set[Place]] = field(default_factory=dict)
    inside: dict[int, set[Place]] = field(default_factory=dict)  # read anywhere in a scope

    def start(self, scope: Scope) -> set[Place]:
        return self.before.get((scope.index, scope.machine.start), set())

    def run(self) -> None:
        """Backwards to a fixed point; inner scopes first, they read the outer document."""
        for scope in reversed(self.document.scopes):
            states = list(scope.machine.states.values())
            for state in states:
                self.before[scope.index, state.name] = set()
            changed = True
            while changed:
                changed = False
                for state in reversed(states):
                    live = self.of_state(scope, state)
                    if live != self.before[scope.index, state.name]:
                        self.before[scope.index, state.name] = live
                        changed = True

    def of_state(self, scope: Scope, state: State) -> set[Place]:
        document, live = self.document, set[Place]()
        for how, target in exits(state):
            for place in self.before.get((scope.index, target), set()):
                live |= self.needed(place, scope, document.after(place, scope, state, how))
        for rule in state.rules:
            live |= places_of(rule.cond, document, scope, state)
        for inner in document.scopes:
            if inner.owner is state and inner.parent is scope:
                for place in self.start(inner):
                    if place[0] != inner.index:
                        live.add(place)
                    else:
                        live |= self.needed(place, scope, document.entering(place), entering=True)
        return live

    def needed(
        self, place: Place, scope: Scope, value: Value, entering: bool = False
    ) -> set[Place]:
        if isinstance(value, (Copy, Add)):
            source = self.document.home(scope, value.path)
            return {source} | ({place} if place[1].opaque else set())
        return {place} if isinstance(value, Keep) and not entering else set()


def exits(state: State) -> Iterator[tuple[Rule | Catcher | None, str]]:
    """How a state can be left, and where to."""
    for rule in state.rules:
        yield rule, rule.next
    if state.default is not None:
        yield None, state.default
    if state.next is not None:
        yield None, state.next
    for catcher in state.catches:
        yield catcher, catcher.next
