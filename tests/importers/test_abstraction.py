"""The imported machine can do whatever the original does: runs on real JSON are found again."""

from __future__ import annotations

import importlib.util
import json
from itertools import pairwise, product
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from wfverify.dsl.importers import import_text
from wfverify.dsl.types import Enum
from wfverify.semantics.expr import Sort
from wfverify.semantics.lower import lower
from wfverify.semantics.values import enabled, fire, initial_holds, initial_state, relation_holds

_SPEC = importlib.util.spec_from_file_location(
    "asl_reference", Path(__file__).with_name("reference.py")
)
assert _SPEC is not None and _SPEC.loader is not None
reference = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(reference)

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


def found_again(machine: dict[str, Any], entered: list[str]) -> tuple[bool, str]:
    """Is there a run of the transition system that enters these states in this order?"""
    system = lower(import_text(json.dumps(machine), "m.json"))
    free = [v for v in system.variables if v.init is None]
    size = 1
    for v in free:
        size *= len(_values(v))
    assume(size <= 600)
    now = set()
    for chosen in product(*map(_values, free)):
        state = initial_state(system, dict(zip([v.index for v in free], chosen, strict=True)))
        if initial_holds(system, state):
            now.add(state)

    def fired(state: Any, rule: Any) -> Any:
        if enabled(rule, state):
            for inputs in product(*map(_values, rule.inputs)):
                after = fire(rule, state, inputs)
                if relation_holds(rule, state, inputs, after):
                    yield after

    def inner(name: str) -> bool:
        """A step that enters no state of the original."""
        return " -> " not in name or name.split(" -> ")[1] not in machine["States"]

    for here, there in pairwise(entered):
        todo, known = list(now), set(now)
        after = set()
        while todo:
            assume(len(known) < 1500)
            state = todo.pop()
            for rule in system.rules:
                if inner(rule.name):
                    for new in fired(state, rule):
                        if new not in known:
                            known.add(new)
                            todo.append(new)
                elif rule.name.split(" -> ")[1] == there:
                    source = rule.name.split(" -> ")[0]
                    if source == here or source.startswith(here + " ("):
                        after.update(fired(state, rule))
        if not after:
            return False, f"{here} -> {there} of {entered}"
        now = after
    return True, ""


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(STATE, min_size=5, max_size=5), st.data())
def test_runs_on_real_data_are_runs_of_the_import(states, data):
    machine = {
        "StartAt": "s0",
        "States": {f"s{i}": s for i, s in enumerate(states)} | {"end": {"Type": "Succeed"}},
    }
    document = data.draw(OBJECT, label="input")
    answers = st.one_of(JSON, st.just(reference.Stop))
    entered = reference.run(machine, document, lambda: data.draw(answers, label="result"), 8)
    assume(len(entered) > 1)
    ok, why = found_again(machine, entered)
    assert ok, why
