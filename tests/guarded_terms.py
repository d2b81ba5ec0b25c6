"""Random guarded terms, and what they do step by step, for all values of their tests."""

from __future__ import annotations

import random

from wfverify.verifier.equivalence.terms.store import Op, Store

NAMES = ("x", "y", "z")
Stack = tuple[int, ...]


def random_term(s: Store, rng: random.Random, n: int) -> int:
    """Loops that go round without a step included."""
    if n <= 0:
        leaves = [s.skip, s.stuck, s.fail("E"), s.act("a"), s.act("a"), s.act("b"), s.act("c")]
        return rng.choice(leaves)
    left = rng.randint(0, n - 1)
    p, q = random_term(s, rng, left), random_term(s, rng, n - 1 - left)
    test = random_test(s, rng)
    return rng.choice([s.seq(p, q), s.seq(p, q), s.if_(test, p, q), s.while_(test, p)])


def random_test(s: Store, rng: random.Random) -> int:
    one, other = (s.test(rng.choice(NAMES)) for _ in range(2))
    many = [s.make(op, (one, other)) for op in (Op.AND, Op.OR)]
    return rng.choice([one, one, s.make(Op.NOT, (one,)), *many, s.true, s.false])


def true(s: Store, t: int, values: dict[str, bool]) -> bool:
    match s.op[t]:
        case Op.TEST:
            return values[s.label[t]]
        case Op.NOT:
            return not true(s, s.kids[t][0], values)
        case Op.AND:
            return all(true(s, k, values) for k in s.kids[t])
        case Op.OR:
            return any(true(s, k, values) for k in s.kids[t])
        case op:
            return op is Op.TRUE


def move(s: Store, stack: Stack, values: dict[str, bool]) -> tuple[str, Stack]:
    """What is done next by a stack of terms, first on top, and what is then left."""
    entered: set[Stack] = set()
    while stack:
        t, rest = stack[0], stack[1:]
        match s.op[t]:
            case Op.ACT:
                return s.label[t], rest
            case Op.FAIL:
                return "fail", ()
            case Op.STUCK:
                return "waits", ()
            case Op.SKIP:
                stack = rest
            case Op.SEQ:
                stack = s.kids[t] + rest
            case Op.IF:
                b, p, q = s.kids[t]
                stack = (p if true(s, b, values) else q, *rest)
            case Op.WHILE:
                b, p = s.kids[t]
                if not true(s, b, values):
                    stack = rest
                elif stack in entered:
                    return "waits", ()
                else:
                    entered.add(stack)
                    stack = (p, *stack)
    return "ends", ()
