"""The whole system: resources, shared state, instances, and the properties of all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import PurePath
from typing import TypeVar

from ...dsl import ast
from ...dsl.changed import replace
from ...dsl.collector import uncollected
from ...dsl.types import Int
from ..expr import FALSE, TRUE, Expr, Op, and_, const, implies, lt, or_
from ..system import (
    AnyNumber,
    EventKind,
    EventTemplate,
    Instance,
    PointKind,
    RuleKind,
    TransitionSystem,
    VarKind,
)
from ..walks import variables
from . import child, control, control_loop, requests
from .arriving import arrived, one_by_one
from .context import Ctx, step
from .crashes import crashes, crashing
from .data import Value, default, leaves
from .declarations import Declarations
from .drafts import InstanceDraft
from .env import Env, collecting, layered, unasked
from .expressions import bounds, domain, measured, scalar
from .finish import finish
from .first import conjuncts, label_of
from .inversion import BY_PRIORITY, inversions
from .open import Open
from .patterns import watched
from .place import At
from .predicates import bound, counters, ended, wants
from .properties import system_properties, workflow_properties
from .queue import line_up
from .repeats import apart as keys_apart

T = TypeVar("T")


def lower(
    spec: ast.Spec,
    few: tuple[int, int] | None = None,
    run: bool = False,
    open: Mapping[str, Open] | None = None,
    room: int | None = None,
    crowd: bool = False,
) -> TransitionSystem:
    """The transition system of a checked spec; with `run`, of its runs, control loops included.

    `few`: the least and the largest number of instances that stand for any number of them
    (`w[*]`).  Which it is, a parameter says.  `open`: activities that stand for any term.
    `room`: for how many messages a channel without a bound has room here (`ChannelInfo.full`);
    None: it is refused.  `crowd`: where any number of instances are beside it, such a channel is
    no more than a number of messages: each that is taken out says anything.
    """
    with uncollected():
        lowering = _Lowering(spec, few, run, room, crowd)
        lowering.world.open = open or {}
        return lowering.run()


def contexts(spec: ast.Spec, room: int | None = None) -> list[Ctx]:
    """Where the body of each instance is read, without its rules; variables that are there at the
    start have the numbers that they have in `lower(spec, room=room)`."""
    lowering = _Lowering(spec, None, False, room)
    return [lowering._ctx(d) for d in lowering.declared()]


class _Lowering(Declarations):
    """With the instances, and what their bodies mean."""

    def declared(self) -> list[InstanceDraft]:
        """Everything but what the bodies mean."""
        self.b.string("")
        self._constants()
        self._shared()
        self._resources()
        self._errors()
        self._channels(broadcast=False)
        self._declare()
        self._channels(broadcast=True)
        drafts = [i for group in self.instances.values() for i in group]
        return sorted(drafts, key=lambda d: d.id)

    def run(self) -> TransitionSystem:
        drafts = self.declared()
        refusals = self.world.refusals
        for d in drafts:
            with refusals.collecting():
                self._lower_instance(d)
        env = self.top
        for d in drafts:
            with refusals.collecting():
                workflow_properties(self._ctx(d), d.workflow)
        over = TRUE
        if drafts:
            over = and_(*(implies(d.active, ended(d)) for d in drafts))
            with refusals.collecting():
                self._required(env)
                system_properties(self._ctx(drafts[0]), self.spec, env, over)
                keys_apart(self._ctx(drafts[0]))
        refusals.tell()
        controls = control.controls(self.spec, self.b, self._fixed, self.first)
        if not self.running:
            for later, within in control.defined(self.spec, self.b, env, controls):
                self._within(later, within)
        loop = control_loop.Loop(self.spec, self.b, env, self._fixed, controls, self.count)
        self._refills()
        requests.settle(self.b, self.world.channels.values(), drafts)
        with refusals.collecting():
            rules, threads = finish(self.b, self._last, {c.draft.id for c in self.crashing})
            if self._scheduler() in BY_PRIORITY:
                self.b.obligations += inversions(self.b, rules, threads)
        refusals.tell()
        alone: tuple[Instance, ...] = ()
        if self.running and (controls or self.spec.metrics):
            alone = (loop.add(len(threads), len(rules)),)
        self.predicates.tie()
        seen = watched(self.b, rules, self.world.patterns, over)
        initial_events = tuple(
            EventTemplate(kind, d.name, d.id)
            for d in drafts
            if d.arrives is None
            for kind in (EventKind.WORKFLOW_CREATED, EventKind.WORKFLOW_STARTED)
        ) + tuple(
            EventTemplate(EventKind.TASK_SCHEDULED, name, d.id)
            for d in drafts
            for name in d.root.points[0].scheduled
        )
        return TransitionSystem(
            name=PurePath(self.spec.file).stem,
            variables=tuple(self.b.variables),
            initial=and_(*self.initial),
            rules=(*seen.rules, *loop.rules),
            threads=(*threads, *loop.threads),
            instances=tuple(
                Instance(
                    d.id,
                    d.name,
                    d.workflow.name,
                    d.root.id,
                    d.completed,
                    d.failed,
                    d.error.index,
                    d.workflow.span,
                    d.active,
                    d.observed,
                )
                for d in drafts
            )
            + alone,
            resources=tuple(self.b.resources.values()),
            obligations=(*self.b.obligations, *seen.obligations),
            channels=tuple(self.world.channels[c.name].info(self.spec) for c in self.spec.channels),
            liveness=seen.liveness,
            limits=(*self.world.limits, *seen.limits),
            retries=tuple(self.world.retries),
            waits=tuple(self.world.waits),
            errors=tuple(self.b.errors),
            loops=tuple(self.world.loops),
            places=tuple(self.world.places),
            sagas=tuple(self.world.sagas),
            choices=tuple(self.world.choices),
            excluded=or_(*self.b.excluded),
            strings=tuple(self.b.strings),
            initial_events=initial_events,
            assumptions=tuple(
                (f"{a.what}: {a.instead}", a.span) for a in self.spec.abstractions if a.bounds
            ),
            scheduler=self._scheduler(),
            eventually=tuple(self.world.eventually),
            clock=self.b.clock.index if self.b.clock is not None else None,
            has_timeouts=self.world.has_timeouts,
            controls=controls,
            any_number=tuple(self.any_number),
            ties=bool(self.spec.imported_from),
        )

    # --- declarations ----------------------------------------------------------------------

    def _declare(self) -> None:
        self.world.wants = frozenset(wants(self.spec))
        system = self.spec.system
        decls = (
            system.instances
            if system is not None
            else tuple(ast.InstanceDecl(w.name, span=w.span) for w in self.spec.workflows)
        )
        groups = Counter(d.workflow for d in decls)
        for d in decls:
            before, counted = len(self.instances[d.workflow]), len(self.any_number)
            with self.world.refusals.collecting():
                self._declare_group(d, groups[d.workflow] == 1)
                if d.arrive is not None:
                    between = self._fixed(partial(measured, e=d.arrive))
                    one_by_one(self.instances[d.workflow][before:], between)
                    self.any_number[counted:] = [
                        replace(g, between=between) for g in self.any_number[counted:]
                    ]
        self.world.refusals.tell()
        # A workflow with one instance may be named for it.
        self.single = {name: bound(g[0]) for name, g in self.instances.items() if len(g) == 1}

    def _declare_group(self, d: ast.InstanceDecl, alone: bool) -> None:
        """Instances are numbered on over all groups of their workflow; a single one needs none."""
        w = self.world.workflows[d.workflow]
        taken = len(self.instances[w.name])
        if d.binder is not None and d.domain is not None:
            for inside, item in self._fixed(partial(domain, e=d.domain)):
                if inside is not FALSE:
                    env = self.env.bind(**{d.binder: item})
                    self._instance(w, d, env, label_of(d.domain, item), inside)
            return
        if d.any_number or (d.arrive is not None and d.count is None):
            self._any_number(w, d, taken)
            return
        if d.count is None:
            self._instance(w, d, self.env, "" if alone else str(taken), TRUE)
            return
        count = self._fixed(partial(scalar, e=d.count))
        for i in range(bounds(self.env, d.count)[1]):
            self._instance(w, d, self.env, str(taken + i), lt(const(i), count))

    def _any_number(self, w: ast.Workflow, d: ast.InstanceDecl, taken: int) -> None:
        """A few instances; their number is a parameter."""
        least, most = self.members
        count: Expr = const(most)
        if least < most:
            kind = Int(least, most)
            count = self.b.variable(f"number of {w.name}", kind, VarKind.PARAM, None, None, d.span)
            self._ranges(count)
        for i in range(most):
            active = TRUE if i < least else lt(const(i), count)
            self._instance(w, d, self.env, str(taken + i), active)
        members = tuple(draft.id for draft in self.instances[w.name][taken:])
        number = count.index if least < most else None
        self.any_number.append(AnyNumber(w.name, members, number, d.span))
        self.world.alike.update(members)

    def _required(self, env: Env) -> None:
        """`requires` of the system: assumed, as far as it is defined."""
        for p in self.spec.properties:
            if isinstance(p, ast.Requires):
                with collecting(env) as (inner, found):
                    cond = scalar(inner, p.cond)
                self.initial.append(implies(self._defined(found, TRUE), cond))

    def _instance(
        self, w: ast.Workflow, d: ast.InstanceDecl, env: Env, label: str, active: Expr
    ) -> None:
        b = self.b
        number = self.count
        self.count += 1
        name = f"{w.name}[{label}]" if label else w.name
        given: dict[str, ast.Expression] = {}
        for i, (arg, value) in enumerate(d.args):
            given[arg if arg is not None else w.params[i].name] = value
        names = layered(self.env.names, {})
        free: set[int] = set()  # arguments that the system leaves open
        for p in w.params:
            assert p.resolved is not None
            init = self._first(env, given.get(p.name), p.resolved, p.name, active)
            slot = b.data(f"{name}.{p.name}", p.resolved, VarKind.ARG, init, number, p.span)
            if init is None:
                free.update(x.index for x in leaves(slot))
                self._ranges(slot)
            # What is known is put in: keys, guards and ranges fold.
            known = init is not None and all(x.op is Op.CONST for x in leaves(init))
            names[p.name] = init if known and init is not None else slot
        slots: dict[str, Value] = dict(self.env.variables)
        own = replace(self.env, names=names)
        first = len(b.variables)
        for v in w.variables:
            assert v.resolved is not None
            init = self._first(
                replace(own, variables=slots), v.init, v.resolved, v.name, active
            ) or default(v.resolved, b.string)
            slots[v.name] = b.data(
                f"{name}.{v.name}", v.resolved, VarKind.DATA, init, number, v.span
            )
        observed = list(range(first, len(b.variables)))
        error = b.hidden(f"{name} error", number)
        result: Value | None = None
        if w.resolved is not None:
            zero = default(w.resolved, b.string)
            result = b.data(f"{name}.result", w.resolved, VarKind.DATA, zero, number, w.span)
        root = b.thread(name, number, None, w.span)
        b.point(root, PointKind.ENTRY, f"before {w.name}", w.span)
        completed = b.point(root, PointKind.END, "completed", w.span)
        failed = b.point(root, PointKind.FAILED, "failed", w.span)
        draft = InstanceDraft(number, name, w, own, root, error, result=result)
        draft.crashes = w.name in self.world.crashing
        draft.completed, draft.failed, draft.active = completed, failed, active
        if result is not None:
            observed += [x.index for x in leaves(result)]
        # An importer's variables are its own: of such a machine only the end can be observed.
        draft.observed = () if self.spec.imported_from else tuple(observed)
        draft.counters = counters(b, name, number, self.world.wants)
        draft.env = replace(own, variables=slots)
        draft.env = replace(draft.env, own=bound(draft))
        for prop in w.properties:
            if not isinstance(prop, ast.Requires):
                continue
            with collecting(draft.env) as (inner, found):
                scalar(inner, prop.cond)
            defined = self._defined(found, active)
            for part in conjuncts(prop.cond):
                cond = scalar(unasked(draft.env), part)
                if free & variables([cond]):
                    # What the system leaves open may be assumed, not what it gives.
                    self.initial.append(implies(and_(active, defined), cond))
                else:
                    self._ctx(draft).must(
                        "requires",
                        implies(and_(active, root.at(0)), cond),
                        f"{name} is started though its `requires` fails",
                        d.span,
                        name=w.name,
                    )
        self.instances[w.name].append(draft)
        if w.name in self.faults:
            self.crashing.append(crashing(b, draft, self.faults[w.name]))

    def _last(self) -> None:
        for c in self.crashing:
            crashes(self._ctx(c.draft), c)
        if self._scheduler() == "head_of_line":
            line_up(self.b)

    def _scheduler(self) -> str:
        return self.spec.system.scheduler if self.spec.system else "any"

    def _ctx(self, d: InstanceDraft) -> Ctx:
        return Ctx(self.b, self.world, d, d.root, replace(d.env, bound=self.single), None)

    def _lower_instance(self, d: InstanceDraft) -> None:
        ctx = self._ctx(d)
        w = d.workflow
        at = At(d.root.at(0), (), (d.root.points[0],)).under(d.active)
        at = at if d.active is TRUE else replace(at, points=None)
        if d.arrives is not None:
            at = arrived(ctx, at, d.arrives)
        made = child.body(ctx, w, at, root=True)
        end = step(
            ctx,
            made.done,
            RuleKind.END,
            f"end of {d.name}",
            w.span,
            d.completed,
            event=EventKind.WORKFLOW_COMPLETED,
        )
        child.ensures(ctx, w, end)
        if made.raised:
            step(
                ctx,
                made.failed,
                RuleKind.END,
                f"{d.name} fails",
                w.span,
                d.failed,
                event=EventKind.WORKFLOW_FAILED,
            )
