"""`wfverify equiv`, `lts`, `migrate` and `minimise`: systems as what an observer sees of them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from ..dsl.ast import Spec
from ..dsl.errors import Rejected
from ..dsl.source import read
from ..report.outcome import Exit
from ..semantics.observing import View, activity_name, data_names
from ..semantics.system import AnyNumber, TransitionSystem
from ..verifier.equivalence.behaviour import Exploring, Size
from ..verifier.equivalence.findings import LEVELS, Asked, Comparison
from ..verifier.equivalence.lts import Lts
from ..verifier.equivalence.runs import Limits, OutOfReach
from ..verifier.equivalence.spectrum import Under
from .interrupts import stopping_solver
from .loading import load_spec, load_specs, load_two, opened, say_rejected
from .terminal import Progress, complain, style, write

AUT = ".aut"
STATES = 200_000
SECONDS = 30.0
OPTIONS = ("workflow", "observing", "rename", "hide")  # of specs


def run(command: str, args: argparse.Namespace) -> int:
    """Prints what was asked; the status is that of docs/equivalence.md."""
    progress = Progress()
    try:
        with stopping_solver():
            if command == "equiv":
                return _equiv(args, progress)
            if command == "migrate":
                if any(p.endswith(".aut") for p in (args.left, args.right)):
                    raise _Misused("migrate is for specs; a .aut file has no places")
                return _migrate(args, progress)
            return _written(command, args, progress)
    except Rejected as error:
        progress.clear()
        say_rejected(error.diagnostics)
        return Exit.USAGE
    except _Misused as error:
        complain(str(error))
        return Exit.USAGE
    except OutOfReach as error:
        progress.clear()
        complain(f"not known: {error}")
        return Exit.UNKNOWN
    finally:
        progress.clear()


class _Misused(Exception):
    """What is wrong with the options."""


# --- one system ----------------------------------------------------------------------------------


def _written(command: str, args: argparse.Namespace, progress: Progress) -> int:
    from ..verifier.equivalence.aut import write as as_aut
    from ..verifier.equivalence.minimise import minimise

    progress("looking at all states")
    lts = _lts(args)
    if command == "minimise":
        progress(f"minimising {lts.states} states")
        lts = minimise(lts, Under(args.under or Under.BRANCHING), Limits(seconds=_seconds(args)))
    text = as_aut(lts)
    if args.output is None:
        write(text)
    else:
        Path(args.output).write_text(text, encoding="utf-8")
    return Exit.PROVED


def _lts(args: argparse.Namespace) -> Lts:
    from ..verifier.equivalence.aut import read as from_aut

    if args.spec.endswith(AUT):
        _no_options_of_specs(args)
        return from_aut(read(args.spec), args.spec)
    (system,) = _systems([args.spec], args.workflow)[1]
    for several in system.any_number:
        complain(_only_few(several))
    asked = _asked(args, [system])
    observed = asked.observed if asked.observed is not None else tuple(data_names(system))
    view = View(observed, asked.watched, asked.rename[0], asked.hide)
    return Exploring(system, view, size=asked.size).explore().lts()


def _only_few(several: AnyNumber) -> str:
    name, most = several.workflow, len(several.members)
    which = f"{'up to ' if several.number is not None else ''}{most}"
    return (
        f"{name}[*] stands for any number of instances; only systems with {which} of them are "
        f"shown. For another number write {name}[N]; for one alone, --workflow {name}"
    )


# --- two systems ---------------------------------------------------------------------------------


def _equiv(args: argparse.Namespace, progress: Progress) -> int:
    from ..report.equivalence import as_json, as_text, exit_status
    from ..verifier.equivalence.workflows import INCLUDED

    paths = args.left, args.right
    aut = [p.endswith(AUT) for p in paths]
    if any(aut):
        if not all(aut):
            raise _Misused("a .aut file is compared with another one")
        under = args.under or Under.BRANCHING.value
        if under not in LEVELS[:-1]:
            raise _Misused("a .aut file has no outcomes; --under trace is the coarsest")
    else:
        under = args.under or LEVELS[-1]
    if args.refines and under not in INCLUDED:
        raise _Misused(f"--refines is known under {', '.join(INCLUDED)}; not under {under}")
    progress("looking at all states")
    decide = _of_files if all(aut) else _of_specs
    if args.certify and any(aut):
        raise _Misused("--certify is for specs; of .aut files there is no claim to be made again")
    if args.certify and "-" in paths:
        raise _Misused("--certify names the files that were compared; - is none")
    names, found = decide(args, paths)
    kept = ""
    if args.certify:
        progress("writing certificates")
        kept = _certified(args, paths, found, under)
    progress.clear()
    if args.format == "json":
        write(json.dumps(as_json(found, names, under), indent=2, ensure_ascii=False) + "\n")
    else:
        write(as_text(found, names, under, style(args.verbose), args.refines))
    if kept:
        complain(kept)
    return exit_status(found.levels, under)


Compared = tuple[tuple[str, str], Comparison]


def _of_files(args: argparse.Namespace, paths: tuple[str, str]) -> Compared:
    from ..verifier.equivalence.aut import read as from_aut
    from ..verifier.equivalence.workflows import compare_lts

    _no_options_of_specs(args)
    left, right = load_two(paths, lambda path: from_aut(read(path), path))
    if args.refines:
        return (paths[1], paths[0]), compare_lts(right, left, _size(args), inclusion=True)
    return paths, compare_lts(left, right, _size(args))


def _of_specs(args: argparse.Namespace, paths: tuple[str, str]) -> Compared:
    from ..semantics.lower.between import alike
    from ..verifier.equivalence.workflows import compare_specs

    (one, other), (left, right) = _chosen(paths, args.workflow)

    @cache
    def lowered() -> list[TransitionSystem]:
        return alike([left, right])

    # Where no names are to be looked up, terms may decide before there are rules.
    asked = _asked(args, lowered() if any(map(args.__dict__.get, OPTIONS[1:])) else [])
    if args.refines:
        asked = replace(asked, rename=(asked.rename[1], asked.rename[0]))
        found = compare_specs((right, left), lambda: lowered()[::-1], asked, inclusion=True)
        return (other, one), found
    return (one, other), compare_specs((left, right), lowered, asked)


def _certified(
    args: argparse.Namespace, paths: tuple[str, str], found: Comparison, under: str
) -> str:
    """Writes what shows the answers; what to say of it."""
    from ..semantics.lower.between import Options
    from .certifying_pairs import certify
    from .rechecking_pairs import Pair

    one, other = (load_spec(*opened(p)) for p in paths)
    options = Options(
        args.workflow or "",
        ",".join(args.observing or ()),
        ",".join(f"{a}={b}" for a, b in args.rename),
        ",".join(args.hide),
    )
    kind = "refines" if args.refines else "equivalent"
    pair = Pair(paths, (one, other), options)
    return certify(pair, found, kind, under, Path(args.certify), _seconds(args))


def _migrate(args: argparse.Namespace, progress: Progress) -> int:
    from ..report.migration import as_json, as_text, exit_status
    from ..verifier.equivalence.workflows import upgrading

    progress("looking at all states")
    names, (old, new) = _systems((args.left, args.right), args.workflow)
    found = upgrading(old, new, _asked(args, [old, new]))
    progress.clear()
    if args.format == "json":
        write(json.dumps(as_json(found), indent=2, ensure_ascii=False) + "\n")
    else:
        write(as_text(found, names[1], style(False)))
    return exit_status(found)


# --- options -------------------------------------------------------------------------------------


def _systems(
    paths: Sequence[str], workflow: str | None
) -> tuple[list[str], list[TransitionSystem]]:
    """What each is called, and its rules.  Raises `Rejected`."""
    from ..semantics.lower.between import alike

    names, found = _chosen(paths, workflow)
    return names, alike(found)


def _chosen(paths: Sequence[str], workflow: str | None) -> tuple[list[str], list[Spec]]:
    """What each is called, and what is looked at of it.  Raises `Rejected`."""
    from ..semantics.lower.between import chosen

    wanted = [None] * len(paths) if workflow is None else workflow.split(",")
    if len(wanted) == 1:
        wanted *= len(paths)
    if len(wanted) != len(paths):
        raise _Misused("--workflow takes one name, or OLD,NEW")
    specs = load_specs(paths)
    same = len(set(paths)) < len(paths)
    if same and workflow is None and len(specs[0].workflows) > 1:
        raise _Misused("this is one file; say which of its workflows with --workflow OLD,NEW")
    names = [w if w and same else p for p, w in zip(paths, wanted, strict=True)]
    if len(names) > 1 and len(set(names)) == 1:
        names = [f"the first {names[0]}", f"the second {names[1]}"]
    return names, chosen(specs, workflow or "")


def _asked(args: argparse.Namespace, systems: Sequence[TransitionSystem]) -> Asked:
    """The options, with their names looked up."""
    data = [data_names(s) for s in systems]
    for name in args.observing or ():
        if not any(name in d for d in data):
            raise _Misused(_unknown("variable", name, {n for d in data for n in d}))
    seen = [_seen(s) for s in systems]
    for name in args.hide:
        if not any(name in s for s in seen):
            raise _Misused(_unknown("activity or channel", name, {n for s in seen for n in s}))
    renamed = [name for name, _ in args.rename]
    for name in renamed:
        if name not in seen[0]:
            raise _Misused(_unknown("activity or channel", name, seen[0]))
        if renamed.count(name) > 1:
            raise _Misused(f"--rename gives `{name}` two names")
    observing = None if args.observing is None else tuple(args.observing)
    return Asked(
        observing,
        observing or (),
        (dict(args.rename), {}),
        frozenset(args.hide),
        _size(args),
    )


def _seen(system: TransitionSystem) -> set[str]:
    activities = {activity_name(system, r.activity) for r in system.rules if r.activity}
    return activities | {r.channel for r in system.rules if r.channel}


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    near = get_close_matches(name, names, 1, 0.5)
    hint = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(names) or 'none'}"
    return f"there is no {what} `{name}`; {hint}"


def _no_options_of_specs(args: argparse.Namespace) -> None:
    for name in OPTIONS:
        if getattr(args, name):
            raise _Misused(f"--{name} is for specs; a .aut file has labels only")


def _seconds(args: argparse.Namespace) -> float:
    return float(args.timeout or SECONDS)


def _size(args: argparse.Namespace) -> Size:
    return Size(args.max_states or STATES, _seconds(args))
