"""Large inputs of one kind: the seconds of a whole call, in a process of its own.

    python bench/scale.py KIND N

Kinds: `rounds` (`each i in 1..n seq`, n: 1..N), `constants`, `workflows`, `activities` (one after
the other), `states` and `choices` (a state machine in Amazon States Language).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TASK = {"Type": "Task", "Resource": "arn:aws:lambda:eu-west-1:123456789012:function:f"}


def rounds(n: int) -> str:
    return (
        f"param n: int 1..{n}\nworkflow w {{\n  var x: int = 0\n"
        "  activity a(k: int) { do { x := x + k } }\n"
        "  run { each i in 1..n seq { a(i) } }\n  invariant up : x >= 0\n}\n"
    )


def constants(n: int) -> str:
    lines = ["const C0 = 1", *(f"const C{i} = C{i - 1} + 1" for i in range(1, n))]
    return "\n".join(lines) + f"\nworkflow w {{ var x: int = 0 run {{ x := C{n - 1} }} }}\n"


def workflows(n: int) -> str:
    return "".join(f"workflow w{i} {{ activity a {{ }} run {{ a }} }}\n" for i in range(n))


def activities(n: int) -> str:
    declared = "".join(f"  activity a{i} {{ do {{ x := x + 1 }} }}\n" for i in range(n))
    body = " ;\n    ".join(f"a{i}" for i in range(n))
    return f"workflow w {{\n  var x: int = 0\n{declared}  run {{\n    {body}\n  }}\n}}\n"


def states(n: int, choices: bool = False) -> str:
    made: dict[str, dict[str, object]] = {}
    for i in range(n):
        last, following = i == n - 1, f"S{min(i + 1, n - 1)}"
        if choices and i % 3 == 1 and not last:
            rule = {"Variable": "$.x", "NumericGreaterThan": i % 7, "Next": f"S{min(i + 2, n - 1)}"}
            made[f"S{i}"] = {"Type": "Choice", "Choices": [rule], "Default": following}
        else:
            made[f"S{i}"] = {**TASK, **({"End": True} if last else {"Next": following})}
    return json.dumps({"StartAt": "S0", "States": made}, indent=1)


KINDS = {
    "rounds": rounds,
    "constants": constants,
    "workflows": workflows,
    "activities": activities,
    "states": states,
    "choices": lambda n: states(n, choices=True),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("n", type=int)
    args = parser.parse_args()
    ending = "json" if args.kind in ("states", "choices") else "wf"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{args.kind}.{ending}"
        path.write_text(KINDS[args.kind](args.n), encoding="utf-8")
        since = time.perf_counter()
        command = [sys.executable, "-m", "wfverify", str(path)]
        said = subprocess.run(command, capture_output=True, text=True).stdout
        seconds = time.perf_counter() - since
    closing = said.strip().rsplit("\n", 1)[-1].split(": ", 1)[-1]
    print(f"{args.kind} {args.n}: {seconds:.1f} s ({closing})")


if __name__ == "__main__":
    main()
