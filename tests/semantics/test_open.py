"""Open processes: whatever a term does in its place, its token can do.

Each run of a random term in a context is one of the token in that context, where only whose step it
is counts, and what the context's own activities do.
"""

from __future__ import annotations

import random

import naive
import pytest
from wfverify.dsl import load_text
from wfverify.semantics.lower import lower
from wfverify.semantics.lower.open import Open
from wfverify.semantics.system import RuleKind, TransitionSystem
from wfverify.verifier.equivalence.lts import INTERNAL, Lts, made
from wfverify.verifier.equivalence.runs import OutOfReach
from wfverify.verifier.equivalence.spectrum import Alike, Under, included

# X stands on a line of its own.
CONTEXTS = [
    "{ X ; f1 } || fx",
    "try { X || fx } catch * { f1 }",
    "try { { X ; f2 } || fx } catch E { f1 } finally { f2 }",
    "retry(1 on E) { X } ; f1",
    "retry(1) { X || f2 }",
    "X + f1",
    "if (b) { X } else { f1 } ; f2",
    "while (b) { X ; b := c }",
    "nocancel { X } || fx",
    "{ { f1 || X } ; f2 } || { fx ; f1 }",
    "using (m) { X } || using (m) { fx }",
    "saga { { u1 || X } ; fx }",
    "saga { X ; fx }",
    "saga { u1 ; { saga { X } ; fx } }",
    "saga { { X || fx } ; u1 }",
    "f1 ; saga { try { X } catch E { fx } ; fx }",
    "saga { saga { { X || fx } } ; fx } || f1",
    "within until (b) { X } else { f1 } || { fx ; { b := true } }",
    "par wait_all { X || fx } ; f1",
    "par any { X || fx } ; f1",
    "X ; X",
    "try { X } finally { f1 ; fx }",
]


def random_term(rng: random.Random, depth: int) -> str:
    leaves = ["skip", "a1", "ax", "fail E", "fail F", "return", "wait until (false)"]
    leaves += ["{ c := not c }", "saga { uf ; a1 }", "saga { uf ; fail E }", "uf", "ul"]
    if depth == 0:
        return rng.choice(leaves)
    p, q = (random_term(rng, depth - 1) for _ in range(2))
    forms = [f"{{ {p} ; {q} }}", f"({p} + {q})", f"({p} || {q})", f"nocancel {{ {p} }}"]
    forms += [f"if (c) {{ {p} }} else {{ {q} }}", f"try {{ {p} }} catch E {{ {q} }}"]
    forms += [f"try {{ {p} }} finally {{ {q} }}", f"if (c) {{ {p} }}", f"saga {{ {p} }}"]
    forms += [f"retry(1 on F) {{ {p} }}", f"nocancel {{ {p} ; {q} }}"]
    return rng.choice(forms)


def lowered(context: str, term: str, open_: dict[str, Open]) -> TransitionSystem:
    text = f"""\
error E permanent
error F transient
shared b: bool = true
shared c: bool = false
shared passes: bool = false
resource m : pool(1)
workflow w fails E, F {{
  activity f1 {{ }}
  activity f2 {{ }}
  activity fx {{ fails E }}
  activity a1 {{ }}
  activity ax {{ fails E }}
  activity v1 {{ }}
  activity u1 {{ undo v1() }}
  activity vf {{ fails E }}
  activity uf {{ undo vf() }}
  activity ul {{ at_least_once undo vf() else {{ a1 }} }}
  activity p {{ fails E, F }}
  run {{
    {context.replace("X", f"{chr(10)}{term}{chr(10)}")}
  }}
}}
"""
    return lower(load_text(text, "open.wf"), open=open_)


def lines_of(context: str) -> set[int]:
    """The lines on which X stands, as `lowered` writes it, and an undo that X may ask for."""
    return {16, 17, *(21 + 2 * n for n in range(context.count("X")))}


def graph(system: TransitionSystem, mine: set[int], limit: int) -> Lts:
    """`p` for a step of the term; the test of the token may change at any time."""
    flip = next(v.index for v in system.variables if v.name == "passes")
    tests = [flip, *(v.index for v in system.variables if v.name == "c")]
    (start,) = naive.initial_states(system)
    number = {start: 0}
    order = [start]
    edges = []
    for state in order:
        after = [(INTERNAL, _flipped(state, v)) for v in tests]
        for rule, _, target in naive.steps(system, state):
            label = INTERNAL
            if rule.span.line in mine:
                label = "p"
            elif rule.kind in (RuleKind.START, RuleKind.COMPLETE, RuleKind.FAIL):
                label = f"{rule.activity.split('.')[1].split('#')[0]} {rule.kind} {rule.error}"
            elif rule.kind is RuleKind.END:
                label = f"over {state[system.instances[0].error]}"
            after.append((label, target))
        for label, target in after:
            if target not in number:
                number[target] = len(order)
                order.append(target)
                if len(order) > limit:
                    raise naive.TooBig
            edges.append((number[state], label, number[target]))
    return made(len(order), 0, edges)


def _flipped(state: naive.State, v: int) -> naive.State:
    return (*state[:v], not state[v], *state[v + 1 :])


TOKEN = {"p": Open(("E", "F"), "passes", "passes", shields=True, returns=True, undo=True)}


@pytest.mark.parametrize("context", CONTEXTS)
def test_a_token_can_do_what_any_term_does(context: str) -> None:
    rng = random.Random(context)
    mine = lines_of(context)
    # What the token has to be told apart from is what the context does itself.
    token = graph(lowered(context, "p", TOKEN), mine, 20_000)
    tried = 0
    while tried < 12:
        term = random_term(rng, rng.randint(0, 2))
        try:
            concrete = graph(lowered(context, term, {}), mine, 400)
            found = included(concrete, token, Under.TRACE)
        except (naive.TooBig, OutOfReach):
            continue
        tried += 1
        assert isinstance(found, Alike), f"{context} with {term}: {found}"


def test_without_its_kinds_of_steps_a_token_can_do_less() -> None:
    """The test above can fail: each part of a token is needed."""
    for context, term, less in [
        ("{ X ; f1 } || fx", "nocancel { a1 }", Open(("E",), "passes", "passes")),
        ("{ X ; f1 } || fx", "try { a1 } finally { a1 }", Open(("E",), "passes", "passes")),
        ("try { X } finally { f1 ; fx }", "return", Open(("E",), "passes", "passes", True)),
        ("X + f1", "if (c) { a1 }", Open(("E",), "", "", True)),
        ("try { X || fx } catch * { f1 }", "fail E", Open((), "passes", "passes", True)),
        ("saga { X ; fx }", "uf", Open(("E",), "passes", "passes", True, True)),
    ]:
        mine = lines_of(context)
        token = graph(lowered(context, "p", {"p": less}), mine, 20_000)
        concrete = graph(lowered(context, term, {}), mine, 400)
        assert not isinstance(included(concrete, token, Under.TRACE), Alike), f"{context}: {term}"
