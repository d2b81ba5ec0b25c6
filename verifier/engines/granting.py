"""Does each step that takes units, or borrows, make sure in its guard that it may?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from ...semantics.expr import TRUE, Expr, Op, not_, same
from ...semantics.system import ResourceInfo, Rule
from .amounts import Amount, clean, sum_of
from .common import conjuncts


def guarded(writing: Iterable[Rule], resource: ResourceInfo) -> bool:
    """Every step that adds to the pool checks in its guard that there is room for it; `writing`:
    the rules that write what is in use of it."""
    used = resource.used
    for rule in writing:
        for v, e in rule.updates:
            if v != used:
                continue
            if not _growth(used, e):
                continue
            room = [
                clean(sum_of(part.args[0]))
                for part in conjuncts(rule.guard)
                if part.op is Op.LE and same(part.args[1], resource.capacity)
            ]
            if clean(sum_of(e)) not in room:
                return False
    return True


def compatible(writing: Iterable[Rule], lock: ResourceInfo) -> bool:
    """Every step that borrows the lock checks in its guard that the borrow is compatible with
    those that there are: an exclusive one with none, a shared one with shared ones."""
    assert lock.exclusive is not None
    for rule in writing:
        written = dict(rule.updates)
        more = {v: _growth(v, written[v]) for v in (lock.used, lock.exclusive) if v in written}
        taken = [v for v, grows in more.items() if grows]
        if not taken:
            continue
        if len(taken) > 1:
            return False
        amount = dict(rule.gains).get(taken[0])
        mine = None if amount is None else _one(amount)
        if amount is None or mine is None or more[taken[0]] != clean(sum_of(amount)):
            return False
        free = {lock.exclusive} if taken[0] == lock.used else {lock.used, lock.exclusive}
        for part in conjuncts(rule.guard):
            cond = part
            if part.op is Op.OR and mine is not TRUE and len(part.args) == 2:
                # `mine => nobody has it`
                first, cond = part.args
                if not same(first, not_(mine)):
                    continue
            if cond.op is Op.EQ and cond.args[1].op is Op.CONST and cond.args[1].value == 0:
                free.discard(cond.args[0].index if cond.args[0].op is Op.VAR else -1)
        if free:
            return False
    return True


def _growth(used: int, e: Expr) -> Amount:
    """By how much a step makes it grow; nothing, if it surely only gives back."""
    change = sum_of(e)
    change[("var", used)] -= 1
    change = clean(change)
    if all(k == 1 or (isinstance(k, tuple) and k[0] == "at") for k in change):
        if all(n <= 0 for n in change.values()) and _positive(change):
            return Counter()
    return change


def _one(amount: Expr) -> Expr | None:
    """When a claim is of one unit, and otherwise of none; None: it may be of more."""
    if amount.op is Op.CONST:
        return TRUE if amount.value == 1 else None
    if amount.op is Op.ITE and all(x.op is Op.CONST for x in amount.args[1:]):
        if (amount.args[1].value, amount.args[2].value) == (1, 0):
            return amount.args[0]
    return None


def _positive(change: Amount) -> bool:
    """What cancelled threads give back is a known amount, not a negative one."""
    return all(
        k == 1 or (isinstance(k, tuple) and all(x == 1 and n >= 0 for x, n in k[3])) for k in change
    )
