"""N parallel workers: 1 of resource a (3 units), then 1 of b (2 units), then release both.

    python bench/pool.py N [--crossed]

Prints the verdicts of `resources` and `deadlock_free` and the seconds of the whole call, in a
process of its own.  `--crossed`: two kinds of worker nest the claims in opposite orders.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STRAIGHT = """\
resource a : pool(3)
resource b : pool(2)
workflow workers {{
  activity work {{ takes 1s..2s }}
  run {{ each i in 1..{n} {{ using (a 1) {{ using (b 1) {{ work }} }} }} }}
}}
"""
CROSSED = """\
resource a : pool(3)
resource b : pool(2)
workflow workers {{
  activity work {{ takes 1s..2s }}
  run {{
    each i in 1..{half} {{ using (a 1) {{ using (b 1) {{ work }} }} }}
    || each i in 1..{half} {{ using (b 1) {{ using (a 1) {{ work }} }} }}
  }}
}}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("n", type=int, nargs="+")
    parser.add_argument("--crossed", action="store_true")
    args = parser.parse_args()
    for n in args.n:
        text = CROSSED.format(half=n // 2) if args.crossed else STRAIGHT.format(n=n)
        with tempfile.TemporaryDirectory() as folder:
            spec = Path(folder) / "pool.wf"
            spec.write_text(text)
            command = [sys.executable, "-m", "wfverify", str(spec)]
            command += ["--only", "resources", "--only", "deadlock_free"]
            since = time.perf_counter()
            done = subprocess.run(command, capture_output=True, text=True)
            seconds = time.perf_counter() - since
        verdicts = [
            line for line in done.stdout.splitlines() if line.startswith(("PROVED ", "REF", "UNK"))
        ]
        print(f"N = {n}: {seconds:.2f} s, exit {done.returncode}")
        for line in verdicts[:6]:
            print(f"  {line}")
        if done.returncode not in (0, 1):
            print(done.stderr[-2000:])


if __name__ == "__main__":
    main()
