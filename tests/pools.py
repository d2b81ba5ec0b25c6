"""Hand-made transition systems, so that these tests depend on no syntax."""

from __future__ import annotations

from fractions import Fraction

from wfverify.dsl.errors import NOWHERE
from wfverify.dsl.types import Int
from wfverify.semantics.expr import (
    ONE,
    TRUE,
    ZERO,
    Expr,
    Sort,
    add,
    and_,
    const,
    eq,
    le,
    var,
)
from wfverify.semantics.system import (
    Delay,
    EventKind,
    EventTemplate,
    Instance,
    Point,
    PointKind,
    ResourceInfo,
    Rule,
    RuleKind,
    Thread,
    TransitionSystem,
    Variable,
    VarKind,
)


def real(value: int | str) -> Expr:
    return const(Fraction(value))


def pool_system(
    instances: int = 3,
    activities: int = 2,
    capacity: int = 2,
    takes: tuple[str, str] = ("1", "3"),
    fails: bool = False,
    timeout: str = "",
) -> TransitionSystem:
    """Instances that run activities one after the other, each claiming one unit of a pool.

    Variables: 0 the pool's `used`; 1 + 2i the location of instance i, 2 + 2i its error.
    Points: 2a before activity a, 2a + 1 (READY 1, RUN 2, ..); see `ready` and `running`.
    """
    variables = [Variable(0, "agents", Sort.INT, Int(), VarKind.USED, ZERO)]
    threads, rules, instances_ = [], [], []
    last = 2 * activities + 1
    delay = Delay(real(takes[0]), real(takes[1]))

    def rule(kind: RuleKind, i: int, a: int, to: int, gain: int, event: EventKind, **more: object):
        here = var(1 + 2 * i, Sort.INT)
        at = ready(a) if kind is RuleKind.START else running(a)
        guard = eq(here, const(at))
        used = var(0, Sort.INT)
        if gain > 0:
            guard = and_(guard, le(add(used, const(gain)), const(capacity)))
        moves = [(1 + 2 * i, const(to))]
        if to == last + 1:
            moves.append((2 + 2 * i, ONE))
        name = f"w[{i}].a{a}"
        grow = EventKind.RESOURCE_ALLOCATED if gain > 0 else EventKind.RESOURCE_RELEASED
        rules.append(
            Rule(
                len(rules),
                f"{kind.value} {name}",
                kind,
                i,
                i,
                guard,
                (*moves, (0, add(used, const(gain)))),
                NOWHERE,
                own_events=(
                    EventTemplate(grow, "agents", i, ((0, const(abs(gain))),)),
                    EventTemplate(event, name, i, tuple(moves)),
                ),
                activity=name,
                **more,  # type: ignore[arg-type]
            )
        )

    for i in range(instances):
        name = f"w[{i}]"
        variables.append(Variable(1 + 2 * i, f"{name}@", Sort.INT, Int(), VarKind.LOCATION, ONE, i))
        variables.append(
            Variable(2 + 2 * i, f"{name}.error", Sort.INT, Int(), VarKind.HIDDEN, ZERO, i)
        )
        points = [Point(0, PointKind.ENTRY, "entry", NOWHERE)]
        for a in range(activities):
            act = f"{name}.a{a}"
            points.append(Point(ready(a), PointKind.READY, f"before a{a}", NOWHERE))
            points.append(
                Point(
                    running(a),
                    PointKind.RUN,
                    f"running a{a}",
                    NOWHERE,
                    holds=((0, ONE),),
                    activity=act,
                )
            )
            group = i * activities + a
            rule(RuleKind.START, i, a, running(a), 1, EventKind.TASK_STARTED)
            rule(
                RuleKind.COMPLETE, i, a, ready(a + 1), -1, EventKind.TASK_COMPLETED,
                delay=delay, group=group,
            )  # fmt: skip
            if fails:
                rule(
                    RuleKind.FAIL, i, a, last + 1, -1, EventKind.TASK_FAILED,
                    delay=delay, group=group, error="Bad",
                )  # fmt: skip
            if timeout:
                limit = Delay(real(timeout), real(timeout))
                rule(
                    RuleKind.TIMEOUT, i, a, last + 1, -1, EventKind.TASK_TIMED_OUT,
                    delay=limit, group=group, error="Timeout",
                )  # fmt: skip
        points.append(Point(last, PointKind.END, "end", NOWHERE))
        points.append(Point(last + 1, PointKind.FAILED, "failed", NOWHERE))
        threads.append(Thread(i, name, i, 1 + 2 * i, None, tuple(points)))
        instances_.append(Instance(i, name, "w", i, last, last + 1, 2 + 2 * i, NOWHERE))
    return TransitionSystem(
        "pool",
        tuple(variables),
        TRUE,
        tuple(rules),
        tuple(threads),
        tuple(instances_),
        (ResourceInfo("agents", "pool", const(capacity), True, 0, None, NOWHERE),),
        (),
        ("Bad",),
        initial_events=tuple(
            EventTemplate(EventKind.WORKFLOW_STARTED, f"w[{i}]", i) for i in range(instances)
        ),
    )


def ready(activity: int) -> int:
    return 1 + 2 * activity


def running(activity: int) -> int:
    return 2 + 2 * activity
