"""What each check means, an example of what it refutes, and how to mend it.

`tests/report/test_explain.py` compares the names with the table in docs/checks.md.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from types import MappingProxyType

from ..dsl.records import dataclass


@dataclass(frozen=True, slots=True)
class Explanation:
    """`refuted` is a piece of `.wf` with the reason after `//`; `mend` is one sentence."""

    meaning: str
    refuted: str
    mend: str
    warning: bool = False  # the level when the spec says nothing


def _e(meaning: str, refuted: str, mend: str, warning: bool = False) -> Explanation:
    return Explanation(meaning, refuted, mend, warning)


CHECKS: Mapping[str, Explanation] = MappingProxyType(
    {
        "resources": _e(
            "In every reachable state the units in use of each resource are at most its "
            "capacity, and nothing is held after a workflow has ended, however it ended.",
            "resource api : pool(3) advisory\n"
            "a || b     // each `uses api 2`: 4 of 3 when both run",
            "make the claim wait (drop `advisory`), claim less, raise the capacity, or run the "
            "activities one after the other.",
        ),
        "borrows": _e(
            "An exclusive borrow of a lock is never held together with another borrow of the "
            "same lock, and no borrow outlives its block.",
            "resource ledger : lock advisory\n"
            "charge || audit     // one `ledger exclusive`, one `ledger shared`",
            "borrow `shared` where the activity only reads, or run the two one after the other.",
        ),
        "dependencies": _e(
            "No activity starts before everything that it depends on has completed.",
            "steps { load  train after load join any }     // train needs(done(load))",
            "add the missing `after`, or change `join any` to `join all`.",
        ),
        "atomicity": _e(
            "Each step is all or nothing: what its events say, applied to the state before, is "
            "the state after; a transaction commits all of its writes or none.",
            "a transaction whose writes are lost at a crash",
            "put the writes that belong together into one `atomic` block.",
        ),
        "deadlock_free": _e(
            "Every set of waiting threads can be released by something outside of it.",
            "using (a exclusive) { using (b exclusive) { p } }\n"
            "|| using (b exclusive) { using (a exclusive) { q } }\n"
            "// the first holds a and waits for b, the second holds b and waits for a",
            "claim everything at once, `using (a exclusive, b exclusive)`, and nothing of it again "
            "inside; or claim the resources in the same order everywhere.",
        ),
        "terminates": _e(
            "Every run ends, if whatever can go on for ever is scheduled fairly. What was assumed "
            "of the environment (`assume eventually`) is listed with the verdict.",
            "while (not ok) { ok <- poll() }     // poll may answer false for ever",
            "bound the loop with `at_most n`, or let every round bring something nearer to its end "
            "(`decreases e` says what).",
        ),
        "can_finish": _e(
            "From every reachable state an end of the workflow can be reached.",
            "wait until (flag)     // nothing sets flag after the other branch has failed",
            "let every path reach an end: give the wait an interrupt (`within 30s { .. }`), or set "
            "what it waits for on every path.",
        ),
        "no_dead_code": _e(
            "Every activity, branch and handler can run: in some instance, call and round.",
            "if (n >= 0) { a } else { b }     // n is never negative: b never runs",
            "remove what never runs, or correct the condition before it.",
            warning=True,
        ),
        "deterministic": _e(
            "The same inputs and the same answers of the environment, durations included, give "
            "the same result.",
            "x := 1 || x := 2     // the result depends on the order of two ready steps",
            "order the two steps with `;`, or let only one of them write.",
        ),
        "timing_independent": _e(
            "The result does not depend on which activity finishes first.",
            "a || b     // a does x := 1, b does x := 2",
            "order the two with `;`, use commuting updates (`x += e`), or accept it with "
            '`skip_check timing_independent "reason"`.',
            warning=True,
        ),
        "race_free": _e(
            "Where two steps may come at one instant, it does not matter for the data which is "
            "first, or a common lock keeps them apart. What an activity `reads` does not change "
            "while it runs.",
            "{ x := x + 1 } || { x := x * 2 }     // 2 or 1; no common lock",
            "order them with `;`, write `x += e` where both only add, borrow one lock around both "
            "(`using (l exclusive) { .. }`, from a test to what is done because of it), or, if "
            'either order will do, say so: `skip_check race_free "reason"`.',
        ),
        "handled": _e(
            "No error leaves a workflow unless the workflow declares it with `fails`.",
            "workflow w { activity a { fails Network } run { a } }     // Network leaves w",
            "catch the error (`try { .. } catch E { .. }`), or declare it: `workflow w fails E`.",
            warning=True,
        ),
        "compensated": _e(
            "When a saga fails or is cancelled, each effect that was done is undone, in the right "
            "order, and each variable that its activities wrote has its value from before.",
            "saga { charge ; ship }     // ship fails, charge has no `undo`",
            "give the activity an `undo` (or `undo skip` when there is nothing to take back), and "
            "put what cannot be undone last.",
        ),
        "timeouts": _e(
            "Retries and backoff fit in the timeout around them, heartbeats come often enough, "
            "and a wait that may never end has a timeout.",
            "activity a { takes 1s..20s  fails E  retry 3 on E backoff 10s }\n"
            "within 1m { a }     // four attempts and their waits take up to 1m50s",
            "raise the outer timeout, or lower the attempts, the backoff or `takes`; give a wait "
            "without limit a `within`.",
        ),
        "starvation_free": _e(
            "Whoever waits for a resource gets it, under the declared scheduler.",
            "scheduler priority     // two urgent loops keep a third one waiting for ever",
            "use `scheduler fair`, bound how often the others can overtake, or let the holder "
            "give it back; behind the head of a queue (`head_of_line`), let who fits pass with "
            "`scheduler priority`.",
            warning=True,
        ),
        "messages": _e(
            "No message is lost on its way, or left where nobody will receive it any more (unless "
            "its channel is `optional`); nobody waits for ever for a message, for room for one, or "
            "for an answer; no answer comes to nobody. A channel without `capacity` has room for "
            "all that is ever sent.",
            "receive x from c     // nothing sends to c on this path",
            "send on every path that leads to the receive, or give the receive a `within`.",
        ),
        "idempotency": _e(
            "An activity that may be run again after an attempt whose effect is not known leaves "
            "the same data when its `do` is applied twice, or has an idempotency key.",
            "activity pay at_least_once { retry 3 on Timeout  do { paid += 10 } }",
            "add `idempotent by KEY`, or write `do` so that twice is the same as once.",
            warning=True,
        ),
        "arithmetic": _e(
            "No division by zero, no value outside of its declared range, no index outside of "
            "its array, no missing option value, no negative time, no count that cannot be.",
            "var share: int 0..10 = 0 ... share := total / n     // n may be 0",
            "test before you compute (`if (n > 0)`), or state what is known with `requires`.",
        ),
        "exhaustive": _e(
            "A `switch` without `default` covers every value that can reach it.",
            "switch (status) { case draft { a } case booked { b } }     // cancelled",
            "add the missing `case`, or a `default`.",
        ),
        "stability": _e(
            "A controller's closed loop with its declared plant is stable, its actions stay within "
            "their bounds and keep the cooldown, and no other controller sets the same capacity.",
            "controller k on m target 0.6 pid(40, 0, 0) ...     // oscillates with growing swings",
            "lower the gains, shorten `every` or `cooldown`, or widen the band between two levels; "
            "let one controller set a capacity.",
        ),
        "upgrade": _e(
            "Every unfinished run of the old version can be continued by the new one.",
            "upgrade u : v2 from v1     // v2 dropped an activity that v1 may be running",
            "keep the old step until its runs have ended; `wfverify migrate` lists where they can "
            "go on.",
        ),
    }
)

PROPERTIES: Mapping[str, Explanation] = MappingProxyType(
    {
        "invariant": _e(
            "The condition holds in every reachable state.",
            "invariant never_negative : paid >= 0     // a refund before any payment",
            "correct the step that breaks it (the last one of the run), or the condition.",
        ),
        "always": _e(
            "The condition holds over every step; `next(x)` is the value after the step.",
            "always booked_is_final : status == booked => next(status == booked)",
            "correct the step that breaks it (the last one of the run), or the condition.",
        ),
        "requires": _e(
            "The workflow starts only with arguments for which the condition holds.",
            "run { child(0) }     // child has `requires n > 0`",
            "call with arguments that meet the condition, or test before the call.",
        ),
        "ensures": _e(
            "The condition holds whenever the workflow (or the activity) completes.",
            "ensures paid == 0     // one path ends without the refund",
            "correct the path that the run shows, or weaken the condition.",
        ),
        "contracts": _e(
            "An activity starts only where its `needs` holds, claims no negative amount, and its "
            "`ensures` can be met at all; so can `requires`, and some run gets past each `assume`.",
            "activity ship { needs paid > 0 }     // a path reaches ship before the payment",
            "establish `needs` on every path before the activity, and write an `ensures` that some "
            "result meets.",
        ),
        "assert": _e(
            "The condition holds whenever control is at the `assert`.",
            "assert total == a + b     // another thread changes a",
            "correct the steps before it, or the condition.",
        ),
        "property": _e(
            "The order holds in every run: `never p after q` (p does not come to hold once q has "
            "held), `p precedes q` (p has held when q does), `q leads_to p` and `eventually p` (in "
            "every fair run, then or later), `q leads_to p within 5s` (in every run, by then).",
            "property p : done(pay) precedes done(ship)     // ship does not wait for pay",
            "order the two with `;` or `after`, or correct the property.",
        ),
        "deadline": _e(
            "No run of the workflow takes longer.",
            "deadline 10s     // two activities of up to 8s, one after the other",
            "raise the deadline, run independent parts with `||`, or bound `takes` and `retry`.",
        ),
        "equivalent": _e(
            "The two workflows cannot be told apart under the named equivalence.",
            "equivalent e : v1, v2 under trace     // v2 has a run that v1 has not",
            "follow the run: it is one that only one of the two has. `wfverify equiv FILE FILE "
            "--workflow v1,v2` says under which equivalences they are alike.",
        ),
        "refines": _e(
            "Every behaviour of the first workflow is one of the second.",
            "refines r : v2, v1     // v2 skips a step that v1 always takes",
            "follow the run: it is one that the abstract workflow does not have.",
        ),
        "law": _e(
            "The two terms are equivalent for all workflows put in for the names.",
            "law l forall a, b : a ; b == b ; a under trace     // a = a1, b = b1",
            "look at the terms of the example: put in, they tell the two sides apart.",
        ),
        "expect": _e(
            "`expect refuted NAME` says that NAME is known to fail: the exit status is 0 only if "
            "it is refuted.",
            "expect refuted never_negative     // but never_negative is proved",
            "remove the `expect refuted` of what now holds.",
        ),
    }
)


_FOREIGN: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "asl": {
            "handled": 'give the state a "Catch" for the error, or let the machine fail.',
            "terminates": "count the rounds (States.MathAdd) and compare them in the Choice, or "
            'give the machine "TimeoutSeconds".',
            "can_finish": "let every path lead to a state that ends the machine, and check the "
            "tests of the Choice states on the way.",
            "no_dead_code": "remove the state, or correct the Choice before it.",
            "exhaustive": 'give the Choice a "Default".',
            "timing_independent": "if the time limit is meant to decide, nothing; otherwise let a "
            'Catch for "States.Timeout" lead to the same end, and catch errors inside the branches '
            "of a Parallel or Map, so that it does not matter which one fails first.",
            "deterministic": "catch errors inside the branches of the Parallel or Map, and decide "
            "in a Choice after it.",
            "deadlock_free": 'give the state "TimeoutSeconds", and a Catch for "States.Timeout".',
            "race_free": "let the branches give back their data, and join them after the Parallel.",
            "atomicity": "report it: this is a fault of the importer.",
            "arithmetic": "test the field in a Choice before it is used.",
            "contracts": "give the field a value on every path before it is used.",
        }
    }
)


def find(name: str) -> Explanation | None:
    """Of a check or of a kind of property."""
    return CHECKS.get(name) or PROPERTIES.get(name)


def mend(check: str, imported_from: str = "") -> str:
    """One sentence, in the words of the foreign format if any; "" for a name that is not known."""
    if imported_from and check in _FOREIGN.get(imported_from, {}):
        return _FOREIGN[imported_from][check]
    found = find(check)
    return found.mend if found else ""


def known() -> tuple[str, ...]:
    """All names: the checks, then the kinds of properties."""
    return (*CHECKS, *PROPERTIES)


def suggest(name: str) -> str:
    """The known name that looks most like this one, "" for none."""
    close = difflib.get_close_matches(name.replace("-", "_").lower(), known(), 1, 0.6)
    return close[0] if close else ""


def describe(name: str, explanation: Explanation) -> str:
    """The text of `wfverify explain NAME`."""
    level = "warning" if explanation.warning else "error"
    kind = f"built-in check, level {level}" if name in CHECKS else "property of a spec"
    example = "\n".join(f"      {line}" for line in explanation.refuted.splitlines())
    return (
        f"{name} ({kind})\n"
        f"{_wrap(explanation.meaning)}\n"
        f"  Refuted, for example:\n{example}\n"
        f"{_wrap('Mend: ' + explanation.mend)}\n"
    )


def overview() -> str:
    """The text of `wfverify explain`: one line each."""
    width = max(map(len, known())) + 2
    lines = ["Built-in checks (all run by default; * is a warning by default):"]
    for name, item in CHECKS.items():
        mark = "*" if item.warning else " "
        lines.append(f" {mark}{name.ljust(width)}{_first(item.meaning, 96 - width)}")
    lines.append("Properties of a spec:")
    for name, item in PROPERTIES.items():
        lines.append(f"  {name.ljust(width)}{_first(item.meaning, 96 - width)}")
    lines.append("`wfverify explain NAME` tells more.")
    return "\n".join(lines) + "\n"


def _first(text: str, width: int) -> str:
    import textwrap

    return textwrap.shorten(text, width, placeholder=" ..")


def _wrap(text: str) -> str:
    import textwrap

    return textwrap.fill(text, 96, initial_indent="  ", subsequent_indent="  ")
