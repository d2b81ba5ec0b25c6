"""Proposals to write a workflow otherwise: checked before they are shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from golden import CASES, names, one_in
from wfverify.cli import main
from wfverify.dsl import load_text, parse_text
from wfverify.dsl.errors import Rejected
from wfverify.dsl.format_inline import inline
from wfverify.verifier.equivalence.behaviour import Size
from wfverify.verifier.equivalence.findings import Fails, Holds
from wfverify.verifier.equivalence.rewrite import Proposal, proposal
from wfverify.verifier.equivalence.terms.read import read
from wfverify.verifier.equivalence.terms.store import Store
from wfverify.verifier.equivalence.terms.write import write

SPEC = """\
error Late transient
workflow order {{
  var paid: int = 0
  var sent: bool = false
  var vip: bool = false
  activity charge {{ takes 1s..5s  do {{ paid := paid + 10 }} }}
  activity refund {{ takes 1s..5s  do {{ paid := paid * 2 }} }}
  activity pack {{ takes 2s..3s }}
  activity ship {{ takes 1s..9s  do {{ sent := true }} }}
  activity look {{ do {{ vip := done(charge) }} }}
  run {{ {body} }}
}}
"""


def made(body: str, goal: str, under: str = "outcome") -> Proposal:
    spec = load_text(SPEC.format(body=body), "order.wf")
    return proposal(spec, "order", goal, under, Size(10_000, 20.0))


def body(found: Proposal) -> str:
    return inline(found.spec.workflows[0].body)


@pytest.mark.parametrize(
    ("before", "after", "laws"),
    [
        ("{ charge ; skip } ; pack", "charge ; pack", {"seq-skip-right"}),
        ("if (not vip) { pack } else { pack }", "pack", {"if-not", "if-same"}),
        ("pack + { pack + wait until (false) }", "pack", {"choice-idem", "choice-stuck"}),
        ("while (vip) { if (vip) { ship } }", "while (vip) { ship }", {"while-if"}),
        ("charge ; pack + charge ; ship", "charge ; (pack + ship)", {"choice-seq-left"}),
        ("(pack || skip) || ship", "pack || ship", {"par-skip"}),
        (
            "try { if (vip) { pack } else { pack } } catch Late { skip ; ship }",
            "try { pack } catch Late { ship }",
            {"if-same", "seq-skip-left"},
        ),
        (
            "saga { skip ; if (vip) { pack } else { pack } ; fail Late }",
            "saga { pack ; fail Late }",
            {"if-same", "seq-skip-left"},
        ),
    ],
)
def test_shorter(before: str, after: str, laws: set[str]) -> None:
    found = made(before, "short")
    assert isinstance(found.found, Holds)
    assert body(found) == after
    assert {s.law for s in found.steps} >= laws
    assert found.operators[1] < found.operators[0]


def test_left_distribution_is_used_where_it_is_a_law() -> None:
    assert made("charge ; pack + charge ; ship", "short", "bisimulation").found is None
    assert made("charge ; pack + charge ; ship", "short", "trace").found is not None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("charge ; pack ; ship", "charge || pack || ship"),
        ("charge ; refund ; pack", "charge ; (refund || pack)"),
        ("if (vip) { ship ; pack }", "if (vip) { ship || pack }"),
    ],
)
def test_more_at_once(before: str, after: str) -> None:
    found = made(before, "parallel")
    assert isinstance(found.found, Holds)
    assert body(found) == after


def test_a_proposal_that_is_not_equivalent_is_not_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Who looks whether it is done depends on it, though no variable says so.
    assert isinstance(made("charge ; look", "parallel").found, Fails)
    path = tmp_path / "order.wf"
    path.write_text(SPEC.format(body="charge ; look"))
    assert main(["rewrite", str(path), "--goal", "parallel"]) == 1
    out = capsys.readouterr().out
    assert "no proposal" in out
    assert "||" not in out


def test_nothing_to_change(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "order.wf"
    path.write_text(SPEC.format(body="charge ; pack"))
    assert main(["rewrite", str(path)]) == 0
    assert capsys.readouterr().out == "order: nothing to change\n"
    assert main(["rewrite", str(path), "--workflow", "other"]) == 2
    assert "there are: order" in capsys.readouterr().err


@pytest.mark.parametrize("name", one_in(9, names()))
def test_what_is_read_is_written_again(name: str) -> None:
    path = CASES / f"{name}.wf"
    try:
        spec = parse_text(path.read_text(encoding="utf-8"), path.name)
    except Rejected:
        pytest.skip("no spec")
    for w in spec.workflows:
        s = Store()
        sources: dict[int, object] = {}
        t = read(s, w.body, sources, sagas=True)  # type: ignore[arg-type]
        assert read(s, write(s, t, sources), sagas=True) == t  # type: ignore[arg-type]
        texts = [inline(x).replace(" else { skip }", "") for x in (write(s, t, sources), w.body)]  # type: ignore[arg-type]
        assert texts[0] == texts[1]


def test_calls_in_every_block_are_put_side_by_side() -> None:
    for block in (
        "saga {{ {} }}",
        "nocancel {{ {} }}",
        "within 1h {{ {} }}",
        "each i in 0..1 seq {{ {} }}",
        "try {{ {} }} finally {{ {} }}",
    ):
        found = made(block.format(*["charge ; pack"] * 2), "parallel")
        assert body(found) == block.format(*["charge || pack"] * 2)
        assert isinstance(found.found, Holds), block


def test_a_long_step_shows_where_it_differs() -> None:
    long = " ; ".join(["charge ; pack ; ship ; look"] * 8)
    found = made(f"{long} ; {{ skip ; {long} }} ; skip", "short")
    for step in found.steps:
        assert step.before != step.after and max(len(step.before), len(step.after)) < 260


def test_a_form_with_parts_is_shown_as_it_is_written() -> None:
    s = Store()
    for text in (
        "try { charge } catch Late { pack } finally { ship }",
        "saga { charge ; pack }",
        "par any { charge || pack }",
        "within 5s { charge } else { pack }",
    ):
        spec = load_text(SPEC.format(body=text), "order.wf")
        root = read(s, spec.workflows[0].body, sagas=True)
        assert s.show(root) == text
