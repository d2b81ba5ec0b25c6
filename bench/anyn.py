"""Any number of workers with pools of any capacity, proved; and crossed claims, refuted.

    python bench/anyn.py

Prints the verdicts of `resources` and `deadlock_free`, the seconds of the whole call, in a process
of its own, and of that the seconds of processor time.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ONE = """\
param A: int
requires A >= 1
resource agents : pool(A)
workflow worker {
  activity work { uses agents 1  takes 1s..2s }
  run { work ; work }
}
system { worker[*] }
"""
TWO = """\
param A: int
param B: int
requires A >= 1 and B >= 1
resource a : pool(A)
resource b : pool(B)
workflow worker {
  activity work { takes 1s..2s }
  run { using (a 1) { using (b 1) { work } } }
}
system { worker[*] }
"""
LOOPS = """\
param A: int
param B: int
requires A >= 1 and B >= 2
resource a : pool(A)
resource b : pool(B)
resource ledger : lock
shared total: int = 0
workflow worker(rounds: int 0..1000) {
  var done_: int = 0
  activity work { uses b 2  takes 1s..2s }
  run {
    while (done_ < rounds) { using (a 1) { work ; done_ := done_ + 1 } } ;
    using (ledger exclusive) { total += done_ }
  }
}
system { worker[*] }
"""
CROSSED = """\
resource a : pool(1)
resource b : pool(1)
workflow forth { activity work { takes 1s..2s }  run { using (a 1) { using (b 1) { work } } } }
workflow back { activity work { takes 1s..2s }  run { using (b 1) { using (a 1) { work } } } }
system { forth[*]  back[*] }
"""
LATER = """\
resource a : pool(4)
workflow worker { activity work { uses a 1  takes 1s..2s }  run { using (a 1) { work } } }
system { worker[*] }
"""
MODELS = {
    "one pool, any capacity": ONE,
    "two pools, any capacities": TWO,
    "two pools and a lock, loops": LOOPS,
    "two kinds, claims crossed": CROSSED,
    "one more while one is held": LATER,
}


def main() -> None:
    for name, text in MODELS.items():
        with tempfile.TemporaryDirectory() as folder:
            spec = Path(folder) / "w.wf"
            spec.write_text(text)
            command = [sys.executable, "-m", "wfverify", str(spec)]
            command += ["--only", "resources", "--only", "deadlock_free"]
            since, used = time.perf_counter(), os.times()
            done = subprocess.run(command, capture_output=True, text=True)
            seconds, now = time.perf_counter() - since, os.times()
        cpu = now.children_user + now.children_system - used.children_user - used.children_system
        print(f"{name}: {seconds:.2f} s ({cpu:.2f} s of processor time), exit {done.returncode}")
        for line in done.stdout.splitlines():
            if line.startswith(("PROVED ", "REFUTED ", "UNKNOWN ")) and ":" not in line[40:]:
                print(f"  {line}")
        if done.returncode not in (0, 1):
            print(done.stdout[-2000:], done.stderr[-2000:])


if __name__ == "__main__":
    main()
