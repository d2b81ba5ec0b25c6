"""Random small well-typed specs, as text, in nearly every supported form of the language.

The state space stays small: bools, enums and narrow ranges, few activities, shallow terms.  All
choices come from one function, so that Hypothesis (which shrinks) and a plain seed (for long
campaigns) draw from the same grammar.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from hypothesis import strategies as st

T = TypeVar("T")
Choose = Callable[[int], int]  # n -> a number in 0..n-1; 0 is the simplest

ERRORS = ("A", "B")
ENUM = ("p", "q", "r")


@st.composite
def specs(draw: st.DrawFn, size: int = 4) -> str:
    """A random spec; shrinks to the simplest."""
    return Maker(lambda n: draw(st.integers(0, n - 1)), size).spec()


def from_seed(seed: int, size: int = 4, messages: bool = False) -> str:
    return Maker(random.Random(seed).randrange, size, messages).spec()


@dataclass
class Activity:
    name: str
    text: str
    result: bool = False
    argument: bool = False
    undo: bool = False


@dataclass
class Scope:
    """What a term may name."""

    ints: list[str]
    bools: list[str]
    enums: list[str]
    activities: list[Activity]
    children: list[str] = field(default_factory=list)
    saga: bool = False
    bound: list[str] = field(default_factory=list)  # read only


class Maker:
    def __init__(self, choose: Choose, size: int, messages: bool = False) -> None:
        self.choose = choose
        self.size = size
        self.messages = messages
        self.left = 0
        self.names = 0
        self.errors: set[str] = set()

    def pick(self, of: Sequence[T]) -> T:
        return of[self.choose(len(of))]

    def chance(self, percent: int) -> bool:
        return self.choose(100) >= 100 - percent

    # --- the file --------------------------------------------------------------------------

    def spec(self) -> str:
        self.pool = self.pick([1, 2])
        self.shared = self.chance(30)
        self.param = self.chance(15)
        out = ["enum E { p, q, r }", "error A transient", "error B permanent"]
        advisory = " advisory" if self.chance(20) else ""
        out.append(f"resource pool0 : pool({self.pool}){advisory}")
        out.append("resource lk : lock")
        out.append("resource lm : lock")
        if self.messages:
            out += self.channels()
        if self.shared:
            out.append("shared s0: int 0..2 = 0")
        if self.param:
            out.append("param N: int 0..1")
        two = self.chance(30)
        child = self.chance(20)
        if child:
            out.append(self.workflow("c0", [], 2, child=True))
        out.append(self.workflow("w0", ["c0"] if child else [], self.size))
        if two:
            out.append(self.workflow("w1", [], max(2, self.size - 2)))
        kinds = ["w0", "w0[2]"] if self.size <= 3 and not two else ["w0"]
        out.append("system { " + self.pick(kinds) + (" w1" if two else "") + " }")
        if self.shared and self.chance(40):
            out.append("invariant top : s0 <= 1")
        return "\n".join(out) + "\n"

    def workflow(self, name: str, children: list[str], size: int, child: bool = False) -> str:
        self.prefix = {"w0": "a", "w1": "f", "c0": "h"}[name]
        scope = Scope(["n0"], ["b0"], ["e0"], [], children)
        if self.chance(60):
            scope.ints.append("n1")
        out = []
        argument = self.chance(25) or child
        if argument:
            scope.bound.append("k")
        out.append("  var n0: int 0..2 = 0")
        if "n1" in scope.ints:
            out.append(f"  var n1: int 0..2 = {self.choose(3)}")
        out.append("  var b0: bool = " + self.pick(["false", "true"]))
        out.append("  var e0: E = " + self.pick(ENUM))
        data = Scope(list(scope.ints), scope.bools, scope.enums, [], [], bound=list(scope.bound))
        if self.shared:
            data.ints.append("s0")
            scope.ints.append("s0")
        for i in range(1 + self.choose(3)):
            scope.activities.append(self.activity(f"{self.prefix}{i}", data))
        out += [a.text for a in scope.activities]
        self.left = size
        self.returns = child
        term = self.term(scope, 3)
        if child:
            term += f" ; return {self.int_(scope, 0)} % 3"
        out.append(f"  run {{ {term} }}")
        declared = [e for e in ERRORS if self.chance(60)]
        if self.chance(50):
            out.append(f"  invariant i0 : {self.bool_(scope, 2)}")
        if self.chance(40):
            out.append(f"  invariant j0 : {self.seen(scope)} => {self.seen(scope)}")
        if self.chance(30):
            out.append(f"  always l0 : {self.bool_(scope, 1)} => next({self.bool_(scope, 1)})")
        if self.chance(30):
            out.append(f"  ensures {self.bool_(scope, 2)}")
        head = f"workflow {name}" + ("(k: int 0..1)" if argument else "")
        if child:
            head += " -> int 0..2"
        if declared:
            head += " fails " + ", ".join(declared)
        return head + " {\n" + "\n".join(out) + "\n}"

    def seen(self, scope: Scope) -> str:
        """A predicate over the activities, for properties only."""
        a = self.pick(scope.activities).name
        forms = [f"done({a})", f"running({a})", f"started({a})", f"failed({a})", f"times({a}) <= 1"]
        return f"({self.pick([*forms, 'not ' + forms[self.choose(4)]])})"

    def activity(self, name: str, data: Scope) -> Activity:
        a = Activity(name, "")
        clauses = []
        a.argument = self.chance(20)
        scope = data
        if a.argument:
            scope = Scope(data.ints, data.bools, data.enums, [], bound=[*data.bound, "v"])
        a.result = self.chance(25)
        if self.chance(40):
            claims = ["pool0 1", f"pool0 {self.pool}", "lk shared", "lk exclusive", "lm exclusive"]
            clauses.append("uses " + self.pick(claims))
        takes = ["", "takes 1s..2s", "takes 1s", "takes 2s..", "takes 0s..1s"]
        clauses.append(self.pick(takes))
        fails = [e for e in ERRORS if self.chance(30)]
        if fails:
            clauses.append("fails " + ", ".join(fails))
            if self.chance(40):
                backoff = self.pick(["", " backoff 1s"])
                clauses.append(f"retry 1 on {self.pick(fails)}{backoff}")
        if self.chance(15):
            clauses.append("timeout " + self.pick(["1s", "3s"]))
        if self.chance(15):
            clauses.append("needs " + self.bool_(scope, 1))
        written = ""
        if self.chance(50):
            clauses.append(f"do {{ {self.effect(scope)} }}")
        elif self.chance(30):
            written = self.pick(data.ints)
            clauses.append(f"writes {written}")
        if a.result and self.chance(60):
            clauses.append(self.pick(["ensures result >= 1", "ensures result == n0"]))
        elif written and self.chance(50):
            clauses.append(f"ensures {written} >= old({written})")
        match self.choose(4):
            case 1:
                clauses.append("undo skip")
            case 2:
                clauses.append(f"undo {{ {self.effect(scope)} }}")
                a.undo = True
            case 3 if not name.endswith("0"):
                first = f"{self.prefix}0"
                clauses.append(f"undo {first}(1)" if self.first_has_argument else f"undo {first}")
                a.undo = True
        if name.endswith("0"):
            self.first_has_argument = a.argument
        head = f"  activity {name}" + ("(v: int 0..2)" if a.argument else "")
        if a.result:
            head += " -> int 0..2"
        a.text = head + " { " + "  ".join(c for c in clauses if c) + " }"
        return a

    first_has_argument = False
    prefix = "a"

    def effect(self, scope: Scope) -> str:
        if self.chance(15):
            body = self.assign(scope)
            return f"if ({self.bool_(scope, 1)}) {{ {body} }} else {{ {self.assign(scope)} }}"
        if self.chance(20):
            return f"{self.assign(scope)} ; {self.assign(scope)}"
        return self.assign(scope)

    # --- expressions -----------------------------------------------------------------------

    def assign(self, scope: Scope) -> str:
        match self.choose(6):
            case 0 | 1:
                x = self.pick(scope.ints)
                return f"{x} := {self.pick(['0', '1', '2'])}"
            case 2:
                x = self.pick(scope.ints)
                return f"{x} := ({self.int_(scope, 1)}) % 3"
            case 3:
                return f"{self.pick(scope.bools)} := {self.bool_(scope, 1)}"
            case 4:
                x = self.pick(scope.ints)
                return f"{x} {self.pick(['+=', '-='])} 1"
        return f"{self.pick(scope.enums)} := {self.pick(ENUM)}"

    def int_(self, scope: Scope, depth: int) -> str:
        if depth == 0 or self.chance(40):
            leaves = [*scope.ints, *scope.bound, "0", "1", "2"]
            if self.param:
                leaves.append("N")
            return self.pick(leaves)
        a, b = self.int_(scope, depth - 1), self.int_(scope, depth - 1)
        form = self.pick(["({} + {})", "({} - {})", "({} * {})", "min({}, {})", "({} / {})"])
        return form.format(a, b)

    def bool_(self, scope: Scope, depth: int) -> str:
        kinds = 4 if depth == 0 else 7
        match self.choose(kinds):
            case 0:
                return self.pick(scope.bools)
            case 1:
                comparison = self.pick(["==", "<=", "<", "!="])
                return f"{self.pick(scope.ints)} {comparison} {self.pick(['0', '1', '2'])}"
            case 2:
                return f"{self.pick(scope.enums)} == {self.pick(ENUM)}"
            case 3:
                return f"not ({self.pick(scope.bools)})"
            case 4:
                return f"({self.bool_(scope, depth - 1)} and {self.bool_(scope, depth - 1)})"
            case 5:
                return f"({self.bool_(scope, depth - 1)} or {self.bool_(scope, depth - 1)})"
        return f"({self.int_(scope, 1)} {self.pick(['<=', '==', '<'])} {self.int_(scope, 1)})"

    # --- terms -----------------------------------------------------------------------------

    def term(self, scope: Scope, depth: int) -> str:
        if depth == 0 or self.left <= 1:
            return self.leaf(scope)
        sub = lambda **change: self.term(self.inside(scope, **change), depth - 1)  # noqa: E731
        forms: list[Callable[[], str]] = [
            lambda: self.leaf(scope),
            lambda: f"{sub()} ; {sub()}",
            lambda: f"{{ {sub()} || {sub()} }}",
            lambda: f"{{ {sub()} || {sub()} }} ; {sub()}",
            lambda: f"{{ {{ {sub()} }} + {{ {sub()} }} }}",
            lambda: f"if ({self.bool_(scope, 1)}) {{ {sub()} }} else {{ {sub()} }}",
            lambda: f"if ({self.bool_(scope, 1)}) {{ {sub()} }}",
            lambda: self.switch(scope, sub),
            lambda: f"while ({self.bool_(scope, 1)}) {{ {sub()} }}",
            lambda: f"while ({self.bool_(scope, 1)}) at_most 2 {{ {sub()} }}",
            lambda: self.each(scope, depth),
            lambda: f"par wait_all {{ {{ {sub()} }} || {{ {sub()} }} }}",
            lambda: f"par any {{ {{ {sub()} }} || {{ {sub()} }} }}",
            lambda: f"par 2 of {{ {{ {sub()} }} || {{ {sub()} }} || {{ {sub()} }} }}",
            lambda: self.within(scope, sub),
            lambda: f"try {{ {sub()} }} catch {self.pick(['A', 'B', '*', 'A, B'])} {{ {sub()} }}",
            lambda: f"try {{ {sub()} }} finally {{ {sub()} }}",
            lambda: f"try {{ {sub()} }} catch A {{ {sub()} }} finally {{ {sub()} }}",
            lambda: (
                f"retry(1 on {self.pick(['A', 'B'])}{self.pick(['', ' backoff 1s'])}) {{ {sub()} }}"
            ),
            lambda: f"saga {{ {sub(saga=True)} ; {sub(saga=True)} }}",
            lambda: (
                f"try {{ saga {{ {sub(saga=True)} ; {sub(saga=True)} }} }} catch * {{ {sub()} }}"
            ),
            lambda: f"saga {{ {{ {sub(saga=True)} || {sub(saga=True)} }} }}",
            lambda: f"using ({self.claim()}) {{ {sub()} }}",
            lambda: f"nocancel {{ {sub()} }}",
            lambda: self.steps(scope, sub),
        ]
        return forms[self.choose(len(forms))]()

    def inside(self, scope: Scope, saga: bool = False) -> Scope:
        return Scope(
            scope.ints,
            scope.bools,
            scope.enums,
            scope.activities,
            scope.children,
            scope.saga or saga,
            scope.bound,
        )

    def claim(self) -> str:
        forms = ["pool0 1", "lk shared", "lk exclusive", "lm exclusive", "pool0 1, lk shared"]
        return self.pick(forms)

    def switch(self, scope: Scope, sub: Callable[[], str]) -> str:
        e = self.pick(scope.enums)
        match self.choose(3):
            case 0:
                return f"switch ({e}) {{ case p {{ {sub()} }} default {{ {sub()} }} }}"
            case 1:
                return f"switch ({e}) {{ case p, q {{ {sub()} }} case r {{ {sub()} }} }}"
        return f"switch ({e}) {{ case p {{ {sub()} }} case q {{ {sub()} }} }}"

    def each(self, scope: Scope, depth: int) -> str:
        self.names += 1
        i = f"i{self.names}"
        loop = self.choose(5)
        inner = Scope(
            scope.ints,
            scope.bools,
            scope.enums,
            scope.activities,
            scope.children,
            scope.saga,
            [*scope.bound, i],
        )
        body = self.term(inner, depth - 1)
        how = ["", " seq", "", " at_most 1 at once", " tolerate 1 as n0"][loop]
        over = self.pick(["0..1", "E"]) if not self.param else self.pick(["0..1", "0..N"])
        if over == "E":
            inner.bound.remove(i)
            body = self.term(scope, depth - 1)
        return f"each {i} in {over}{how} {{ {body} }}"

    def within(self, scope: Scope, sub: Callable[[], str]) -> str:
        head = self.pick(["1s", "3s", f"until ({self.bool_(scope, 1)})"])
        other = f" else {{ {sub()} }}" if self.chance(50) else ""
        return f"within {head} {{ {sub()} }}{other}"

    def steps(self, scope: Scope, sub: Callable[[], str]) -> str:
        count = 2 + self.choose(2)
        names = []
        out = []
        for k in range(count):
            self.names += 1
            name = f"g{self.names}"
            after = [n for n in names if self.chance(60)]
            node = f"{name} {{ {sub()} }}"
            if after:
                node += " after " + ", ".join(after)
            if self.chance(30):
                node += f" when {self.bool_(scope, 1)}"
            if after:
                joins = ["", " join all", " join any", " join always", " join on_failure"]
                node += self.pick(joins)
            out.append(node)
            names.append(name)
            del k
        return "steps { " + " ".join(out) + " }"

    def channels(self) -> list[str]:
        """`ch0` for plain messages, `ch1` of some other kind, `rq0` for requests."""
        kind = self.pick(
            ["unordered", "delivery at_most_once", "delivery at_least_once", "broadcast", "ttl 2s"]
        )
        return [
            f"channel ch0 : int 0..2 capacity {1 + self.choose(2)}{self.pick(['', ' optional'])}",
            f"channel ch1 : int 0..2 capacity 2 {kind}{self.pick(['', ' optional'])}",
            "channel rq0 : int 0..2 -> int 0..2 capacity 1",
        ]

    def message(self, scope: Scope) -> str:
        c = self.pick(["ch0", "ch0", "ch1"])
        self.names += 1
        x = f"m{self.names}"
        match self.choose(8):
            case 0 | 1 | 2:
                return f"send {self.pick(['1', '2'])} to {c}"
            case 3 | 4:
                return f"receive {self.pick(['n0', x])} from {c}"
            case 5:
                return f"within receive {x} from {c} {{ {self.call(scope)} }} else {{ n0 := {x} }}"
            case 6:
                limit = self.pick(["", " within 1s"])
                return f"n0 <- request({self.pick(['1', '2'])}) to rq0{limit}"
        return f"{{ receive {x} from rq0 ; {self.call(scope)} ; send {x} to {x} }}"

    def leaf(self, scope: Scope) -> str:
        self.left -= 1
        if self.messages and self.chance(45):
            return self.message(scope)
        kind = self.choose(24)
        if kind < 12:
            return self.call(scope)
        if kind < 15:
            return self.assign_term(scope)
        match kind:
            case 15:
                return f"fail {self.pick(ERRORS)}"
            case 16:
                return f"assert {self.bool_(scope, 1)}"
            case 17 if self.chance(40):
                return f"assume {self.bool_(scope, 1)}"
            case 18:
                return self.pick(["wait 1s", "wait 2s"])
            case 19 if self.chance(60):
                return f"wait until ({self.bool_(scope, 1)})"
            case 20:
                return f"atomic {{ {self.assign(scope)} ; {self.assign(scope)} }}"
            case 21 if scope.children:
                x = self.pick(["n0 <- ", ""])
                return f"{x}{self.pick(scope.children)}({self.pick(['0', '1'])})"
            case 22:
                return "skip"
            case 23 if not self.returns:
                return "return" if self.chance(0) else "skip"
        return self.call(scope)

    returns = False

    def assign_term(self, scope: Scope) -> str:
        return "{ " + self.assign(scope) + " }"

    def call(self, scope: Scope) -> str:
        options = scope.activities
        if not options:
            return self.assign_term(scope)
        a = self.pick(options)
        args = f"({self.int_(scope, 1)})" if a.argument else ""
        if a.argument:
            args = "(" + self.pick(["0", "1", self.pick(scope.ints)]) + ")"
        bind = f"{self.pick(scope.ints)} <- " if a.result and self.chance(70) else ""
        return f"{bind}{a.name}{args}"


def contention(seed: int) -> str:
    """A spec that is all about claims: pools and locks, nested, in several instances."""
    return Contention(random.Random(seed).randrange).spec()


@st.composite
def contentions(draw: st.DrawFn) -> str:
    return Contention(lambda n: draw(st.integers(0, n - 1))).spec()


class Contention:
    """Nested claims in sequences and branches; activities that claim; errors that cut blocks."""

    def __init__(self, choose: Choose) -> None:
        self.choose = choose
        self.left = 0

    def pick(self, of: Sequence[T]) -> T:
        return of[self.choose(len(of))]

    def spec(self) -> str:
        self.caps = {"p0": 1 + self.choose(3), "p1": 1 + self.choose(2)}
        out = [f"resource {r} : pool({c})" for r, c in self.caps.items()]
        out += ["resource l0 : lock", "resource l1 : lock", "error A transient"]
        names = ["w0", "w1"][: 1 + self.choose(2)]
        for name in names:
            out.append(f"workflow {name} fails A {{")
            out.append(f"  activity {name}a {{ takes 1s }}")
            out.append(f"  activity {name}b {{ uses {self.claim()}  takes 1s..2s }}")
            bad = self.pick(
                ["fails A", "fails A  retry 1 on A", "fails A  retry 1 on A backoff 1s"]
            )
            out.append(f"  activity {name}c {{ uses {self.claim()}  {bad} }}")
            self.left = 4
            out.append(f"  run {{ {self.term(name, 3)} }}\n}}")
        count = ["", "[2]", "[3]"]
        out.append(
            "system { " + " ".join(n + self.pick(count[: 4 - len(names)]) for n in names) + " }"
        )
        return "\n".join(out) + "\n"

    def claim(self) -> str:
        r = self.pick(["p0", "p1", "l0", "l1"])
        if r in self.caps:
            return f"{r} {1 + self.choose(self.caps[r])}"
        return f"{r} {self.pick(['exclusive', 'shared'])}"

    def claims(self) -> str:
        first = self.claim()
        second = self.claim()
        return f"{first}, {second}" if second[:2] != first[:2] and self.choose(3) == 0 else first

    def term(self, name: str, depth: int) -> str:
        if depth == 0 or self.left <= 0:
            self.left -= 1
            return name + self.pick("abc")
        match self.choose(8):
            case 0 | 1 | 2:
                return f"using ({self.claims()}) {{ {self.term(name, depth - 1)} }}"
            case 3 | 4:
                return f"{self.term(name, depth - 1)} ; {self.term(name, depth - 1)}"
            case 5:
                return f"{{ {self.term(name, depth - 1)} || {self.term(name, depth - 1)} }}"
            case 6:
                return f"try {{ {self.term(name, depth - 1)} }} catch A {{ {name}a }}"
        wrap = self.pick(["nocancel {{ {} }}", "try {{ {} }} finally {{ {} }}"])
        return wrap.format(self.term(name, depth - 1), self.term(name, 0))
