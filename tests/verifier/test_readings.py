"""Claims about times that were read, against all runs of small specs, half second by half second.

`_breaks` plays the steps on plain tuples, without any rule of `semantics`; what it finds is a run,
so no claim that it breaks may be PROVED.  That a refutation is a run is for the interpreter to say.
"""

from __future__ import annotations

import os
import random
from collections import Counter

import pytest
from wfverify.dsl import load_text
from wfverify.interpreter import replay, schedule
from wfverify.semantics.lower import lower
from wfverify.verifier.checks import readings
from wfverify.verifier.session import Options, Session
from wfverify.verifier.verdict import Proved, Refuted, Verdict

# A longer campaign: WFVERIFY_SEEDS=0..1000 pytest tests/verifier/test_readings.py
SEEDS = range(*map(int, os.environ.get("WFVERIFY_SEEDS", "0..40").split("..")))
STATES = 60_000
PARTS = 2  # of a second

Term = tuple[object, ...]
FORMS = ("now - t", "now - u", "now", "d", "u - t", "t - u", "t")
OPS = ("<=", "<", ">=", ">")


class TooMuch(Exception):
    """Not a small one."""


def _terms(rng: random.Random, depth: int) -> list[Term]:
    out: list[Term] = []
    for _ in range(rng.randint(2, 4)):
        match rng.randrange(7):
            case 0 | 1:
                out.append(("stamp", rng.choice("ttu")))
            case 2:
                out.append(("span", rng.choice("tu"), rng.randint(0, 1)))
            case 3 | 4 | 5:
                least = rng.randint(0, 2)
                out.append(("act", least, least + rng.choice((0, 1)), rng.random() < 0.4))
            case _ if depth:
                parts = tuple(_terms(rng, 0)), tuple(_terms(rng, 0))
                out.append(("if", *_comparison(rng), *parts))
    return out


def _comparison(rng: random.Random) -> tuple[str, str, int]:
    return rng.choice(FORMS), rng.choice(OPS), rng.randint(0, 4)


def _made(seed: int) -> list[list[Term]]:
    rng = random.Random(seed)
    out = []
    for _ in range(rng.choice((1, 1, 2))):
        body = _terms(rng, 1)
        if rng.random() < 0.3:
            body = [("twice", tuple(body))]
        out.append([*body, ("claim", rng.choice(FORMS), rng.choice(OPS), 0)])
    return [[*b, (*c[:3], _near(out, p, c, rng))] for p, (*b, c) in enumerate(out)]


def _near(processes: list[list[Term]], p: int, claim: Term, rng: random.Random) -> int:
    """A limit that just holds, or just does not."""
    values = _values(processes, p, claim)
    least, most = min(values) // PARTS, -(-max(values) // PARTS)
    return (most if claim[2] in ("<=", "<") else least) + rng.choice((-1, 0, 0, 0, 1))


def _shown(term: Term, acts: list[str]) -> str:
    match term:
        case ("stamp", x):
            return f"{x} := now"
        case ("span", x, more):
            return f"d := now - {x}" + (f" + {more}s" if more else "")
        case ("act", a, b, locked):
            name = f"a{len(acts)}"
            uses = "uses r exclusive" if locked else ""
            acts.append(f"  activity {name} {{ takes {a}s..{b}s {uses} }}")
            return name
        case ("claim", form, op, limit):
            return f"assert {form} {op} {limit}s"
        case ("if", form, op, limit, yes, no):
            return f"if ({form} {op} {limit}s) {{ {_all(yes, acts)} }} else {{ {_all(no, acts)} }}"
        case ("twice", body):
            return f"each i in 1..2 seq {{ {_all(body, acts)} }}"
    raise AssertionError(term)


def _all(terms: object, acts: list[str]) -> str:
    assert isinstance(terms, list | tuple)
    return " ; ".join(_shown(t, acts) for t in terms) or "skip"


def _text(processes: list[list[Term]]) -> str:
    out = ["resource r : lock"]
    for number, body in enumerate(processes):
        acts: list[str] = []
        run = _all(body, acts)
        variables = "".join(f"  var {x}: duration = 0s\n" for x in "tud")
        lines = "".join(f"{a}\n" for a in acts)
        out.append(f"workflow p{number} {{\n{variables}{lines}  run {{ {run} }}\n}}")
    return "\n".join(out) + "\n"


# --- all runs ----------------------------------------------------------------------------------

Process = tuple[tuple[Term, ...], int, bool, tuple[int, int, int]]  # rest, time left, runs, t u d


def _breaks(processes: list[list[Term]]) -> bool:
    """Is there a run that breaks a claim?"""
    return any(
        not _compare(c, v) for p, (*_, c) in enumerate(processes) for v in _values(processes, p, c)
    )


def _values(processes: list[list[Term]], p: int, claim: Term) -> set[int]:
    """What is compared in the last claim of a process."""
    found: set[int] = set()
    begun: tuple[Process, ...] = tuple((tuple(b), 0, False, (0, 0, 0)) for b in processes)
    todo = [(begun, 0, -1)]
    seen = set(todo)
    while todo:
        at, now, holder = todo.pop()
        if len(seen) > STATES:
            raise TooMuch
        after: list[tuple[tuple[Process, ...], int, int]] = []
        urgent = False
        for number, (rest, left, runs, values) in enumerate(at):
            if not rest or (runs and left):
                continue
            term, more = rest[0], rest[1:]
            if term[0] == "act" and not runs:
                if term[3] and holder >= 0:
                    continue
                urgent = True
                for duration in range(PARTS * int(term[1]), PARTS * int(term[2]) + 1):  # type: ignore[call-overload]
                    new: Process = (rest, duration, True, values)
                    after.append(
                        ((*at[:number], new, *at[number + 1 :]), now, number if term[3] else holder)
                    )
                continue
            urgent = True
            if term[0] == "act":
                new = (more, 0, False, values)
                after.append(
                    ((*at[:number], new, *at[number + 1 :]), now, -1 if term[3] else holder)
                )
                continue
            if term[0] == "claim" and number == p:
                found.add(_form(claim, now, values))
            new = _stepped(term, more, now, values)
            after.append(((*at[:number], new, *at[number + 1 :]), now, holder))
        if not urgent and any(runs for _, _, runs, _ in at):
            later = tuple((r, left - 1 if runs else 0, runs, v) for r, left, runs, v in at)
            after.append((later, now + 1, holder))
        for state in after:
            if state not in seen:
                seen.add(state)
                todo.append(state)
    return found


def _stepped(term: Term, more: tuple[Term, ...], now: int, values: tuple[int, int, int]) -> Process:
    t, u, d = values
    match term:
        case ("stamp", "t"):
            return more, 0, False, (now, u, d)
        case ("stamp", "u"):
            return more, 0, False, (t, now, d)
        case ("span", x, c):
            assert isinstance(c, int)
            return more, 0, False, (t, u, now - (t if x == "t" else u) + PARTS * c)
        case ("if", _, _, _, yes, no):
            chosen = yes if _compare(term, _form(term, now, values)) else no
            assert isinstance(chosen, tuple)
            return (*chosen, *more), 0, False, values
        case ("twice", body):
            assert isinstance(body, tuple)
            return (*body, *body, *more), 0, False, values
    return more, 0, False, values


def _form(term: Term, now: int, values: tuple[int, int, int]) -> int:
    t, u, d = values
    forms = {"now - t": now - t, "now - u": now - u, "now": now, "d": d}
    return (forms | {"u - t": u - t, "t - u": t - u, "t": t})[str(term[1])]


def _compare(term: Term, x: int) -> bool:
    limit = PARTS * int(term[3])  # type: ignore[call-overload]
    return {"<=": x <= limit, "<": x < limit, ">=": x >= limit, ">": x > limit}[str(term[2])]


def _decided(text: str) -> Verdict | None:
    system = lower(load_text(text, "times.wf"))
    goals = [o for o in system.obligations if o.check == "assert"]
    session = Session(system, Options(timeout=20), replay, schedule)
    return readings.decided(session, goals)


@pytest.mark.parametrize("part", range(4))
def test_what_is_proved_of_times_holds_at_all_times(part: int) -> None:
    counts: Counter[str] = Counter()
    for seed in SEEDS[part::4]:
        try:
            processes = _made(seed)
            breaks = _breaks(processes)
        except TooMuch:
            continue
        text = _text(processes)
        found = _decided(text)
        assert not (breaks and isinstance(found, Proved)), f"seed {seed}\n{text}"
        counts[f"{type(found).__name__} {breaks}"] += 1
    print(dict(counts))
    assert counts["Proved False"] and counts["Refuted True"]
    assert counts["NoneType True"] + counts["NoneType False"] <= counts.total() / 5


@pytest.mark.parametrize(
    ("claim", "kind"),
    [
        ("now - t <= 3s", Proved),
        ("now - t < 3s", Refuted),
        ("now - t >= 1s", Proved),
        ("now - t > 1s", Refuted),
        ("not (now - t > 3s)", Proved),
        ("now <= 3s", Refuted),
        ("now - t >= 1s or x", Proved),
        ("now - t >= 2s or not x", Proved),
    ],
)
def test_at_the_very_limit(claim: str, kind: type[Verdict]) -> None:
    """Two branches, of which the longer takes 1 to 3 seconds, again and again."""
    text = f"""
workflow w {{
  var t: duration = 0s
  var x: bool = false
  activity a {{ takes 1s..2s }}
  activity b {{ takes 1s..3s }}
  run {{ while (true) {{ t := now ; {{ a || b }} ; x := BODY ; assert {claim} }} }}
}}
""".replace("BODY", "now - t > 2s" if " x" in claim else "false")
    assert isinstance(_decided(text), kind)
