"""The core in Coq means what the language means: random terms take the same steps in both.

Coq unfolds a term (proofs/theory/Interpreter.v, proved to take the steps of the model); the tool
lowers the same text to rules and looks at their observable steps.  The two have to be bisimilar,
internal steps included; where there is a loop, which may take one more in the rules
(docs/theory.md), branching bisimilar.  Terms are tuples:

    ("act", "a" | "d") ("set", n) ("fail", E) ("skip",) ("stuck",)
    ("seq", t, t) ("par", t, t) ("choice", t, t) ("if", c, t, t) ("while", c, t) ("try", t, E, t)

Data: `n` (0..2), which `a` adds 1 to; `d` may fail with E and F.
"""

from __future__ import annotations

import ast
import runpy
import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from wfverify.dsl import load_text
from wfverify.semantics.lower import lower
from wfverify.semantics.observing import View
from wfverify.verifier.equivalence.aut import read
from wfverify.verifier.equivalence.behaviour import Exploring, Size
from wfverify.verifier.equivalence.findings import LEVELS
from wfverify.verifier.equivalence.lts import Lts
from wfverify.verifier.equivalence.workflows import compare_lts

ROOT = Path(__file__).parents[2]
theory = runpy.run_path(str(ROOT / "bench" / "theory.py"))
pytestmark = pytest.mark.skipif(shutil.which("coqc") is None, reason="there is no coqc")

Term = tuple
STEPS = 12
MOST = 20_000  # numbers in the description of a term
ERRORS = ["E", "F"]
ACTIVITIES = {1: "a", 2: "d"}


def random_term(r: Random, size: int) -> Term:
    if size <= 1:
        kinds = ["act"] * 5 + ["set"] * 2 + ["fail"] * 2 + ["skip", "stuck"]
        match r.choice(kinds):
            case "act":
                return ("act", r.choice("ad"))
            case "set":
                return ("set", r.randrange(3))
            case "fail":
                return ("fail", r.choice("EF"))
            case other:
                return (other,)
    a = r.randint(1, size - 1)
    first, second = random_term(r, a), random_term(r, size - a)
    match r.choice(["seq", "seq", "par", "par", "choice", "choice", "if", "while", "try", "try"]):
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
  activity a {{ do {{ n := n + 1 }} }}
  activity d {{ fails E, F }}
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
            return f"(Fail {ERRORS.index(rest[0])})"
        case "if":
            return f"(If (is {rest[0]}) {coq(rest[1])} {coq(rest[2])})"
        case "while":
            return f"(While (is {rest[0]}) {coq(rest[1])})"
        case "try":
            caught = "Any" if rest[1] == "*" else f"(Only {ERRORS.index(rest[1])})"
            return f"(Try {coq(rest[0])} {caught} {coq(rest[2])})"
    return " ".join([f"({kind.capitalize()}", *map(coq, rest)]) + ")"


# A tree as numbers: 0 or 1 (may it end), n, how many steps, and each of these: kind, activity,
# error; then 0 and the tree that it leads to, or 1, the error and n.  2: cut off.
HEAD = """From Theory Require Import Interpreter.
Definition more := Op (fun v _ => S v) (Var 0) (Const 0).
Definition a := Act {| name := 1; effect := [(0, more)]; fails := [] |}.
Definition d := Act {| name := 2; effect := []; fails := [0; 1] |}.
Definition is c := Op (fun v w => if v =? w then 1 else 0) (Var 0) (Const c).
Definition told (l : label) :=
  match l with
  | Started n => [0; n; 0] | Done n _ => [1; n; 0] | Failed n e => [2; n; e] | Tau => [3; 0; 0]
  end.
Fixpoint flat (t : tree) : list nat :=
  match t with
  | Cut => [2]
  | Tree over s next =>
      (if over then 1 else 0) :: read s 0 :: length next ::
      flat_map (fun '(l, x) => told l ++
        match x with Goes t => 0 :: flat t | Raises e s => [1; e; read s 0] end) next
  end.
Set Printing Width 1000000. Set Printing Depth 1000000.
Definition show p :=
  let l := flat (unfold STEPS [0] [0] p) in if length l <=? MOST then l else [2].
""".replace("STEPS", str(STEPS)).replace("MOST", str(MOST))


def in_coq(terms: list[Term], build: Path) -> list[Lts | None]:
    """The steps of each term; None where there are too many."""
    for name in ("Syntax", "Semantics", "Interpreter"):
        shutil.copy(theory["SOURCES"] / f"{name}.v", build)
        assert theory["coqc"](name, build).returncode == 0
    lines = [f"Eval vm_compute in show {coq(t)}." for t in terms]
    (build / "Terms.v").write_text(HEAD + "\n".join(lines) + "\n")
    done = theory["coqc"]("Terms", build)
    assert done.returncode == 0, done.stdout
    found = [line for line in done.stdout.splitlines() if line.lstrip().startswith("=")]
    assert len(found) == len(terms)
    numbers = (ast.literal_eval(x.strip().removeprefix("= ").replace(";", ",")) for x in found)
    return [unfolded(iter(n)) for n in numbers]


class Cut(Exception):
    pass


def unfolded(numbers: Iterator[int]) -> Lts | None:
    """The tree that the numbers tell, as a transition system with the tool's labels."""
    edges: list[tuple[int, str, int]] = []
    states = 0

    def new() -> int:
        nonlocal states
        states += 1
        return states - 1

    def label(kind: int, activity: int, error: int) -> str:
        name = ACTIVITIES.get(activity, "")
        fails = f'"{name} fails with {ERRORS[error]}"'
        return [f'"start {name}"', f'"{name} ends"', fails, "i"][kind]

    def state() -> int:
        over = next(numbers)
        if over == 2:
            raise Cut
        here, n, steps = new(), next(numbers), next(numbers)
        if over:
            edges.append((here, f'"completes with n = {n}"', new()))
        for _ in range(steps):
            what = label(next(numbers), next(numbers), next(numbers))
            if next(numbers) == 0:
                edges.append((here, what, state()))
            else:
                failed, error, n = new(), next(numbers), next(numbers)
                edges.append((here, what, failed))
                edges.append((failed, f'"fails with {ERRORS[error]} with n = {n}"', new()))
        return here

    try:
        first = state()
    except Cut:
        return None
    lines = [f"des ({first}, {len(edges)}, {states})", *(f"({s}, {x}, {t})" for s, x, t in edges)]
    return read("\n".join(lines) + "\n", "model.aut")


def in_rules(t: Term) -> Lts:
    return Exploring(lower(load_text(spec(t), "w.wf")), View(("n",)), size=Size()).explore().lts()


def loops(t: Term) -> bool:
    return t[0] == "while" or any(isinstance(x, tuple) and loops(x) for x in t)


def test_random_terms_take_the_same_steps(tmp_path: Path) -> None:
    terms = [random_term(Random(seed), 2 + seed % 4) for seed in range(150)]
    compared = 0
    for t, model in zip(terms, in_coq(terms, tmp_path), strict=True):
        if model is None:
            continue
        compared += 1
        found = compare_lts(model, in_rules(t), Size()).finest()
        assert found in LEVELS[: 2 if loops(t) else 1], f"{found}: {text(t)}"
    assert compared > 120
