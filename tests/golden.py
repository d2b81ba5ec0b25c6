"""The golden pairs of tests/cases: a spec, and what the design says of it.

NAME.expect begins with the command.  Then, in any order:

    exit N                     the exit status
    VERDICT check: name        a line of the table; `VERDICT?` also allows UNKNOWN
    PROVED check               also: each line of that check
    TRIVIAL check: name        PROVED with a warning; PLAIN: without one
    E0123                      an error of that code (with exit 2)
    E0123 LINE:COLUMN          the same with its place: then every error is listed
    xfail: REASON              the tool is known to be wrong here
    # text                     why

A REFUTED or UNKNOWN at level error that is not listed is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from zlib import crc32

from wfverify.dsl import ast, load_text
from wfverify.dsl.errors import Rejected
from wfverify.interpreter.retrace import replay
from wfverify.interpreter.simulation import simulator
from wfverify.interpreter.timing import schedule
from wfverify.report.outcome import (
    Report,
    Status,
    exit_status,
    fails,
    is_open,
    status,
    title,
    trivial,
)
from wfverify.semantics.lower import lower
from wfverify.semantics.system import TransitionSystem
from wfverify.verifier.checks.enough import enough
from wfverify.verifier.growth import fitted
from wfverify.verifier.portfolio import Options, verify
from wfverify.verifier.verdict import Result

CASES = Path(__file__).parent / "cases"


@dataclass(frozen=True)
class Expected:
    options: Options
    exit: int
    verdicts: tuple[tuple[str, str], ...]  # (verdict, title)
    codes: tuple[str, ...]
    xfail: str


@dataclass(frozen=True)
class Outcome:
    exit: int
    results: tuple[Result, ...]
    codes: tuple[str, ...]
    spec: ast.Spec | None
    system: TransitionSystem | None


def names() -> list[str]:
    return sorted(p.stem for p in CASES.glob("*.wf"))


def expected(name: str) -> Expected:
    command, *lines = (CASES / f"{name}.expect").read_text().splitlines()
    words = command.split()
    assert words[:2] == ["wfverify", f"{name}.wf"], command
    given = words[2:]
    timeout, strict = 60.0, False
    while given:
        match given.pop(0):
            case "--timeout":
                timeout = float(given.pop(0))
            case "--strict":
                strict = True
            case other:
                raise AssertionError(f"{name}.expect: {other}")
    status_, xfail = -1, ""
    verdicts: list[tuple[str, str]] = []
    codes: list[str] = []
    for line in lines:
        word, _, rest = line.partition(" ")
        if not line or word == "#":
            continue
        if word == "exit":
            status_ = int(rest)
        elif word == "xfail:":
            xfail = rest
        elif word.startswith("E0"):
            codes.append(line)
        else:
            verdicts.append((word, rest))
    options = Options(timeout=timeout, strict=strict)
    return Expected(options, status_, tuple(verdicts), tuple(codes), xfail)


def one_in(every: int, names: Iterable[str]) -> list[str]:
    """One of so many.  A new case takes no other's place, so what was looked at stays."""
    return [n for n in names if crc32(n.encode()) % every == 0]


@cache
def outcome(name: str) -> Outcome:
    """What the tool says; each case is verified once."""
    file = f"{name}.wf"
    try:
        spec = load_text((CASES / file).read_text(), file)
        system = lower(spec, room=1)
    except Rejected as error:
        codes = tuple(
            f"{d.code} {d.span.line}:{d.span.col}"
            for d in error.diagnostics
            if d.code.startswith("E")
        )
        return Outcome(2, (), codes, None, None)
    options = expected(name).options
    # Refutations under a declared scheduler are mostly found by running it, as are waits for what
    # comes from outside, what comes of the end of a lease, what piles up, and what takes more
    # instances than a few.
    run = any(c.environment for c in spec.channels) or any(r.lease for r in spec.resources)
    run |= any(g.between is not None for g in system.any_number)
    run |= bool(system.any_number) and enough(system) is not None
    simulate = simulator if system.in_order or run else None
    fit = fitted(spec, system, options, replay, schedule, simulate)
    system = fit.system
    found = verify(
        spec,
        system,
        options,
        replay=replay,
        schedule=schedule,
        simulate=simulate,
        growth=fit.growth,
    )
    results = tuple(found)
    code = int(exit_status(Report(file, results=results, system=system)))
    return Outcome(code, results, (), spec, system)


def _how(r: Result) -> str:
    if status(r) is not Status.PROVED:
        return str(status(r))
    return "TRIVIAL" if trivial(r) else "PLAIN"


def mismatches(name: str) -> list[str]:
    """How the tool's answer differs from what is expected, a line each."""
    want, got = expected(name), outcome(name)
    out = []
    known = {*got.codes, *(code.split()[0] for code in got.codes)}
    for code in want.codes:
        if code not in known:
            out.append(f"expected error {code}, got {', '.join(got.codes) or 'none'}")
    if any(" " in code for code in want.codes):
        out += [f"{code}: not expected" for code in got.codes if code not in want.codes]
    if want.exit == 2 or got.exit == 2:
        return out if want.exit == got.exit else [*out, f"exit {got.exit}, expected {want.exit}"]
    listed: set[str] = set()
    open_ = False  # something that may be unknown is
    for verdict, what in want.verdicts:
        listed.add(what)
        lines = [r for r in got.results if title(r) == what]
        if not lines and verdict.startswith("PROVED"):
            # The check as a whole: each of its lines.
            lines = [r for r in got.results if r.check == what]
            listed |= {title(r) for r in lines}
            if {str(status(r)) for r in lines} - {verdict.rstrip("?")}:
                lines = [r for r in lines if str(status(r)) != verdict.rstrip("?")]
        if not lines:
            out.append(f"{what}: no such line in the table")
            continue
        if verdict in ("TRIVIAL", "PLAIN"):
            words = {_how(r) for r in lines}
        else:
            words = {str(status(r)) for r in lines}
        allowed = {verdict.rstrip("?")} | ({"UNKNOWN"} if verdict.endswith("?") else set())
        open_ |= any(is_open(r) and verdict.endswith("?") for r in lines)
        if not words & allowed:
            why = [getattr(r.verdict, "message", getattr(r.verdict, "why", "")) for r in lines]
            out.append(f"{what}: {', '.join(sorted(words))}, expected {verdict} ({why[0]})")
    for r in got.results:
        if title(r) not in listed and (fails(r) or is_open(r)):
            why = getattr(r.verdict, "message", getattr(r.verdict, "why", ""))
            out.append(f"{title(r)}: {status(r)}, not expected ({why})")
    if got.exit != want.exit and not (open_ and got.exit == 3 and want.exit in (0, 1)):
        out.append(f"exit {got.exit}, expected {want.exit}")
    return out
