"""`expect refuted`, results as they come, and what verdicts on imported specs rest on."""

from __future__ import annotations

import json

import pytest
from wfverify.dsl import ast, load_text
from wfverify.dsl.importers import import_text
from wfverify.interpreter import replay, schedule, simulator
from wfverify.report.outcome import Exit, Report, exit_status
from wfverify.semantics.lower import lower
from wfverify.verifier.portfolio import in_order, verify
from wfverify.verifier.session import Options
from wfverify.verifier.verdict import Proved, Refuted, Result, Unknown

POOLS = """
resource api : pool(1) advisory
resource db : pool(5)
activity call {{ uses api 1  uses db 1 }}
workflow w {{ run {{ call || call }} }}
expect refuted {name}
"""

MADE = ("expect", "skip_check")  # what is said of the spec's own words, at the end


def results(spec: ast.Spec, *only: str, timeout: float = 20.0) -> list[Result]:
    seen: list[Result] = []
    system = lower(spec)
    out = verify(
        spec,
        system,
        Options(only=only, timeout=timeout),
        replay=replay,
        schedule=schedule,
        simulate=simulator,
        progress=lambda what: seen.append(what) if isinstance(what, Result) else None,
    )
    heard = [(r.check, r.name, type(r.verdict)) for r in in_order(seen, system)]
    assert heard == [(r.check, r.name, type(r.verdict)) for r in out if r.check not in MADE]
    return out


def status_of(found: list[Result]) -> Exit:
    return exit_status(Report(file="w.wf", results=tuple(found)))


@pytest.mark.parametrize("name", ["resources", "api"])
def test_a_proved_sibling_of_what_is_refuted_is_plainly_proved(name: str) -> None:
    found = results(load_text(POOLS.format(name=name), "w.wf"))
    api, db = (next(r for r in found if r.name == n) for n in ("api", "db"))
    assert isinstance(api.verdict, Refuted)
    assert api.expected
    assert isinstance(db.verdict, Proved)
    assert not db.expected
    assert status_of(found) is Exit.PROVED


def test_a_resource_that_is_not_refuted_is_not_green() -> None:
    found = results(load_text(POOLS.format(name="db"), "w.wf"))
    assert next(r for r in found if r.name == "db").expected
    assert status_of(found) is Exit.REFUTED


def test_a_name_of_which_nothing_is_checked_is_not_green() -> None:
    text = "workflow w { run { skip } }\nexpect refuted contracts\n"
    found = results(load_text(text, "w.wf"))
    assert [r.name for r in found if r.check == "expect"] == ["contracts"]
    assert status_of(found) is Exit.UNKNOWN


def test_no_time_is_no_verdict_and_says_so() -> None:
    text = "workflow w { var x: int = 0 run { x := 1 } invariant zero : x == 0 }"
    found = results(load_text(text, "w.wf"), timeout=0.0)
    verdicts = [r.verdict for r in found if r.check == "terminates"]
    assert isinstance(verdicts[0], Unknown)
    assert "--timeout" in verdicts[0].why


def machine(choice: dict[str, object]) -> ast.Spec:
    states = {
        "Each": {
            "Type": "Map",
            "ItemProcessor": {
                "StartAt": "One",
                "States": {"One": {"Type": "Task", "Resource": "r", "End": True}},
            },
            "Next": "Look",
        },
        "Look": {"Type": "Choice", "Choices": [choice], "Default": "Each"},
        "Done": {"Type": "Succeed"},
    }
    text = json.dumps({"StartAt": "Each", "States": states}, indent=1)
    spec = import_text(text, "m.asl.json")
    assert spec is not None
    return spec


def test_what_an_imported_machine_rests_on_is_listed() -> None:
    spec = machine({"Variable": "$.status", "StringEquals": "ok", "Next": "Done"})
    only = ("deadlock_free", "atomicity", "terminates")
    found = {r.check: r.verdict for r in results(spec, *only)}
    free, rules = found["deadlock_free"], found["atomicity"]
    assert isinstance(free, Proved)
    assert any(text.startswith("the items of Each") for text in free.assumptions)
    assert isinstance(rules, Proved)
    assert rules.assumptions == ()
    forever = found["terminates"]
    assert isinstance(forever, Refuted)
    assert any(text.startswith("the data at $.status") for text in forever.abstract)
    assert not any("TimeoutSeconds" in text for text in forever.abstract)
    assert forever.span.line > 1


ROUNDS = {
    "data of any size": """
workflow w {
  var x: int = 1
  activity ask { takes 1s..2s  writes x }
  run { while (x > 0) { ask } }
}
""",
    "two loops side by side, each with its own clock": """
workflow w {
  var a: int = 0
  var b: int = 0
  activity p { takes 20s..20s }
  activity q { takes 30s..30s }
  run { { while (a == 0) { p } } || { while (b == 0) { q } } }
}
""",
}


@pytest.mark.parametrize("text", ROUNDS.values(), ids=ROUNDS.keys())
def test_a_round_without_end_is_shown_with_times(text: str) -> None:
    found = results(load_text(text, "w.wf"), "terminates")
    verdict = next(r.verdict for r in found if r.check == "terminates")
    assert isinstance(verdict, Refuted)
    assert verdict.trace.loop_at is not None


def test_a_loop_over_data_of_any_size_that_ends_is_not_refuted() -> None:
    text = "workflow w(n: int) { var x: int = 0 run { while (x < n) { x := x + 1 } } }"
    found = results(load_text(text, "w.wf"), "terminates")
    assert isinstance(next(r.verdict for r in found if r.check == "terminates"), Proved)


SPEAKING = """workflow w {
  var x: int = 0
  activity a { takes 1s  do { x := 3 } }
  run { a }
  invariant pos : x >= 0
  invariant bad : x < 3
  %s
}
"""


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ('skip_check invariants "r"', Exit.PROVED, "invariant: skipped: r"),
        (
            'skip_check race_free "r"\n  check race_free\n  expect refuted bad',
            Exit.PROVED,
            "race_free: skipped: r (`check race_free` at 8:3 has no effect)",
        ),
        ('skip_check invariants at bad "r"', Exit.PROVED, "invariant bad: skipped: r"),
        (
            'skip_check invariants at bid "r"\n  expect refuted bad',
            Exit.UNKNOWN,
            "skip_check invariant at bid: invariant has no line of its own for `bid`; "
            "there is pos, bad",
        ),
        (
            'skip_check race_free at w "r"\n  expect refuted bad',
            Exit.UNKNOWN,
            "skip_check race_free at w: race_free has no line of its own for `w`; "
            "to skip all of it, leave out `at w`",
        ),
        ("expect refuted invariants", Exit.PROVED, ""),
        (
            'expect refuted bad\n  expect refuted race_free\n  skip_check race_free "r"',
            Exit.UNKNOWN,
            "expect race_free: it is skipped, so it was not refuted: remove one of the two",
        ),
        (
            "expect refuted bad\n  expect refuted upgrade",
            Exit.UNKNOWN,
            "expect upgrade: nothing of that name was checked, so nothing of it was refuted",
        ),
        ("expect refuted bad\n  expect refuted no_dead_code", Exit.REFUTED, ""),
    ],
)
def test_words_about_checks(words: str, code: Exit, said: str) -> None:
    found = results(load_text(SPEAKING % words, "s.wf"))
    lines = [
        f"{r.check} {r.name}".strip()
        + f": {f'skipped: {r.skipped}' if r.verdict is None else getattr(r.verdict, 'why', '')}"
        for r in found
    ]
    assert exit_status(Report("s.wf", results=tuple(found))) == code
    assert not said or said in lines


def test_places_of_a_line_with_two_names() -> None:
    text = """error E permanent
    workflow w { run { fail E } }
    skip_check handled at %s "known"
    """
    for place in ("w", "E"):
        (skipped,) = (r for r in results(load_text(text % place, "s.wf")) if r.verdict is None)
        assert (skipped.check, skipped.name, skipped.skipped) == ("handled", "w: E", "known")
