"""Proves and refutes the catalogue of laws anew, and writes what is found.

    python bench/laws.py [NAME ..]
    python bench/laws.py --page

Without names, of all laws, into proofs/laws/proved.json, and the table of that into docs/laws.md.
With names, prints what is found of these.  `--page`: only the table.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from wfverify.proofs.laws import table
from wfverify.proofs.laws.catalogue import DECLARED, EFFECTS, LAWS, Law
from wfverify.verifier.equivalence.laws.answer import answered, undone
from wfverify.verifier.equivalence.laws.prove import claim

ROOT = Path(__file__).parents[1]
LIMIT = 120_000


def found(law: Law, limit: int = LIMIT) -> dict[str, object]:
    """What is found of a law, as it is kept, but for what is said of sagas."""
    answer = answered(claim(law.left, law.right, DECLARED, EFFECTS), law.needs, limit)
    return {
        "holds": [
            {"needs": h.needs, "alone": h.alone, "anywhere": h.anywhere} for h in answer.holds
        ],
        "fails": dict(answer.fails),
    }


def in_sagas(law: Law, anywhere: str, limit: int = LIMIT) -> str:
    """The finest equivalence of it in sagas, of terms that may have to be undone."""
    return undone(claim(law.left, law.right, DECLARED, EFFECTS), anywhere, limit)


def page() -> None:
    path = ROOT / "docs" / "laws.md"
    before, rest = path.read_text(encoding="utf-8").split(table.BEGIN)
    after = rest.split(table.END)[1]
    path.write_text(before + table.BEGIN + table.table() + table.END + after, encoding="utf-8")


def main() -> None:
    names = sys.argv[1:]
    if names == ["--page"]:
        page()
        return
    out = {}
    for law in LAWS:
        if names and law.name not in names:
            continue
        start = time.process_time()
        entry: dict[str, Any] = found(law)
        anywhere = entry["holds"][0]["anywhere"]
        out[law.name] = {**entry, "undone": in_sagas(law, anywhere)}
        print(
            f"{law.name}  {time.process_time() - start:.1f} s  {json.dumps(out[law.name])}",
            flush=True,
        )
    if not names:
        (ROOT / "proofs" / "laws" / "proved.json").write_text(json.dumps(out, indent=1) + "\n")
        page()


if __name__ == "__main__":
    main()
