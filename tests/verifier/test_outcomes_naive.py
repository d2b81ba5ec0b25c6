"""Verdicts on small random workflows against all of their timed runs."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from timed_naive import Timed, TooMuch
from wfverify.dsl import load_text
from wfverify.dsl.errors import Rejected
from wfverify.interpreter.retrace import replay
from wfverify.interpreter.timing import Scheduling, schedule
from wfverify.semantics.lower import lower
from wfverify.verifier.portfolio import Options, verify
from wfverify.verifier.verdict import Proved, Refuted, Unknown

CHECKS = ("timing_independent", "deterministic")


class Maker:
    """Specs of a few activities: races, claims, failures, time-outs, choices, policies."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.left = self.rng.randint(2, 3)

    def spec(self) -> str:
        parts = "\n".join(self.activity(n) for n in "abc")
        body = self.term(3)
        head = "error E transient\nerror F transient\nresource l : lock\nresource r : pool(1)\n"
        data = "var x: int = 0\n var y: int = 0\n var go: bool = false\n"
        return f"{head}workflow w fails E, F {{ {data} {parts}\n run {{ {body} }} }}"

    def activity(self, name: str) -> str:
        pick = self.rng.choice
        takes = pick(["takes 1s", "takes 2s", "takes 1s..2s", "takes 1s..3s", "takes 0s..1s"])
        fails = pick(["", "", "fails E", "fails F", "fails E"])
        timeout = pick(["", "", "", "timeout 2s"])
        uses = pick(["", "", "", "uses l exclusive", "uses r 1"])
        retry = pick(["", "", "", "retry 1 on E backoff 1s"]) if "E" in fails else ""
        effect = pick(["x := 1", "x := 2", "x += 1", "y := x", "go := true", "y += 1", ""])
        do = f"do {{ {effect} }}" if effect else ""
        return f"activity {name} {{ {uses} {takes} {timeout} {fails} {retry} {do} }}"

    def term(self, depth: int) -> str:
        pick = self.rng.choice
        if depth == 0 or self.left <= 0:
            return self.leaf()
        sub = lambda: self.term(depth - 1)  # noqa: E731
        kind = pick(["par", "par", "par", "seq", "try", "within", "any", "all", "choice", "if",
                     "using", "retry", "finally", "steps", "nocancel"])  # fmt: skip
        match kind:
            case "par":
                return f"{{ {sub()} || {sub()} }}"
            case "seq":
                return f"{sub()} ; {sub()}"
            case "try":
                return f"try {{ {sub()} }} catch {pick(['E', 'F', 'Timeout', '*'])} {{ {pick(['skip', 'y := 5'])} }}"  # noqa: E501
            case "within":
                return f"within {pick(['1s', '2s', '3s'])} {{ {sub()} }} else {{ {pick(['skip', 'y := 7'])} }}"  # noqa: E501
            case "any":
                return f"par any {{ {sub()} || {sub()} }}"
            case "all":
                return f"par wait_all {{ {sub()} || {sub()} }}"
            case "choice":
                return f"{{ {sub()} + {sub()} }}"
            case "if":
                return f"if ({pick(['x > 0', 'go', 'running(a)', 'used(r) > 0', 'done(b)'])}) {{ {sub()} }} else {{ {sub()} }}"  # noqa: E501
            case "using":
                return f"using (l exclusive) {{ {sub()} }}"
            case "retry":
                return f"retry(1 on E) {{ {sub()} }}"
            case "finally":
                return f"try {{ {sub()} }} finally {{ y += 1 }}"
            case "nocancel":
                return f"nocancel {{ {sub()} }}"
            case _:
                join = pick(["", "join any", "join always", "join on_failure"])
                return f"steps {{ n1 {{ {sub()} }} n2 {{ {sub()} }} n3 {{ {self.leaf()} }} after n1, n2 {join} }}"  # noqa: E501

    def leaf(self) -> str:
        pick = self.rng.choice
        if self.left > 0 and self.rng.random() < 0.75:
            self.left -= 1
            return pick("abc")
        return pick(["x := 3", "y := x", "x += 1", "wait 1s", "wait until (go)", "go := true",
                     "fail E", "fail F", "skip"])  # fmt: skip


def differences(text: str) -> tuple[list[str], list[str]]:
    """(what is wrong with the verdicts, the verdicts by name)."""
    spec = load_text(text, "s.wf")
    system = lower(spec)
    options = Options(only=CHECKS, timeout=20)
    results = verify(spec, system, options, replay=replay, schedule=schedule)
    wrong: list[str] = []
    names: list[str] = []
    for result in results:
        if result.check not in CHECKS:
            continue
        verdict = result.verdict
        fixed = result.check == "deterministic"
        names.append(f"{type(verdict).__name__} {result.check}")
        if isinstance(verdict, Unknown):
            continue
        if isinstance(verdict, Refuted):
            assert verdict.second is not None
            scheduling = Scheduling(system)
            for trace in (verdict.trace, verdict.second):
                if scheduling.misplaced(trace) is not None:
                    wrong.append(f"{result.check}: times that are not possible")
        if isinstance(verdict, Proved):
            try:
                if Timed(system, 6000).parts(fixed):
                    wrong.append(f"{result.check}: PROVED ({verdict.engine}), but two runs part")
            except TooMuch:
                names[-1] += " (not compared)"
    return wrong, names


@pytest.mark.parametrize("seed", range(40))
def test_proofs_against_all_runs(seed: int) -> None:
    text = Maker(seed).spec()
    try:
        wrong, _ = differences(text)
    except Rejected:
        return
    assert not wrong, f"{wrong}\n{text}"
