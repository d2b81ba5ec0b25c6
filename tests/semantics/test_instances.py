"""Instances of laws: what may be put in, and that nothing else is."""

from __future__ import annotations

import pytest
from wfverify.dsl import ast, load_text
from wfverify.dsl.errors import Rejected
from wfverify.semantics.claimed import Side
from wfverify.semantics.lower.instances import instance

SPEC = """\
error E permanent
error Busy transient
resource m : pool(1)
activity charge {{ fails Busy  undo refund() }}
activity refund {{ }}
shared n: int = 0
law it forall p, q : {law}
workflow w {{ run {{ skip }} }}
"""


def sides(law: str, p: str, q: str = "skip", beside: str = "") -> tuple[Side, Side]:
    spec = load_text(SPEC.format(law=law), "s.wf")
    (it,) = spec.properties
    assert isinstance(it, ast.Law)
    return instance(spec, it, (("p", p), ("q", q)), beside)


def test_terms_stand_where_their_names_stood() -> None:
    left, right = sides("p ; q == { q ; charge }", "{ p__1 ; p__x }", "q__2")
    started = [
        {r.activity.split(".")[-1].split("#")[0] for r in side.system.rules if r.activity}
        for side in (left, right)
    ]
    assert started == [{"p__1", "p__x", "q__2"}, {"q__2", "charge__"}]
    assert left.view.observed == right.view.observed == ("x",)


def test_a_test_is_data_that_who_is_beside_may_change() -> None:
    one, _ = sides("if (n > 3) { p } == if (n <= 3) { q }", "p__1", "q__1", "test1__ := true")
    assert len(one.system.instances) == 2
    assert one.view.observed == ("x", "test1__", "test2__")


@pytest.mark.parametrize(
    "term",
    [
        "skip } activity more { } run { skip",  # more than a term
        "skip } } workflow v { run { skip",
        "skip } invariant it : true run { skip",
        "nobody",  # of which there is none
        "p__1(3)",
        "n := 1",
        "fail Nothing",
        "charge",
        "charge__ ; w",
        "assume n == 1",  # that runs do not count
        "assume x == 1",
        "assert x == 1",
        "atomic { x := 2 }",
        "transaction { x := 2 }",
        "wait 3s",  # times
        "within 3s { p__1 }",
        "retry(1 backoff 3s) { p__x }",
        "wait until (now > 3s)",
        "x := i",  # the item of the each around it
    ],
)
def test_nothing_else_is_put_in(term: str) -> None:
    with pytest.raises(Rejected):
        sides("each i in 0..1 seq { p } == q", term)
    with pytest.raises(Rejected):
        sides("p ; q == q ; p", "skip", "skip", term)


def test_an_item_does_not_become_what_a_term_names() -> None:
    with pytest.raises(Rejected, match="item"):
        sides("each x in 0..1 seq { p } == q", "x := x + 1")
    with pytest.raises(Rejected, match="item"):
        sides("each test1__ in 0..1 seq { p } == if (n > 3) { q }", "test1__ := true")


@pytest.mark.parametrize("names", [(), ("p",), ("p", "p"), ("p", "q", "q"), ("p", "r")])
def test_each_name_stands_for_one_term(names: tuple[str, ...]) -> None:
    spec = load_text(SPEC.format(law="p ; q == q ; p"), "s.wf")
    (it,) = spec.properties
    assert isinstance(it, ast.Law)
    with pytest.raises(Rejected, match="for each name"):
        instance(spec, it, [(n, "skip") for n in names])


@pytest.mark.parametrize(
    "law", ["within 3s { p } == q", "{ wait 3s } ; p == q", "retry(1 backoff 3s) { p } == q"]
)
def test_of_laws_about_times_there_is_none(law: str) -> None:
    with pytest.raises(Rejected, match="times"):
        sides(law, "skip")


@pytest.mark.parametrize(
    "term",
    [
        "{ p__1 ; { p__2 ; p__x } } ; { skip ; p__u }",
        "p__1 + (p__2 || p__x + p__u)",
        "if (x > 1 and not (x == 3)) { p__1 } else { if (x % 2 == 0) { p__2 } }",
        "try { fail E } catch E { p__1 } catch * { p__2 } finally { p__w }",
        "saga { p__u ; retry(2 on E) { fail E } }",
        "par any { p__1 || { p__2 ; p__x } }",
        "nocancel { using (m__) { while (x < 3) { x := x + 1 } } }",
        "return",
    ],
)
def test_terms_are_what_they_say(term: str) -> None:
    left, _ = sides("using (m) { p } == q", term)
    assert left.system.rules
