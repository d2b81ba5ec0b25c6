"""Any number of workers with pools of any capacity, proved; crossed claims, refuted; and messages,
rates and crashes among any number.

    python bench/anyn.py

Prints the verdicts of `resources`, `invariant`, `deadlock_free` and `messages`, the seconds of the
whole call, in a process of its own, and of that the seconds of processor time.
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
TOKEN = """\
channel token : int capacity 1 optional
shared inside: int = 0
workflow first { run { send 0 to token } }
workflow worker { run { receive t from token ; inside += 1 ; inside += -1 ; send t to token } }
invariant alone : inside <= 1
system { first  worker[*] }
"""
BRANCHES = """\
channel c : int 0..1 capacity 1 optional
resource a : pool(2)
workflow worker {
  activity work { uses a 1  takes 1s..2s }
  run { { send 1 to c ; work } || { receive m from c ; work } }
}
system { worker[*] }
"""
RATE = """\
param B: int
requires B >= 1
resource api : rate(2 per 1s burst B)
workflow worker { activity work { uses api 1  takes 1s..2s }  run { work ; work } }
system { worker[*]  faults crash worker at_most 1 back within 5s }
"""
MODELS = {
    "one pool, any capacity": ONE,
    "two pools, any capacities": TWO,
    "two pools and a lock, loops": LOOPS,
    "two kinds, claims crossed": CROSSED,
    "one more while one is held": LATER,
    "one token in a channel": TOKEN,
    "who sends beside who receives": BRANCHES,
    "a bucket of any size, and crashes": RATE,
}


def main() -> None:
    for name, text in MODELS.items():
        with tempfile.TemporaryDirectory() as folder:
            spec = Path(folder) / "w.wf"
            spec.write_text(text)
            command = [sys.executable, "-m", "wfverify", str(spec)]
            for check in ("resources", "invariant", "deadlock_free", "messages"):
                command += ["--only", check]
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
