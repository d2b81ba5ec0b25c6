"""Spin's verdict on a model: `spin -a`, a C compiler, and the verifier that they make."""

from __future__ import annotations

import re
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MISSING = next((f"{p} is not installed" for p in ("spin", "gcc") if shutil.which(p) is None), "")

HOLDS, VIOLATED, INVALID_END, OUT_OF_RANGE = "holds", "violated", "invalid end", "out of range"
DEPTH, MEMORY, TIME = "out of depth", "out of memory", "out of time"


@dataclass(frozen=True)
class Answer:
    """`verdict` is one of the words above; `states` were stored, `seconds` are of the three
    steps: spin, compiler, search."""

    verdict: str
    states: int = 0
    seconds: tuple[float, float, float] = (0.0, 0.0, 0.0)
    memory: float = 0.0  # MB
    # Of the search: by its own clock (without setting its memory up), or of processor time, if that
    # is less.
    elapsed: float = 0.0
    detail: str = ""


class SpinFailed(Exception):
    """No verdict, for a reason that is no limit: most likely the model is no Promela."""


def check(
    text: str,
    *,
    ends: bool = False,
    compiler: Sequence[str] = ("-O0", "-DSAFETY", "-DVECTORSZ=16384"),
    options: Sequence[str] = ("-m200000",),
    megabytes: int = 2000,
    seconds: float = 60.0,
) -> Answer:
    """`ends`: whether an invalid end state counts.  Raises `SpinFailed`."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "m.pml").write_text(text, encoding="utf-8")
        times = [time.perf_counter()]
        made = _run(["spin", "-a", "m.pml"], folder)
        times.append(time.perf_counter())
        if not (Path(folder) / "pan.c").exists() or made.returncode:
            raise SpinFailed(f"spin: {made.stdout[-800:]}{made.stderr[-800:]}")
        command = ["gcc", "-w", *compiler, f"-DMEMLIM={megabytes}", "-o", "pan", "pan.c"]
        built = _run(command, folder)
        times.append(time.perf_counter())
        if built.returncode:
            raise SpinFailed(f"gcc: {built.stderr[-800:]}")
        used = _processor()
        try:
            done = _run(["./pan", *options, *([] if ends else ["-E"])], folder, seconds)
        except subprocess.TimeoutExpired:
            return Answer(TIME, seconds=_three([*times, time.perf_counter()]))
        used = _processor() - used
        return _answer(done.stdout + done.stderr, _three([*times, time.perf_counter()]), used)


def _processor() -> float:
    """Seconds of processor time of the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _run(
    command: Sequence[str], folder: str, seconds: float = 120.0
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=seconds, errors="replace"
    )


def _three(times: Sequence[float]) -> tuple[float, float, float]:
    a, b, c, d = times
    return b - a, c - b, d - c


def _answer(out: str, seconds: tuple[float, float, float], processor: float) -> Answer:
    stored = re.search(r"^\s*([\d.e+]+) states, stored", out, re.M)
    used = re.search(r"^\s*([\d.]+)\s+total actual memory usage", out, re.M)
    clock = re.search(r"^pan: elapsed time ([\d.e+-]+) seconds", out, re.M)
    states = int(float(stored[1])) if stored else 0
    memory = float(used[1]) if used else 0.0
    wrong = re.search(r"^pan:\d+: (.*)", out, re.M)
    detail = wrong[1] if wrong else ""
    if "assertion violated" in detail:
        verdict = OUT_OF_RANGE if "out_of_range" in detail else VIOLATED
    elif "invalid end state" in detail:
        verdict = INVALID_END
    elif "max search depth too small" in out:
        verdict = DEPTH
    elif "reached -DMEMLIM" in out or "out of memory" in out:
        verdict = MEMORY
    elif re.search(r"errors: 0$", out, re.M) and not detail:
        verdict = HOLDS
    else:
        raise SpinFailed(out[-800:])
    elapsed = min(processor, float(clock[1]) if clock else 0.0)
    return Answer(verdict, states, seconds, memory, elapsed, detail)
