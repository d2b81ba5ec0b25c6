"""What the theorems say of the core is so in the tool: instances of the laws, compared by it.

Each law that holds without a side condition is tried on random terms (as in `test_core_agrees`);
the two sides have to be equivalent under what is proved, or a finer equivalence.  In a loop the
tool may take one internal step more than the model (docs/theory.md): there branching will do.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from random import Random

import pytest
from wfverify.dsl import load_text
from wfverify.proofs.laws.catalogue import LAWS
from wfverify.semantics.lower import lower
from wfverify.semantics.system import TransitionSystem
from wfverify.verifier.equivalence.findings import LEVELS, Asked
from wfverify.verifier.equivalence.workflows import compare

ROOT = Path(__file__).parents[2]
TABLE = tomllib.loads((ROOT / "proofs" / "theory" / "theorems.toml").read_text(encoding="utf-8"))
PROVED = [t for t in TABLE["theorem"] if t["verdict"] != "fails" and "needs" not in t]
INSTANCES = 2


def random_text(r: Random, size: int) -> str:
    if size <= 1:
        return r.choice(
            ["a", "a", "d", "d", "n := 0", "n := 1", "fail E", "fail F", "skip", "stuck"]
        )
    cut = r.randint(1, size - 1)
    first, second = random_text(r, cut), random_text(r, size - cut)
    match r.choice([";", ";", "||", "||", "+", "if", "while", "try"]):
        case "if":
            return f"if (n == 0) {{ {first} }} else {{ {second} }}"
        case "while":
            return f"while (n == 0) {{ {first} ; n := {r.choice([0, 1, 1, 1])} }}"
        case "try":
            return f"try {{ {first} }} catch {r.choice('EF*')} {{ {second} }}"
        case sign:
            return f"{{ {first} }} {sign} {{ {second} }}"


def filled(side: str, terms: dict[str, str]) -> str:
    """A side of a law, with terms for its metavariables."""
    return re.sub(r"\b[pqrshkbc]\b", lambda m: terms[m[0]], side)


def system(term: str) -> TransitionSystem:
    term = re.sub(r"\bstuck\b", "wait until (n == 7)", term)
    return lower(
        load_text(
            f"""
error E permanent
error F transient
workflow v() fails E, F {{
  var n: int = 0
  var x: int = 0
  var w: int = 0
  activity a {{ do {{ n := 1 }} }}
  activity d {{ fails E, F }}
  run {{ {term} }}
}}
system {{ v }}
""",
            "s.wf",
        )
    )


@pytest.mark.parametrize("theorem", PROVED, ids=lambda t: f"{t['law']}-{t['equivalence']}")
def test_instances_are_equivalent_in_the_tool(theorem: dict[str, str]) -> None:
    law = next(x for x in LAWS if x.name == theorem["law"])
    allowed = theorem["equivalence"]
    if law.family in ("while", "retry") and allowed == "bisimulation":
        allowed = "branching"
    r = Random(theorem["law"])
    for _ in range(INSTANCES):
        terms = {m: f"{{ {random_text(r, r.randint(1, 3))} }}" for m in "pqrshk"}
        terms |= {"b": "n == 0", "c": "n == 1"}
        left, right = filled(law.left, terms), filled(law.right, terms)
        found = compare(system(left), system(right), Asked()).finest()
        assert found is not None, f"{left}\n{right}"
        assert LEVELS.index(found) <= LEVELS.index(allowed), f"{found}\n{left}\n{right}"
