"""What checks certificates again has nothing of what finds proofs."""

from __future__ import annotations

import subprocess
import sys

FINDERS = ("verifier.engines", "verifier.certify", "verifier.equivalence", "cli.certifying")


def test_checking_again_imports_no_engine() -> None:
    script = "import sys, wfverify.cli.rechecking; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = done.stdout.split()
    assert "wfverify.proofs.check" in loaded
    found = [m for m in loaded if m.removeprefix("wfverify.").startswith(FINDERS)]
    assert found == []
