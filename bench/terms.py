"""The engines that compare terms: large guarded terms, wide parallel ones, pairs of smaller ones.

    python bench/terms.py
    python bench/terms.py --files DIR [OPERATORS]    # writes them and asks `wfverify equiv`

Prints seconds of processor time; of the command also those by the clock, with all that it does
from its start to its end.  Terms are random; the second of a pair is the first after laws that keep
its meaning have been used all over it, and for a no one action of it is changed.
"""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from wfverify.verifier.equivalence.terms import guarded, normal, pomset
from wfverify.verifier.equivalence.terms.decide import TooMany
from wfverify.verifier.equivalence.terms.images import Change
from wfverify.verifier.equivalence.terms.machine import Machine
from wfverify.verifier.equivalence.terms.reaching import Knowing, Reaching
from wfverify.verifier.equivalence.terms.store import Op, Store


def guarded_term(s: Store, rng: random.Random, operators: int, tests: int, actions: int) -> int:
    """A random term of `;`, `if` and `while`."""

    def test() -> int:
        one = s.test(f"b{rng.randrange(tests)}")
        match rng.randrange(6):
            case 0:
                return s.make(Op.NOT, (one,))
            case 1:
                return s.make(Op.AND, (one, s.test(f"b{rng.randrange(tests)}")))
            case 2:
                return s.make(Op.OR, (one, s.test(f"b{rng.randrange(tests)}")))
            case _:
                return one

    def term(n: int) -> int:
        if n <= 0:
            return s.act(f"a{rng.randrange(actions)}")
        kind = rng.random()
        if kind < 0.1:
            # An action first, so that no loop goes round without a step.
            return s.while_(test(), s.seq(s.act(f"a{rng.randrange(actions)}"), term(n - 2)))
        left = rng.randint(0, n - 1)
        if kind < 0.35:
            return s.if_(test(), term(left), term(n - 1 - left))
        if kind < 0.6:
            return s.seq(term(left), term(n - 1 - left))
        left = rng.randint(0, max(0, n - 2))
        between = s.act(f"a{rng.randrange(actions)}")
        return s.seq(term(left), between, term(n - 2 - left))

    return term(operators)


def deep_term(s: Store, operators: int) -> int:
    """A chain of else-ifs with loops in it, as deep as it has operators."""
    t = s.act("last")
    for i in range(operators // 4):
        branch = s.seq(s.act(f"a{i % 7}"), s.act(f"c{i % 11}"))
        t = s.if_(s.test(f"b{i}"), s.while_(s.test(f"d{i % 3}"), branch), t)
    return t


def shuffled(s: Store, rng: random.Random, root: int) -> int:
    """The term after laws: associativity, units, negated and repeated tests, loops unfolded."""
    new: dict[int, int] = {}
    for t in s.below(root):
        kids = [new[k] for k in s.kids[t]]
        match s.op[t]:
            case Op.SEQ:
                new[t] = _grouped(s, rng, Op.SEQ, kids)
            case Op.PAR | Op.CHOICE as op:
                rng.shuffle(kids)
                new[t] = _grouped(s, rng, op, kids)
            case Op.IF:
                b, p, q = kids
                match rng.randrange(5):
                    case 0:
                        new[t] = s.if_(s.make(Op.NOT, (b,)), q, p)
                    case 1:
                        new[t] = s.if_(b, s.if_(b, p, s.act("never")), q)
                    case 2:
                        new[t] = s.if_(b, p, s.if_(b, s.act("never"), q))
                    case _:
                        new[t] = s.if_(b, p, q)
            case Op.WHILE:
                b, p = kids
                loop = s.while_(b, p)
                match rng.randrange(12):
                    case 0:
                        loop = s.if_(b, s.seq(p, loop))
                    case 1:
                        loop = s.seq(loop, s.while_(b, p))
                    case 2:
                        loop = s.while_(b, s.if_(b, p))
                new[t] = loop
            case op:
                new[t] = s.make(op, kids, s.label[t])
    return new[root]


def _grouped(s: Store, rng: random.Random, op: Op, kids: list[int]) -> int:
    """Two by two, in any grouping, with a unit here and there."""
    parts = list(kids)
    unit = s.stuck if op is Op.CHOICE else s.skip
    if rng.random() < 0.2:
        parts.insert(rng.randint(0, len(parts)), unit)
    while len(parts) > 1:
        i = rng.randrange(len(parts) - 1)
        parts[i : i + 2] = [s.make(op, parts[i : i + 2])]
    return parts[0]


def changed(s: Store, rng: random.Random, root: int) -> int:
    """The term with one action, at one place, replaced by another."""
    path: list[tuple[int, int]] = []
    t = root
    while s.op[t] is not Op.ACT:
        places = [i for i, k in enumerate(s.kids[t]) if s.op[k] not in (Op.SKIP, Op.TEST)]
        first = 1 if s.op[t] in (Op.IF, Op.WHILE) else 0
        i = rng.choice([p for p in places if p >= first] or [first])
        path.append((t, i))
        t = s.kids[t][i]
        if s.op[t] is Op.SKIP:
            break
    t = s.act("changed")
    for whole, i in reversed(path):
        kids = list(s.kids[whole])
        kids[i] = t
        t = s.make(s.op[whole], kids, s.label[whole])
    return t


def timed(run: Callable[..., object], *given: object) -> tuple[float, object]:
    start = time.process_time()
    found = run(*given)
    return time.process_time() - start, found


def said(found: object) -> str:
    match found:
        case guarded.Same():
            return f"equivalent, {found.related} pairs of states merged"
        case guarded.Differ():
            return f"different after a shortest run of {len(found.run)}"
        case normal.Derivation():
            return f"equivalent, {len(found.steps)} laws used"
        case _:
            return "different"


def kept(s: Store, left: int, right: int, rng: random.Random) -> str:
    """All tests are false at first, and each action writes what one or two of them read."""
    machine = Machine(s, (left, right))
    names = machine.names
    labels = sorted({s.label[t] for t in s.below(left, right) if s.op[t] is Op.ACT})
    changes = {a: Change(frozenset(rng.sample(names, rng.randint(1, 2)))) for a in labels}
    start = tuple((n, False) for n in names)
    known = Knowing(changes.__getitem__, start=start, weight=lambda action: 2)
    made = Reaching(machine, machine.state(left), machine.state(right), known)
    try:
        found = next(made.runs(), None)
    except TooMany:
        return "not found out"
    return "no run comes to it" if found is None else f"a run of {len(found.found.run)} steps"


def as_text(s: Store, root: int) -> str:
    """The term as it stands in a file."""
    said: dict[int, str] = {}
    for t in s.below(root):
        kids = [said[k] for k in s.kids[t]]
        match s.op[t]:
            case Op.SKIP:
                said[t] = "skip"
            case Op.ACT | Op.TEST:
                said[t] = s.label[t]
            case Op.NOT:
                said[t] = f"not ({kids[0]})"
            case Op.AND | Op.OR as op:
                said[t] = "(" + f" {op} ".join(kids) + ")"
            case Op.SEQ:
                said[t] = ";\n".join(kids)  # (in braces it would be too deep for a file)
            case Op.IF:
                other = "" if s.kids[t][2] == s.skip else f" else {{ {kids[2]} }}"
                said[t] = f"if ({kids[0]}) {{ {kids[1]} }}{other}"
            case Op.WHILE:
                said[t] = f"while ({kids[0]}) {{ {kids[1]} }}"
            case op:
                raise AssertionError(f"{op} is no guarded term")
    return said[root]


def as_spec(s: Store, roots: Sequence[int], root: int, free: bool = False) -> str:
    """The file of one of them: tests are variables, of which each activity may change three;
    where they are `free` they begin with any values."""
    below = {t for r in roots for t in s.below(r)}
    tests = sorted({s.label[t] for t in below if s.op[t] is Op.TEST})
    names = sorted({s.label[t] for t in below if s.op[t] is Op.ACT})
    given = ", ".join(f"at_{b}: bool" for b in tests) if free else ""
    lines = [f"workflow w({given}) {{"]
    lines += [f"  var {b}: bool = {f'at_{b}' if free else 'false'}" for b in tests]
    for i, a in enumerate(names):
        mine = {tests[k % len(tests)] for k in (i, 7 * i + 3, 11 * i + 5)}
        lines.append(f"  activity {a} {{ writes {', '.join(sorted(mine))} }}")
    return "\n".join([*lines, f"  run {{ {as_text(s, root)} }}", "}", ""])


def files(folder: Path, operators: int) -> None:
    """Writes and compares them."""
    rng = random.Random(1)
    s = Store()
    term = guarded_term(s, rng, operators, 40, 30)
    again = shuffled(s, rng, term)
    first, second = s.act("a0"), s.act("a1")
    folder.mkdir(parents=True, exist_ok=True)
    terms = {
        "left": s.seq(first, second, term),
        "same": s.seq(first, second, again),
        "other": s.seq(first, second, changed(s, rng, again)),
        "second": s.seq(first, s.act("changed"), again),
    }
    for name, t in terms.items():
        for kind, free in (("", False), ("-any", True)):
            spec = as_spec(s, [*terms.values()], t, free)
            (folder / f"{name}{kind}.wf").write_text(spec)
        print(f"{name}.wf: {s.operators(t)} operators")
    print("the same with tests that begin with any values: -any.wf")
    for name in terms:
        if name != "left":
            command(folder, "left", name)
    command(folder, "left-any", "other-any")


def command(folder: Path, left: str, right: str) -> None:
    """What `wfverify equiv` says of two files, and what it takes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    command = [sys.executable, "-m", "wfverify", "equiv", f"{left}.wf", f"{right}.wf"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    clock = time.monotonic() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    first = (done.stdout + done.stderr).strip().split("\n")[0]
    print(f"  {clock:5.2f} s by the clock, {seconds:5.2f} s of two processors  {first}")


def main() -> None:
    if sys.argv[1:2] == ["--files"]:
        files(Path(sys.argv[2]), int(sys.argv[3]) if sys.argv[3:] else 100_000)
        return
    rng = random.Random(1)
    for name, make in (
        ("random", lambda s: guarded_term(s, rng, 100_000, 40, 30)),
        ("deep", lambda s: deep_term(s, 100_000)),
    ):
        s = Store()
        left = make(s)
        right = shuffled(s, rng, left)
        print(f"{name} guarded terms of {s.operators(left)} and {s.operators(right)} operators")
        seconds, found = timed(guarded.compare, s, left, right)
        print(f"  {seconds:5.2f} s  {said(found)}")
        other = changed(s, rng, right)
        seconds, found = timed(guarded.compare, s, left, other)
        print(f"  {seconds:5.2f} s  with one change: {said(found)}")
        seconds, told = timed(kept, s, left, other, rng)
        print(f"  {seconds:5.2f} s  the same, where tests keep what they say: {told}")
    s = Store()
    parts = [s.seq(s.act(f"a{i % 300}"), s.act(f"c{i}")) for i in range(1_000)]
    wide, other = s.make(Op.PAR, parts), shuffled(s, rng, s.make(Op.PAR, parts))
    seconds, found = timed(pomset.compare, s, wide, other)
    print("parallel terms of 1000 branches, shuffled and grouped anew")
    print(f"  {seconds:5.2f} s  {said(found)}")
    total, same = 0.0, 0
    for i in range(50):
        s = Store()
        left = guarded_term(s, rng, 1_000, 20, 10)
        right = shuffled(s, rng, left)
        if i % 2:
            right = changed(s, rng, right)
        seconds, found = timed(guarded.compare, s, left, right)
        total += seconds
        same += isinstance(found, guarded.Same)
    print("50 pairs of 1000 operators over 20 tests, every other with one change")
    print(f"  {total:5.2f} s  {same} equivalent")


if __name__ == "__main__":
    main()
