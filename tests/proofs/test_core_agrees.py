"""The core in Coq means what the language means: random terms end alike in both.

Coq runs `endings` of proofs/theory/Interpreter.v, which is proved to take the steps of the model;
the tool explores the rules that it lowers the same text to.  Terms are tuples:

    ("act", "a" | "b") ("set", n) ("fail", E) ("skip",) ("stuck",)
    ("seq", t, t) ("par", t, t) ("choice", t, t) ("if", c, t, t) ("while", c, t) ("try", t, E, t)

Data: `n` (0..2), and `log`, to which `a` appends the digit 1 and `b`, which may fail with E, 2.
"""

from __future__ import annotations

import ast
import runpy
import shutil
from pathlib import Path
from random import Random

import pytest
from lowered import run
from naive import TooBig

ROOT = Path(__file__).parents[2]
theory = runpy.run_path(str(ROOT / "bench" / "theory.py"))
pytestmark = pytest.mark.skipif(shutil.which("coqc") is None, reason="there is no coqc")

Term = tuple
STEPS = 16
ERRORS = {"E": 0, "F": 1}


def random_term(r: Random, size: int) -> Term:
    if size <= 1:
        kinds = ["act"] * 5 + ["set"] * 2 + ["fail"] * 2 + ["skip", "stuck"]
        match r.choice(kinds):
            case "act":
                return ("act", r.choice("ab"))
            case "set":
                return ("set", r.randrange(3))
            case "fail":
                return ("fail", r.choice("EF"))
            case other:
                return (other,)
    a = r.randint(1, size - 1)
    first, second = random_term(r, a), random_term(r, size - a)
    match r.choice(["seq", "seq", "par", "par", "choice", "if", "while", "try"]):
        case "if":
            return ("if", r.randrange(2), first, second)
        case "while":
            # Most of these end: the body makes its test false, unless something else undoes that.
            c = r.randrange(2)
            return ("while", c, ("seq", first, ("set", r.choice([c, c + 1, c + 1, c + 1]))))
        case "try":
            return ("try", first, r.choice("EF*"), second)
        case other:
            return (other, first, second)


def text(t: Term) -> str:
    kind, *rest = t
    match kind:
        case "act":
            return str(rest[0])
        case "set":
            return f"{{ n := {rest[0]} }}"
        case "fail":
            return f"fail {rest[0]}"
        case "stuck":
            return "wait until (n == 7)"
        case "seq" | "par" | "choice":
            sign = {"seq": ";", "par": "||", "choice": "+"}[kind]
            return f"{{ {text(rest[0])} {sign} {text(rest[1])} }}"
        case "if":
            return f"if (n == {rest[0]}) {{ {text(rest[1])} }} else {{ {text(rest[2])} }}"
        case "while":
            return f"while (n == {rest[0]}) {{ {text(rest[1])} }}"
        case "try":
            return f"try {{ {text(rest[0])} }} catch {rest[1]} {{ {text(rest[2])} }}"
    return str(kind)


def spec(t: Term) -> str:
    return f"""
error E permanent
error F permanent
workflow w() fails E, F {{
  var n: int = 0
  var log: int = 0
  activity a {{ do {{ log := log * 3 + 1 }} }}
  activity b {{ do {{ log := log * 3 + 2 }} fails E }}
  run {{ {text(t)} }}
}}
system {{ w }}
"""


def coq(t: Term) -> str:
    kind, *rest = t
    match kind:
        case "act":
            return str(rest[0])
        case "set":
            return f"(Assign 0 (Const {rest[0]}))"
        case "fail":
            return f"(Fail {ERRORS[rest[0]]})"
        case "if":
            return f"(If (is {rest[0]}) {coq(rest[1])} {coq(rest[2])})"
        case "while":
            return f"(While (is {rest[0]}) {coq(rest[1])})"
        case "try":
            caught = "Any" if rest[1] == "*" else f"(Only {ERRORS[rest[1]]})"
            return f"(Try {coq(rest[0])} {caught} {coq(rest[2])})"
    return " ".join([f"({kind.capitalize()}", *map(coq, rest)]) + ")"


HEAD = """From Theory Require Import Interpreter.
Definition digit d := Op (fun v _ => 3 * v + d) (Var 1) (Const 0).
Definition a := Act {| name := 1; effect := [(1, digit 1)]; fails := [] |}.
Definition b := Act {| name := 2; effect := [(1, digit 2)]; fails := [0] |}.
Definition is c := Op (fun v w => if v =? w then 1 else 0) (Var 0) (Const c).
Definition shown (x : ending) :=
  match x with Completed s => (2, s) | Aborted e s => (e, s) | Waits s => (3, s) end.
Definition all p := match endings STEPS [0] [0; 0] p with Some l => [map shown l] | None => [] end.
Set Printing Width 1000000. Set Printing Depth 1000000.
""".replace("STEPS", str(STEPS))
ENDINGS = {0: "failed E", 1: "failed F", 2: "completed", 3: "stuck"}


def in_coq(terms: list[Term], build: Path) -> list[set[tuple[str, int, int]] | None]:
    """How each term ends; None where a run is too long."""
    for name in ("Syntax", "Semantics", "Interpreter"):
        shutil.copy(theory["SOURCES"] / f"{name}.v", build)
        assert theory["coqc"](name, build).returncode == 0
    lines = [f"Eval vm_compute in all {coq(t)}." for t in terms]
    (build / "Terms.v").write_text(HEAD + "\n".join(lines) + "\n")
    done = theory["coqc"]("Terms", build)
    assert done.returncode == 0, done.stdout
    found = [line for line in done.stdout.splitlines() if line.lstrip().startswith("=")]
    assert len(found) == len(terms)
    out: list[set[tuple[str, int, int]] | None] = []
    for line in found:
        lists = ast.literal_eval(line.strip().removeprefix("= ").replace(";", ","))
        out.append({(ENDINGS[k], n, log) for k, (n, log) in lists[0]} if lists else None)
    return out


def in_rules(t: Term) -> set[tuple[str, int, int]] | None:
    try:
        found = run(spec(t), 4_000).outcomes("n", "log")
    except (TooBig, OverflowError):
        return None
    return {
        (f"failed {kind}" if kind in ERRORS else kind, int(n), int(log)) for kind, n, log in found
    }


def test_random_terms_end_alike(tmp_path: Path) -> None:
    terms = [random_term(Random(seed), 2 + seed % 4) for seed in range(120)]
    compared = 0
    for t, expected in zip(terms, in_coq(terms, tmp_path), strict=True):
        found = None if expected is None else in_rules(t)
        if found is not None:
            compared += 1
            assert found == expected, text(t)
    assert compared > 100
