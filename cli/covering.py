"""`wfverify coverage SPEC`: which steps do its proofs rest on?"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from ..dsl.ast import Spec
from ..dsl.errors import Rejected
from ..dsl.rendering import excerpt
from ..report.outcome import Exit
from ..semantics.system import TransitionSystem
from ..verifier.used import Rests, Step, rests, steps
from .interrupts import stopping_solver
from .loading import load_spec, opened, say_rejected
from .terminal import Progress, complain, write

BUDGET = 60.0  # seconds


def run(args: argparse.Namespace) -> int:
    """Prints what each proof rests on; 0 if each step is in that of a stated property, else 1."""
    file, text = opened(args.spec)
    progress = Progress()
    try:
        spec = load_spec(file, text)
        system, proofs = _proofs(spec, args, progress)
    except Rejected as error:
        say_rejected(error.diagnostics)
        return Exit.USAGE
    except KeyboardInterrupt:
        complain("interrupted before everything was verified")
        return Exit.INTERRUPTED
    finally:
        progress.clear()
    places = steps(system)
    bare = _bare(places, proofs)
    if args.format == "json":
        write(json.dumps(_json(spec, places, proofs), indent=2, ensure_ascii=False) + "\n")
    else:
        write(_text(spec, places, proofs, args.verbose))
    return Exit.REFUTED if bare else Exit.PROVED


def _proofs(
    spec: Spec, args: argparse.Namespace, progress: Progress
) -> tuple[TransitionSystem, list[Rests]]:
    from ..interpreter import replay, schedule, simulator
    from ..semantics.lower import lower
    from ..verifier.portfolio import SAFETY, verify
    from ..verifier.session import Options

    system = lower(spec)
    options = Options(only=tuple(args.only) or SAFETY, timeout=args.timeout or BUDGET)
    progress("verifying")
    with stopping_solver():
        results = verify(
            spec, system, options, replay=replay, schedule=schedule, simulate=simulator
        )
    return system, rests(system, results, SAFETY)


def _bare(places: Sequence[Step], proofs: Sequence[Rests]) -> list[Step]:
    """Steps that no stated property rests on."""
    used = frozenset[int]().union(*(p.rules for p in proofs if p.stated))
    return [s for s in places if not s.rules & used]


def _text(spec: Spec, places: Sequence[Step], proofs: Sequence[Rests], verbose: bool) -> str:
    out: list[str] = []
    names = {id(p): f"{p.check}: {p.name}" if p.name else p.check for p in proofs}
    width = max(map(len, names.values()), default=0)
    for p in proofs:
        mine = [s for s in places if s.rules & p.rules]
        out.append(f"{names[id(p)]:{width}}  {len(mine)} of {len(places)} steps  {p.engine}")
        if verbose:
            out += [f"    {s.span}: {s.what}" for s in mine]
    bare = _bare(places, proofs)
    if bare:
        out += ["", "steps that no property of the spec rests on:"]
        for s in bare:
            built_in = sorted({p.check for p in proofs if s.rules & p.rules})
            more = f" (only {', '.join(built_in)})" if built_in else ""
            out.append(f"{s.span}: {s.what}{more}")
            out += [f"    {line}" for line in excerpt(spec.source, s.span)]
    stated = sum(p.stated for p in proofs)
    out += [
        "",
        f"{spec.file}: {len(places) - len(bare)} of {len(places)} steps in the proofs of "
        f"{stated} {'property' if stated == 1 else 'properties'}",
    ]
    return "\n".join(out).lstrip("\n") + "\n"


def _json(spec: Spec, places: Sequence[Step], proofs: Sequence[Rests]) -> dict[str, object]:
    def step(s: Step) -> dict[str, object]:
        return {"what": s.what, "line": s.span.line, "column": s.span.col}

    return {
        "file": spec.file,
        "steps": [step(s) for s in places],
        "proofs": [
            {
                "check": p.check,
                "name": p.name,
                "engine": p.engine,
                "stated": p.stated,
                "steps": [k for k, s in enumerate(places) if s.rules & p.rules],
            }
            for p in proofs
        ],
        "bare": [k for k, s in enumerate(places) if s in _bare(places, proofs)],
    }
