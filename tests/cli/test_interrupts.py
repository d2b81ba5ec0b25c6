"""Ctrl-C reaches Python also while Z3 works on a long question."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import os, signal, threading, time
import z3
from wfverify.cli.interrupts import stopping_solver

# A shell starts what runs in the background with interrupts ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
n = 13  # pigeons for one hole less: hours of work
rooms = [[z3.Bool(f"x{i}_{j}") for j in range(n - 1)] for i in range(n)]
solver = z3.Solver()
for i in range(n):
    solver.add(z3.Or(rooms[i]))
    for k in range(i):
        for j in range(n - 1):
            solver.add(z3.Or(z3.Not(rooms[i][j]), z3.Not(rooms[k][j])))
try:
    with stopping_solver():
        threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        solver.check()
        time.sleep(5)
        print("lost")
except KeyboardInterrupt:
    print("interrupted")
"""


def test_a_long_question_is_stopped_and_the_interrupt_is_not_lost() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "interrupted\n", done.stderr
