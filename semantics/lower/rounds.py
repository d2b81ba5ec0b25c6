"""How long a term takes at least, where the text says: so often it can be run within some time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import get_args

from ...dsl import ast
from ...dsl.records import dataclass
from ...dsl.walk import walk

Seconds = Callable[[ast.Expression], Fraction | None]  # of what never changes
NO_TIME = Fraction(0)
_TERMS = get_args(ast.Term)
# Of these only: each place is passed once at most, and none beside another one.
_ONE_BY_ONE = (
    ast.Skip,
    ast.Call,
    ast.Assign,
    ast.Seq,
    ast.Choice,
    ast.If,
    ast.Switch,
    ast.Using,
    ast.NoCancel,
    ast.Wait,
    ast.WaitUntil,
    ast.Send,
    ast.Receive,
)


@dataclass(frozen=True, slots=True)
class Least:
    """`seconds` reads times that are known before a run."""

    activities: Mapping[str, Sequence[ast.Activity]]
    workflows: Mapping[str, ast.Workflow]
    seconds: Seconds

    def rounds(self, body: ast.Term, within: Fraction) -> int | None:
        """In how many rounds of a loop something can happen within a span of this length, its
        ends included.  None: any number.

        Of the rounds that are under way at some time of it, each but the first and the last is
        inside as a whole.  Where a round passes each place once at most, one after the other, two
        passes of one place are as far apart as a round is long: what is behind it in the one and
        before it in the next make up a way through the body.
        """
        least = self.of(body)
        if least <= 0:
            return None
        once = all(isinstance(n, _ONE_BY_ONE) for n in walk(body) if isinstance(n, _TERMS))
        called = any(isinstance(n, ast.Call) and n.name in self.workflows for n in walk(body))
        return int(within / least) + (1 if once and not called else 2)

    def of(self, t: object) -> Fraction:
        """In seconds; of a term that is run to its end.  An error leaves it, and the rounds around
        it, so nothing is said of what may be caught inside."""
        match t:
            case ast.Wait(duration=d):
                return max(NO_TIME, self.seconds(d) or NO_TIME)
            case ast.Call(name=name) if name in self.workflows:
                body = self.workflows[name].body
                early = any(isinstance(n, ast.Return) for n in walk(body))
                return NO_TIME if early else self.of(body)
            case ast.Call(name=name):
                return min(map(self._activity, self.activities.get(name, ())), default=NO_TIME)
            case ast.Seq(parts=parts):
                return sum(map(self.of, parts), NO_TIME)
            case ast.Par(parts=parts, policy="all" | "wait_all"):
                return max(map(self.of, parts), default=NO_TIME)
            case ast.Choice(parts=parts):
                return min(map(self.of, parts), default=NO_TIME)
            case ast.If(then=then, orelse=ast.Node() as orelse):
                return min(self.of(then), self.of(orelse))
            case ast.Switch(cases=cases, default=default):
                ways = [*(c.body for c in cases), *([default] if default is not None else [])]
                return min(map(self.of, ways), default=NO_TIME)
            case ast.Using(body=body) | ast.Saga(body=body) | ast.NoCancel(body=body):
                return self.of(body)
        return NO_TIME

    def _activity(self, a: ast.Activity) -> Fraction:
        if a.takes is None or a.takes.lo is None:
            return NO_TIME
        return max(NO_TIME, self.seconds(a.takes.lo) or NO_TIME)


__all__ = ["Least", "Seconds"]
