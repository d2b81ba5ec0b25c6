"""The imported machine can do whatever the original does: runs on real JSON are found again."""

from __future__ import annotations

import importlib.util
import json
from collections import Counter
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from wfverify.dsl.importers import import_text
from wfverify.dsl.types import Enum
from wfverify.semantics.expr import Sort
from wfverify.semantics.lower import lower
from wfverify.semantics.system import Rule
from wfverify.semantics.values import enabled, fire, initial_holds, initial_state, relation_holds
from wfverify.verifier.engines.common import conjuncts, fixed_by

_SPEC = importlib.util.spec_from_file_location(
    "asl_reference", Path(__file__).with_name("reference.py")
)
assert _SPEC is not None and _SPEC.loader is not None
reference = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(reference)

MAX_STEPS = 2_000  # of one search

State = tuple[Any, ...]

PATHS = ["$", "$.a", "$.b", "$.a.b", "$.c"]
LEAF = st.sampled_from([None, True, False, 0, 1, 2, 5, "A", "B", "A.x"])
JSON = st.recursive(
    LEAF, lambda v: st.dictionaries(st.sampled_from("abc"), v, max_size=3), max_leaves=5
)
OBJECT = st.dictionaries(st.sampled_from("abc"), JSON, max_size=3)
PATH = st.sampled_from(PATHS)
TARGETS = st.sampled_from(["s0", "s1", "s2", "s3", "s4", "end"])

TEST = st.builds(
    lambda path, word: {"Variable": path, **word},
    PATH,
    st.one_of(
        *(
            st.fixed_dictionaries({f"Numeric{r}": st.sampled_from([1, 2])})
            for r in ("Equals", "LessThan", "GreaterThanEquals")
        ),
        st.fixed_dictionaries({"StringEquals": st.sampled_from(["A", "B"])}),
        st.fixed_dictionaries({"StringLessThanEquals": st.sampled_from(["A", "B"])}),
        st.fixed_dictionaries({"StringMatches": st.sampled_from(["A*", "*.x"])}),
        st.fixed_dictionaries({"BooleanEquals": st.booleans()}),
        st.fixed_dictionaries({"NumericLessThanPath": PATH}),
        st.fixed_dictionaries({"BooleanEqualsPath": PATH}),
        *(
            st.fixed_dictionaries({w: st.booleans()})
            for w in ("IsPresent", "IsNull", "IsNumeric", "IsString")
        ),
    ),
)
COND = st.one_of(
    TEST,
    st.builds(lambda a, b: {"And": [a, b]}, TEST, TEST),
    st.builds(lambda a, b: {"Or": [a, b]}, TEST, TEST),
    st.builds(lambda a: {"Not": a}, TEST),
)
CHOICE = st.builds(
    lambda rules, default: {
        "Type": "Choice",
        "Choices": [{**c, "Next": t} for c, t in rules],
        "Default": default,
    },
    st.lists(st.tuples(COND, TARGETS), min_size=1, max_size=2),
    TARGETS,
)
TEMPLATE = st.dictionaries(
    st.sampled_from(["a", "b", "c", "a.$", "b.$", "c.$"]), JSON, min_size=1, max_size=3
).flatmap(
    lambda t: st.fixed_dictionaries(
        {
            k: (
                st.one_of(PATH, PATH.map(lambda p: f"States.MathAdd({p}, 1)"))
                if k.endswith("$")
                else st.just(v)
            )
            for k, v in t.items()
            if k.endswith("$") or k + ".$" not in t
        }
    )
)


def _optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


PASS = st.builds(
    lambda more, target: {"Type": "Pass", "Next": target, **more},
    _optional(
        Result=JSON,
        Parameters=TEMPLATE,
        ResultPath=st.one_of(st.none(), PATH),
        InputPath=PATH,
        OutputPath=PATH,
    ),
    TARGETS,
)
TASK = st.builds(
    lambda more, target, catch: {
        "Type": "Task",
        "Resource": "arn",
        "Next": target,
        **more,
        **({"Catch": [{"ErrorEquals": ["States.ALL"], **catch}]} if catch else {}),
    },
    _optional(
        ResultPath=st.one_of(st.none(), PATH),
        OutputPath=PATH,
        ResultSelector=st.sampled_from([{"a": "A"}, {"a.$": "$.a", "b": 1}]),
    ),
    TARGETS,
    st.one_of(
        st.none(),
        st.fixed_dictionaries({"Next": TARGETS}, optional={"ResultPath": PATH}),
    ),
)
STATE = st.one_of(CHOICE, CHOICE, PASS, PASS, TASK)


def _values(declared: Any) -> tuple[Any, ...]:
    if declared.sort is Sort.BOOL:
        return (False, True)
    if isinstance(declared.type, Enum):
        return tuple(range(len(declared.type.values)))
    return (0, 1, 2, 5)


class TooLarge(Exception):
    """The search for one run was given up: nothing is known about the example."""


class Search:
    """Depth first for one run; each (how far it has come, state) is looked at once."""

    def __init__(self, machine: dict[str, Any], entered: list[str]) -> None:
        self.entered = entered
        self.names = set(machine["States"])
        self.system = lower(import_text(json.dumps(machine), "m.json"))
        # what a guard pins is looked at before it is worked out
        self.rules = [
            (r, [(v, c.value) for v, c in fixed_by(conjuncts(r.guard)).items()])
            for r in self.system.rules
        ]
        self.left = MAX_STEPS
        self.furthest = 0

    def effort(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise TooLarge

    def starts(self) -> Iterator[tuple[int, State]]:
        """All states in which a run may begin."""
        free = [v for v in self.system.variables if v.init is None]
        for chosen in product(*map(_values, free)):
            self.effort()
            given = dict(zip([v.index for v in free], chosen, strict=True))
            state = initial_state(self.system, given)
            if initial_holds(self.system, state):
                yield 0, state

    def steps(self, at: int, state: State) -> Iterator[tuple[int, State]]:
        """What may follow when `at` states have been left: first what enters the next one."""
        here, there = self.entered[at : at + 2]
        entering, inner = list[Rule](), list[Rule]()
        for rule, pinned in self.rules:
            if any(state[v] != value for v, value in pinned) or not enabled(rule, state):
                continue
            source, _, target = rule.name.partition(" -> ")
            if target not in self.names:
                inner.append(rule)
            elif target == there and (source == here or source.startswith(here + " (")):
                entering.append(rule)
        for rule in entering + inner:
            for inputs in product(*map(_values, rule.inputs)):
                self.effort()
                after = fire(rule, state, inputs)
                if relation_holds(rule, state, inputs, after):
                    yield at + (rule in entering), after

    def found(self) -> bool:
        """Raises `TooLarge` rather than answer from a part of the states."""
        stack, seen = [self.starts()], set[tuple[int, State]]()
        while stack:
            now = next(stack[-1], None)
            if now is None:
                stack.pop()
            elif now not in seen:
                seen.add(now)
                self.furthest = max(self.furthest, now[0])
                if now[0] == len(self.entered) - 1:
                    return True
                stack.append(self.steps(*now))
        return False


def test_runs_on_real_data_are_runs_of_the_import():
    """What is too large to search is no example; most must not be."""
    count = Counter[str]()

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(STATE, min_size=5, max_size=5), st.data())
    def one(states, data):
        machine = {
            "StartAt": "s0",
            "States": {f"s{i}": s for i, s in enumerate(states)} | {"end": {"Type": "Succeed"}},
        }
        document = data.draw(OBJECT, label="input")
        answers = st.one_of(JSON, st.just(reference.Stop))
        entered = reference.run(machine, document, lambda: data.draw(answers, label="result"), 8)
        assume(len(entered) > 1)
        search = Search(machine, entered)
        try:
            found = search.found()
        except TooLarge:
            count["too large"] += 1
            assume(False)
        count["searched"] += 1
        assert found, f"nothing follows {entered[: search.furthest + 1]} in a run {entered}"

    one()
    assert count["searched"] > 3 * count["too large"], f"the bounds leave little to test: {count}"
