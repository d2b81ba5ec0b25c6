"""`arithmetic` forgets no position: wherever an expression may stand, it is asked to be defined.

Each expression of a spec that has every form is replaced, one at a time, by one of the same value
that is not defined (an item beyond the end of an array).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
from wfverify.dsl import ast, load_text
from wfverify.dsl.ast import RefKind
from wfverify.dsl.errors import Span
from wfverify.dsl.support import unsupported
from wfverify.dsl.types import Array
from wfverify.semantics.lower import lower

TEXT = """
const N = 4
param M: int 1..2
enum Tool { saw, drill }
resource agents : pool(N + M)
resource ledger : lock
shared hits: int = 0 + 1
error E permanent
error F transient

activity ping(count: int) -> int { takes 1s..2s  do { hits += count }  ensures result > count }

workflow child(k: int, of: set of Tool) -> int fails E {
  requires k > 0
  ensures result >= k
  var mine: int = k + 1
  activity a { takes 1s }
  run { a ; if (mine > 3) { fail E } ; return mine + 1 }
  invariant grown : mine >= k
  always grows : next(mine) >= mine
}

workflow w(id: int, t: duration) fails E, F, Timeout, Interrupted, TooMany {
  requires id > 0 and t > 0s
  ensures hits >= 0
  var n: int = 0
  var f: int 0..5[4] = [0, 1, 2, 3]
  var g: int[2][2] = [[0, 0], [0, 0]]
  var pt: { x: int, y: real } = { x: 1, y: 2.5 }
  var opt: option int = none
  var own: set of Tool = {saw}
  var tool: Tool = drill
  var ok: bool
  var bad: int

  activity quote(x: int) -> int {
    uses agents 1 + x
    takes t..t + 5s
    needs x >= 0
    writes bad
    ensures result >= 0 and bad == old(bad) + 1
    fails E probability 0.1, F
    retry x + 3 on F backoff 1s * x factor 2.0 max 30s jitter 0.1
    timeout 1m + t
    undone when bad == old(bad)
    priority 3 + x
    runs_in box, shed (gpus x)
  }
  activity a {
    takes normal(5s, 1s)
    do {
      if (ok) { n := 1 } else { skip } ;
      switch (n) { case 0 { n := 5 } default { assert n > 0 } } ;
      each i in 0..n - n seq { f[i] := 1 } ;
      own += {saw}
    }
    undo { assert n >= 0 ; n -= 1 }
  }
  activity mend(x: int) { takes uniform(1s, 2s) }
  activity b -> int { takes exponential(2s)  undo mend(result + n) }
  activity e { takes 3s  fails E  undo skip }

  run {
    n <- quote(n + 1) ;
    f[n] <- ping(2) ;
    n <- child(n, own - {saw}) ;
    f[n + 1] := 3 ; g[n][n + 1] += 4 ; pt.x := f[2] + 1 ; pt := { x: n, y: 2.5 } ;
    { wait t ; n := 2 } + { wait until (n > 3) ; n := 3 } ;
    par (n) of { a || a } ;
    if (n > 1) { a } else { e } ;
    switch (n) { case 0, 1 { a } case 2 { e } default { } } ;
    while (n < 3) at_most N decreases 3 - n { n += 1 } ;
    each i in 0..M at_most n at once tolerate 1 as bad { e } ;
    each i in n..n + 2 seq { a } ;
    each i in own seq { a } ;
    within t { a } else { a } ;
    within until (ok) { a } ;
    retry(n on F backoff t) { e } ;
    saga { a ; b ; n <- quote(3) ; e } ;
    using (agents n, ledger shared) { a } ;
    atomic { n := n + 1 ; assert n > 0 } ;
    steps {
      a
      e when n > 3
      last { skip } after a, e join (n) of
    } ;
    assert n in 0..5 and saw in own ; assume is_some(opt) => value(opt) > n ;
    opt := some(n) ; own := {tool, drill} ;
    ok := forall i in 0..3: f[i] > n ;
    ok := (exists s in own: s == tool) and not ok ;
    n := (count i in 0..n - n + 1: f[0] > 0) + (sum i in 0..3: f[i]) ;
    n := min(n, 2) + abs(-n) + size(own) + n / 2 ;
    ok := t * 2 < 3s or ok => not ok
  }
  invariant nn : n >= 0
  always fin : n == 0 => next(n) >= n
}
environment box { capacity gpus M + 1  limits gpus 2 + M }
environment shed { capacity gpus N }
metric m = 2 * hits
detector d on m above M for M + 1 samples
requires M > 1
ensures forall x in w: x.n >= 0 or hits > 1
invariant few : hits < 100
system {
  w(id: M + 1, t: 5s)  w[M](id: 3) arrive every 5s  child(k: i, of: {}) for i in 1..M  priority }
"""
TEXT = TEXT.replace("0..n - n seq { f", "0..3 seq { f").replace("0..n - n + 1", "0..3")
TEXT = TEXT.replace("  priority }", " }")

HERE = Span("here", 9999, 1, 9999, 2)
SPEC = load_text(TEXT, "all.wf")
PLACES = ("target", "bind", "bad")  # written, not read: only their indices are read

# Of forms that are not built yet (E0900), of types (constant once checked), of imported machines.
ELSEWHERE = {
    *("RangeType.lo", "RangeType.hi", "ArrayType.index"),
    *("Claim.key", "Require.cond", "Resource.per", "Resource.burst", "Resource.lease"),
    *("Send.value", "Send.key", "Receive.key", "Receive.where", "Deadline.duration"),
    *("Request.bind", "Request.value", "Request.within", "Pattern.p", "Pattern.q"),
    *("Pattern.within", "AssumeEventually.cond", "Channel.capacity", "Channel.ttl"),
    *("Unsupported.exprs", "Fault.at_most", "Fault.back_within"),
    *("Activity.timeout_schedule", "Activity.heartbeat", "Activity.idempotent_by"),
    *("FlowEdge.cond", "InstanceDecl.domain"),  # of a domain: its ends
    # Constants, or what only runs and `stability` look at.
    *(f"Controller.{n}" for n in ["target", "pid", "lo", "hi", "every", "cooldown", "gain", "lag"]),
    *("StepAction.amount", "Metric.every"),
}

Step = tuple[str, int]  # a field, and the place in it (-1: not a tuple; n: also inside of a pair)


def positions(node: Any, path: tuple[Step, ...] = ()) -> Iterator[tuple[str, tuple[Step, ...]]]:
    """Each place where an expression is read: a name for it, and the way to it."""
    for f in fields(node):
        if f.name in ("items", "warnings", "type", "resolved", "abstractions") and isinstance(
            node, ast.Spec | ast.Expr
        ):
            if not (f.name == "items" and isinstance(node, ast.ArrayLit | ast.SetLit)):
                continue
        value = getattr(node, f.name)
        for i, child in enumerate(value) if isinstance(value, tuple) else [(-1, value)]:
            if isinstance(child, tuple) and child:
                child = child[-1]  # (name, expression)
            if not isinstance(child, ast.Node):
                continue
            here = (*path, (f.name, i))
            if isinstance(child, ast.Expr) and f.name not in PLACES and _read(child, node, f.name):
                yield f"{type(node).__name__}.{f.name}", here
            yield from positions(child, here)


def _read(e: ast.Expr, parent: ast.Node, name: str) -> bool:
    if isinstance(e, ast.Range):
        return False  # its ends are read
    if isinstance(e, ast.Name) and e.ref in (RefKind.ENUM_TYPE, RefKind.INSTANCES):
        return False
    if isinstance(parent, ast.Member | ast.Index) and name == "base":
        return False  # a place may begin here, or the name of an instance; `whole` is read
    return not (isinstance(e, ast.NoneLit) or e.type is None)


def put(node: Any, path: tuple[Step, ...], change: Any) -> Any:
    if not path:
        return change(node)
    (name, i), rest = path[0], path[1:]
    value = getattr(node, name)
    if i < 0:
        return replace(node, **{name: put(value, rest, change)})
    item = value[i]
    new = (*item[:-1], put(item[-1], rest, change)) if isinstance(item, tuple) else None
    new = put(item, rest, change) if new is None else new
    return replace(node, **{name: (*value[:i], new, *value[i + 1 :])})


def undefined(e: Any) -> ast.Expr:
    """The same value, from beyond the end of an array that holds nothing else."""
    assert is_dataclass(e)
    one = ast.IntLit(1, span=HERE)
    array = ast.ArrayLit((e,), type=Array(e.type, 1, None), span=HERE)  # type: ignore[arg-type]
    return ast.Index(array, one, type=e.type, span=HERE)  # type: ignore[arg-type]


ALL = list(positions(SPEC))


def test_the_spec_is_supported_and_its_places_are_told_apart() -> None:
    assert not unsupported(SPEC)
    assert all(o.span != HERE for o in lower(SPEC).obligations)


def test_no_position_of_the_syntax_is_left_out() -> None:
    kinds: list[type] = [ast.Node]
    seen = set()
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        if is_dataclass(kind) and not issubclass(kind, ast.Expr):
            seen |= {f"{kind.__name__}.{f.name}" for f in fields(kind) if "Expression" in f.type}
    missing = seen - {name for name, _ in ALL} - ELSEWHERE
    assert {m for m in missing if m.split(".")[1] not in PLACES} == set()


@pytest.mark.parametrize("number", range(len(ALL)), ids=lambda i: f"{ALL[i][0]}-{i}")
def test_it_is_asked(number: int) -> None:
    _, path = ALL[number]
    system = lower(put(SPEC, path, undefined))
    assert any(o.span == HERE for o in system.obligations)
