"""The bench of the interpreter needs nothing that is not installed with the tool."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).parents[2] / "bench" / "interpreter.py"
WITHOUT_SIMPY = """
import runpy, sys
sys.modules["simpy"] = None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_it_goes_on_without_simpy() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_SIMPY, str(BENCH), "3"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "pip install simpy" in done.stdout
    assert "log read back" in done.stdout
