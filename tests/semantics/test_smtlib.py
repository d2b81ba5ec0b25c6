"""Terms as SMT-LIB text: read back as they were, read by Z3 as our own encoding reads them."""

from __future__ import annotations

from fractions import Fraction
from random import Random

import pytest
import z3
from wfverify.semantics import expr as e
from wfverify.semantics.expr import Expr, Op, Scalar, Sort
from wfverify.semantics.smtlib import Unreadable, read, text
from wfverify.semantics.symbolic import Encoder
from wfverify.semantics.values import evaluate

SORTS = (Sort.BOOL, Sort.INT, Sort.REAL)
SYMBOLS = {f"|v {s.value} {k}|": e.var(3 * k + n, s) for n, s in enumerate(SORTS) for k in (0, 1)}
NAMES = {v.index: name for name, v in SYMBOLS.items()}


def name(leaf: Expr) -> str:
    return NAMES[leaf.index]


def term(r: Random, sort: Sort, depth: int, made: list[Expr]) -> Expr:
    """Random, with shared parts."""
    known = [x for x in made if x.sort is sort]
    if known and r.random() < 0.3:
        return r.choice(known)
    out = _term(r, sort, depth, made)
    made.append(out)
    return out


def _term(r: Random, sort: Sort, depth: int, made: list[Expr]) -> Expr:
    def sub(s: Sort) -> Expr:
        return term(r, s, depth - 1, made)

    if depth == 0:
        if r.random() < 0.6:
            return r.choice([v for v in SYMBOLS.values() if v.sort is sort])
        number = r.randint(-3, 3)
        return {
            Sort.BOOL: e.const(number > 0),
            Sort.INT: e.const(number),
            Sort.REAL: e.const(Fraction(number, r.randint(1, 3))),
        }[sort]
    if sort is Sort.BOOL:
        s = r.choice(SORTS)
        n = r.choice((Sort.INT, Sort.REAL))
        return r.choice(
            [
                lambda: e.not_(sub(sort)),
                lambda: e.and_(sub(sort), sub(sort), sub(sort)),
                lambda: e.or_(sub(sort), sub(sort)),
                lambda: e.eq(sub(s), sub(s)),
                lambda: e.le(sub(n), sub(n)),
                lambda: e.lt(sub(n), sub(n)),
                lambda: e.ite(sub(sort), sub(sort), sub(sort)),
            ]
        )()
    more = [lambda: e.mod(sub(sort), sub(sort))] if sort is Sort.INT else []
    more += [lambda: e.to_real(sub(Sort.INT))] if sort is Sort.REAL else []
    return r.choice(
        [
            lambda: e.add(sub(sort), sub(sort), sub(sort)),
            lambda: e.neg(sub(sort)),
            lambda: e.mul(sub(sort), sub(sort)),
            lambda: e.div(sub(sort), sub(sort)),
            lambda: e.ite(sub(Sort.BOOL), sub(sort), sub(sort)),
            *more,
        ]
    )()


@pytest.mark.parametrize("seed", range(60))
def test_reading_gives_the_same_values(seed: int) -> None:
    r = Random(seed)
    root = term(r, r.choice(SORTS), 5, [])
    back = read(text(root, name), SYMBOLS)
    assert back.sort is root.sort
    for _ in range(10):
        state: list[Scalar] = []
        for k in range(6):
            number = r.randint(-3, 3)
            state.append((number > 0, number, Fraction(number, r.randint(1, 3)))[k % 3])
        assert evaluate(back, state) == evaluate(root, state)


@pytest.mark.parametrize("seed", range(20))
def test_the_text_means_what_our_encoding_means(seed: int) -> None:
    r = Random(seed)
    root = term(r, Sort.BOOL, 3, [])
    words = {Sort.BOOL: "Bool", Sort.INT: "Int", Sort.REAL: "Real"}
    declared = "".join(f"(declare-const {n} {words[v.sort]})" for n, v in SYMBOLS.items())
    (said,) = z3.parse_smt2_string(f"{declared}(assert {text(root, name)})")

    def leaf(node: Expr) -> object:
        make = {Sort.BOOL: z3.Bool, Sort.INT: z3.Int, Sort.REAL: z3.Real}[node.sort]
        return make(name(node)[1:-1])

    solver = z3.Solver()
    solver.set("timeout", 3000)
    solver.add(said != Encoder(leaf=leaf)(root))
    assert solver.check() != z3.sat


def test_shared_parts_are_written_once() -> None:
    x = e.var(1, Sort.INT)
    for _ in range(200):
        x = Expr(Op.ADD, (x, x), Sort.INT)
    assert len(text(x, name)) < 10_000
    assert evaluate(read(text(x, name), SYMBOLS), [False, 1]) == 2**200


@pytest.mark.parametrize(
    "source",
    [
        "",
        "(",
        ")",
        "()",
        "x",
        "|nobody|",
        "1 2",
        "(+ 1)x",
        "(+ 1 true)",
        "(and 1 true)",
        "(not true false)",
        "(ite true 1 2.0)",
        "(= 1 2 3)",
        "(- 3 1)",
        "(div 1.0 2.0)",
        "(/ 1 2)",
        "(mod 1.0 2.0)",
        "(to_real 1.0)",
        "(<= true false)",
        "1.5",
        "-1",
        "(let ((.0 1)) ",
        "(let ((x 1)) x)",
        "(let ((.0 1)) (let ((.0 2)) .0))",
        "(exists ((x Int)) true)",
        "(assert true)",
        '"text"',
    ],
)
def test_other_texts_are_refused(source: str) -> None:
    with pytest.raises(Unreadable):
        read(source, SYMBOLS)
