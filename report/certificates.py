"""What `--certify` and `wfverify recheck` say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from ..dsl.records import dataclass
from ..proofs.check import Answer, Checked


@dataclass(frozen=True, slots=True)
class Line:
    """One certificate; `claim` is empty where it cannot be read."""

    file: str
    claim: Mapping[str, str]
    kind: str
    checked: Checked


def table(lines: Sequence[Line], solvers: Sequence[str], verbose: bool = False) -> str:
    """A line each, what is wrong or trusted, and all in one line."""
    out = []
    width = max(len(_what(line)) for line in lines)
    for line in lines:
        answer = line.checked.answer.value.upper()
        out.append(f"{answer:<8} {_what(line):<{width}}  {line.kind}".rstrip())
        if line.checked.answer is Answer.INVALID or (line.checked.why and verbose):
            out.append(f"         {line.checked.why}")
    count = Counter(line.checked.answer for line in lines)
    holes = [line for line in lines if line.checked.answer is Answer.HOLEY]
    if holes:
        names = ", ".join(dict.fromkeys(line.claim.get("check", "") for line in holes))
        out.append(f"trusted beside the checker: the arguments for {names} (-v shows them)")
    said = ", ".join(f"{count[a]} {a.value}" for a in Answer if count[a])
    out.append(f"asked: {' and '.join(solvers)}")
    out.append(f"{len(lines)} certificates: {said}")
    return "\n".join(out) + "\n"


def _what(line: Line) -> str:
    if not line.claim:
        return line.file
    name = line.claim.get("name")
    return f"{line.claim.get('check')}{f': {name}' if name else ''}"


def written(folder: str, found: Sequence[Checked]) -> str:
    """After `--certify`."""
    if not found:
        return f"no certificate in {folder}: nothing that was found has one"
    trusted = sum(c.answer is Answer.HOLEY for c in found)
    more = (
        f"; {trusted} of them rest on an argument that cannot be checked again" if trusted else ""
    )
    return f"{len(found)} certificates in {folder}{more}"


def replayed(path: str, line: Line, steps: int, where: str = "") -> str:
    """What `wfverify replay` says of a counterexample.  `where`: what is put in for the names of
    a law."""
    what = f"{_what(line)} {where}".rstrip()
    if line.checked.answer is Answer.INVALID:
        return f"{path}: rejected: {line.checked.why}\n"
    if not steps and line.kind != "runs":
        how = line.checked.why or "tells the two apart"
        return f"{path}: accepted: {what}: {how}\n"
    how = "is possible, and breaks it"
    if line.checked.answer is Answer.HOLEY:
        how = f"is possible; {line.checked.why}"
    run = f"the run of {steps} step{'' if steps == 1 else 's'}"
    return f"{path}: accepted: {what}: {run} {how}\n"
