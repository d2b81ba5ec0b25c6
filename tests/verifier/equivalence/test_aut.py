"""Files in the Aldebaran format, good and bad."""

from __future__ import annotations

import pytest
from wfverify.dsl.errors import Rejected
from wfverify.verifier.equivalence.aut import read, write
from wfverify.verifier.equivalence.lts import Lts

GOOD = """des (1, 5, 3)
(0, "send (1, 2)", 1)
(1,i,2)
(1, "tau" , 2)
  (2, go, 0)

(2,"says \\"x\\", \\"y\\"",0)
"""


def plain(lts: Lts) -> tuple[object, ...]:
    edges = zip(lts.source, lts.label, lts.target, strict=True)
    return lts.states, lts.initial, [(s, lts.labels[a], t) for s, a, t in edges]


def test_what_is_read_and_written_again_is_the_same() -> None:
    found = read(GOOD, "x.aut")
    assert plain(found) == (
        3,
        1,
        [
            (0, "send (1, 2)", 1),
            (1, "tau", 2),
            (1, "tau", 2),
            (2, "go", 0),
            (2, 'says \\"x\\", \\"y\\"', 0),
        ],
    )
    assert plain(read(write(found), "y.aut")) == plain(found)


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("", 1, "empty"),
        ("hello", 1, "no first line"),
        ("des (0, 1)", 1, "no first line"),
        ("des (3, 0, 3)", 1, "no state 3"),
        ("des (0, 0, 99999999999)", 1, "more than"),
        ("des (0, 2, 2)\n(0, a, 1)", 1, "there are 1 transitions"),
        ("des (0, 1, 2)\n(0, a, 2)", 2, "no state 2"),
        ("des (0, 1, 2)\n(0, a, -1)", 2, "no state -1"),
        ("des (0, 1, 2)\n0 a 1", 2, "no transition"),
        ("des (0, 1, 2)\n(0, 1)", 2, "no transition"),
        ("des (0, 1, 2)\n(x, a, 1)", 2, "no transition"),
        ("des (0, 1, 2)\n(", 2, "no transition"),
        ('des (0, 1, 2)\n(0, "a, 1)', 2, "a quote is missing"),
        ('des (0, 1, 2)\n(0, ", 1)', 2, "a quote is missing"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text: str, line: int, what: str) -> None:
    with pytest.raises(Rejected) as error:
        read(text, "x.aut")
    (found,) = error.value.diagnostics
    assert found.code == "E0920" and found.span.line == line and what in found.message


def test_a_quote_inside_of_a_label_is_part_of_it() -> None:
    text = 'des (0, 3, 2)\n(0, GET !"x", 1)\n(0, "a, "b"", 1)\n(0, say "x, 1)\n'
    assert read(text, "x.aut").labels[1:] == ('GET !"x"', 'a, "b"', 'say "x')


def test_at_most_ten_lines_are_complained_of() -> None:
    with pytest.raises(Rejected) as error:
        read("des (0, 50, 2)\n" + "nonsense\n" * 50, "x.aut")
    assert len(error.value.diagnostics) == 10


def test_states_that_nobody_sees_take_no_room() -> None:
    lts = read('des (7, 1, 2000000000)\n(7, "a", 1999999999)\n', "big.aut")
    assert (lts.states, lts.initial, list(lts.source), list(lts.target)) == (2, 0, [0], [1])
