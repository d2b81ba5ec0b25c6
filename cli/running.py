"""`wfverify run` and `wfverify replay`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from ..dsl import ast
from ..dsl.ast import Spec
from ..interpreter import (
    AnswerRefused,
    Answers,
    LogError,
    LogReplay,
    Plan,
    RunInfo,
    build_plan,
    load_answers,
    replay_runs,
    spec_hash,
)
from ..interpreter.run import RunOptions, RunResult, Status
from ..interpreter.run import run as run_once
from ..report import simulation
from ..report.outcome import Exit
from ..semantics.lower import lower
from ..semantics.system import TransitionSystem
from ..semantics.values import evaluate, read_duration
from ..verifier.growth import assumed
from .loading import STDIN, load_spec, opened, source_of
from .logs import Keeper, keeping, readable
from .terminal import Progress, complain, say, style, write

MOST_ARRIVALS = 1000
ROOMS = (8, 64, 512)  # for messages in channels without a bound, tried one after the other
MOST_NAMED = 5  # activities in a note


def run(args: argparse.Namespace) -> int:
    """Runs a spec once, and shows the run, or many times, and shows what came out.

    Status 1 when a run got stuck, 2 when a value or an answer is not possible.
    """
    file, text = opened(args.spec)
    spec = load_spec(file, text)
    try:
        args.instances = args.instances or _arrivals(spec, _until(args))
    except ValueError as error:
        complain(str(error))
        return Exit.USAGE
    system = _with_room(spec, args.instances, ROOMS[0])
    notes = _notes(spec)
    shown = style(quiet=args.quiet)
    summed = simulation.Runs(system)
    interrupted = False
    last: RunResult | None = None
    try:
        options = _options(args, system, file, spec.source)
        if system.room is not None:
            system, options = _room_enough(args, spec, options)
        with keeping(args, file) as kept:
            try:
                for result in _runs(args, system, options, kept):
                    last = result
                    summed.add(result)
            except KeyboardInterrupt:  # those that are over count
                interrupted = True
    except AnswerRefused as error:
        complain(f"{args.answers}: {error}")
        return Exit.USAGE
    except ValueError as error:  # what the user gave: values, answers, a log
        complain(str(error))
        return Exit.USAGE
    summary = summed.summary()
    if args.log == "-":  # stdout is the log
        for note in notes:
            complain(f"note: {note}")
    elif last is not None:
        log = kept.line(len(summary.times))
        if args.runs > 1:
            text = simulation.many(file, summary, args.seed, shown, notes, log)
        else:
            text = simulation.one(file, system, last, args.seed, shown, notes, log)
        say(text, interrupted)
    if kept.problem:
        complain(kept.problem)
    if interrupted:
        complain(f"interrupted after {len(summary.times)} of {args.runs} runs")
        return Exit.INTERRUPTED
    return Exit.REFUTED if summary.stuck is not None else Exit.PROVED


def _with_room(spec: Spec, instances: object, room: object) -> TransitionSystem:
    """What a run takes place in; one that finds a channel without a bound full is none."""
    room = room if isinstance(room, int) else ROOMS[0]
    system = lower(spec, _few(instances), run=True, room=room)
    return assumed(system, {})


def _room_enough(
    args: argparse.Namespace, spec: Spec, options: RunOptions
) -> tuple[TransitionSystem, RunOptions]:
    """With room for all messages that the runs put into channels without a bound, found by taking
    them.  ValueError: that is too much."""
    for room in ROOMS:
        system = _with_room(spec, args.instances, room)
        plan = build_plan(system)
        seeds = range(args.seed, args.seed + args.runs)
        runs = (run_once(system, replace(options, seed=seed), plan=plan) for seed in seeds)
        full = next(filter(None, (_full(system, r) for r in runs)), "")
        if not full:
            return system, replace(options, noted={**options.noted, "room": room})
    raise ValueError(
        f"there are more than {ROOMS[-1]} messages in {full}: a run has no room for more "
        f"(stop it sooner with --until or --max-steps)"
    )


def _full(system: TransitionSystem, result: RunResult) -> str:
    """The channel in which a run found no room."""
    found = (c.name for c in system.channels if c.full and evaluate(c.full, result.final) is True)
    return next(found, "") if result.status is Status.EXCLUDED else ""


def _notes(spec: Spec) -> tuple[str, ...]:
    """What the spec says and a run does not do."""
    activities = (*spec.activities, *(a for w in spec.workflows for a in w.activities))
    named = [f"{a.name} (runs {a.runs.kind})" for a in activities if a.runs is not None]
    if not named:
        return ()
    more = f" and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
    return (f"simulated, not executed: {', '.join(named[:MOST_NAMED])}{more}",)


def _options(
    args: argparse.Namespace, system: TransitionSystem, file: str, source: str
) -> RunOptions:
    answers: Answers | None = load_answers(args.answers, system) if args.answers else None
    until = _until(args)
    more = {} if args.max_steps is None else {"max_steps": args.max_steps}
    return RunOptions(
        seed=args.seed,
        scheduler=args.scheduler or "",
        answers=answers,
        set_values=tuple(args.set),
        until=until,
        source=_where(file),
        spec_sha256=spec_hash(source),
        noted={} if args.instances is None else {"instances": args.instances},
        **more,
    )


def _until(args: argparse.Namespace) -> Fraction | None:
    until: Fraction | None = read_duration(args.until) if args.until else None
    if until is not None and until < 0:
        raise ValueError(f"--until {args.until}: a run begins at 0, so stop it at 0 or later")
    return until


def _arrivals(spec: Spec, until: Fraction | None) -> int | None:
    """How many instances have arrived by then, where there is no end of them; not too many."""
    if until is None or spec.system is None:
        return None
    most = [
        until // i.arrive.value + 1
        for i in spec.system.instances
        if isinstance(i.arrive, ast.DurationLit) and i.count is None and i.arrive.value > 0
    ]
    return min(MOST_ARRIVALS, max(most)) if most else None


def _few(instances: object) -> tuple[int, int] | None:
    """So many of each workflow of which the spec has any number."""
    return (instances, instances) if isinstance(instances, int) else None


def _where(file: str) -> str:
    """What a log calls the spec, wherever it is read."""
    return file if file == STDIN else os.path.abspath(file).encode(errors="replace").decode()


def _runs(
    args: argparse.Namespace, system: TransitionSystem, options: RunOptions, kept: Keeper
) -> Iterator[RunResult]:
    plan = build_plan(system)
    progress = Progress()
    try:
        for number in range(args.runs):
            if number:
                progress(f"run {number} of {args.runs}")
            yield run_once(system, replace(options, seed=args.seed + number), kept.next(), plan)
    finally:
        progress.clear()


def replay(args: argparse.Namespace) -> int:
    """Rebuilds the state of each run from the log's events, and fires the spec's rules beside them.

    Status 1 when the log does not agree with itself or with the spec, 2 when it is no log.
    A counterexample (`--certify`) is taken again instead.
    """
    if args.log.endswith(".json") and os.path.isfile(args.log):
        from . import rechecking

        return rechecking.replayed(args.log)
    name = STDIN if args.log == "-" else args.log
    specs = _Specs()
    progress = Progress()
    found: list[LogReplay] = []
    try:
        with readable(args.log) as path:
            for one in replay_runs(path, specs.plan, args.run, name):
                progress(f"run {one.run}")
                found.append(replace(one, state=()))
    except LogError as error:
        complain(str(error))
        return Exit.USAGE
    finally:
        progress.clear()
    write(simulation.replayed(name, found, tuple(specs.notes)))
    return Exit.PROVED if all(one.ok for one in found) else Exit.REFUTED


class _Specs:
    """The specs that a log names, each read once; what cannot be compared with them is noted."""

    def __init__(self) -> None:
        self.notes: dict[str, None] = {}
        # By file, and by how many instances stand for any number: the hash of its text.
        self._plans: dict[tuple[str, object], tuple[str, Plan | None]] = {}

    def plan(self, info: RunInfo) -> Plan | None:
        source = info.source
        if source == STDIN:
            self.notes["the spec came from stdin: only the events are compared"] = None
            return None
        few, room = info.options.get("instances"), info.options.get("room")
        key = source, (few, room)
        if key not in self._plans:
            text = source_of(source)
            self._plans[key] = spec_hash(text) if text else "", None
        sha256, plan = self._plans[key]
        if not sha256:
            self.notes[f"the spec {source} cannot be read: only the events are compared"] = None
        elif sha256 != info.spec_sha256:
            self.notes[f"the spec {source} was changed since: only the events are compared"] = None
        elif plan is None:
            plan = build_plan(_with_room(load_spec(source), few, room))
            self._plans[key] = sha256, plan
        return plan if sha256 == info.spec_sha256 else None
