"""Evidence in words: runs, refusals, formulas, two outcomes of one environment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .findings import Fails, Finding, Open
from .formula import TRUE, All, Can, Forever, Formula, Not, Until
from .lts import INTERNAL
from .outcome import Different
from .spectrum import Apart
from .upgrading import Broken, Upgrade

MOST_LINES = 24  # of a formula
MOST_STEPS = 60  # of a run
STEP = "  "


def why(finding: Finding, left: str, right: str) -> list[str]:
    """Lines that say why it does not hold, or is not known."""
    if isinstance(finding, Open):
        return [finding.why]
    if isinstance(finding, Fails):
        if finding.different is not None:
            return different(finding.different, left, right)
        if finding.apart is not None:
            return apart(finding.apart, left, right)
    return []


def apart(found: Apart, left: str, right: str) -> list[str]:
    """Lines that say why two systems of these names are not equivalent."""
    one, other = (left, right) if found.left else (right, left)
    if found.formula is not None:
        return _formula(found.formula, left, right)
    if found.refused is None:
        *before, last = found.run or ("nothing",)
        lines = [f"a run of {one} that {other} does not have:", *_numbered(found.run)]
        where = f"after step {len(before)} " if before else "at its start "
        return [*lines, f"{where}{other} cannot do `{last}`"]
    lines = []
    after = ""
    if found.run:
        lines = [f"a run of both, {one} and {other}:", *_numbered(found.run)]
        after = "after it "
    offers = f"only {_listed(found.offers)}" if found.offers else "nothing at all"
    lines.append(f"{after}{one} may come to where it offers {offers};")
    if found.refused:
        lines.append(f"{other} always offers {_listed(found.refused, 'or')} there")
    else:
        lines.append(f"{other} never comes to rest there")
    return lines


def of_log(broken: Broken, new: str) -> list[str]:
    """Lines that say why a run in flight cannot go on under the new version of this name."""
    last = broken.log[broken.followed] if broken.followed < len(broken.log) else "begin"
    where = f"after step {broken.followed} " if broken.followed else "at its start "
    return [
        "a run in flight, by its log:",
        *_numbered(broken.log),
        f"{where}{new} cannot do `{last}`",
    ]


def of_places(found: Upgrade) -> list[str]:
    """Where runs can go on, and where they cannot."""
    safe = [p.where for p in found.places if p.broken is None]
    lost = [p.where for p in found.places if p.broken is not None]
    lines = [f"it can go on where: {'; '.join(safe)}"] if safe else []
    return [*lines, f"not always where: {'; '.join(lost)}"] if lost else lines


def _listed(labels: Sequence[str], word: str = "and") -> str:
    quoted = [f"`{a}`" for a in labels]
    if len(quoted) <= 1:
        return "".join(quoted)
    return f"{', '.join(quoted[:-1])} {word} {quoted[-1]}"


def _numbered(run: Sequence[str]) -> Iterator[str]:
    shown = run if len(run) <= MOST_STEPS else run[: MOST_STEPS // 2]
    for n, label in enumerate(shown, 1):
        yield f"{STEP}{n:>2}. {label}"
    if shown is not run:
        rest = run[-MOST_STEPS // 2 :]
        yield f"{STEP}    ({len(run) - MOST_STEPS} more)"
        for n, label in enumerate(rest, len(run) - len(rest) + 1):
            yield f"{STEP}{n:>2}. {label}"


# --- outcomes ------------------------------------------------------------------------------------


def different(found: Different, left: str, right: str) -> list[str]:
    """Two runs under one environment."""
    one, other = (left, right) if found.left else (right, left)
    e = found.environment
    lines = []
    if e.arguments:
        lines.append(f"with {', '.join(f'{n} = {v}' for n, v in e.arguments)}")
    if e.answers:
        often = {key for (key, n), _ in e.answers if n > 1}
        lines.append("where the environment answers:")
        lines += (
            f"{STEP}{key} {answer}{_time(n) if key in often else ''}"
            for (key, n), answer in e.answers
        )
    if e.again is not None:
        lines.append("and goes on for ever in a way in which nothing more comes of it")
    lines.append(f"{one} can end so: {found.outcome}")
    lines += _numbered(found.run)
    if found.other:
        lines.append(f"{other} cannot; it can end so:")
        lines += _numbered(found.other)
    else:
        lines.append(f"{other} cannot: it does not come to an end")
    return lines


def _time(n: int) -> str:
    names = {1: "first", 2: "second", 3: "third"}
    return f" (the {names.get(n, f'{n}th')} time)"


# --- formulas ------------------------------------------------------------------------------------


def _formula(formula: Formula, left: str, right: str) -> list[str]:
    """What the left one can do and the right one cannot, or the other way round."""
    one, other = left, right
    while isinstance(formula, Not):
        one, other, formula = other, one, formula.of
    aside = " (internal steps aside)" if _speaks_of_internal_steps(formula) else ""
    lines = [f"of {one} it is true, and of {other} it is not, that{aside}"]
    told = list(_told(formula, 1))
    lines += told[:MOST_LINES]
    if len(told) > MOST_LINES:
        lines.append(f"{STEP}.. (what follows is left out)")
    return lines


def _speaks_of_internal_steps(formula: Formula) -> bool:
    """Of branching bisimulation: it has one kind of formula only, behind the first step."""
    match formula:
        case Not(of) | Can(_, of):
            return _speaks_of_internal_steps(of)
        case All(parts):
            return any(map(_speaks_of_internal_steps, parts))
    return True


def _told(formula: Formula, depth: int) -> Iterator[str]:
    """Lines, at most a few more than are shown: a formula may be large, written out."""
    pad = STEP * depth
    match formula:
        case All(parts):
            shown = 0
            for number, part in enumerate(parts):
                for n, line in enumerate(_told(part, depth)):
                    yield f"{pad}and {line[len(pad) :]}" if number and not n else line
                    shown += 1
                    if shown > MOST_LINES:
                        return
        case Can(label, then):
            yield f"{pad}{_step(label)} can come next{_where(then)}"
            yield from _told(then, depth + 1)
        case Not(Can(label, then)):
            yield f"{pad}{_step(label)} cannot come next{_where(then)}"
            yield from _told(then, depth + 1)
        case Until(through, label, then):
            yield from _until(pad, "can", through, label, then, depth)
        case Not(Until(through, label, then)):
            yield from _until(pad, "cannot", through, label, then, depth)
        case Forever(through):
            yield f"{pad}it can go on internally for ever{_through(through)}"
            yield from _told(through, depth + 2)
        case Not(Forever(through)):
            yield f"{pad}it cannot go on internally for ever{_through(through)}"
            yield from _told(through, depth + 2)
        case Not(All(parts)):
            yield f"{pad}one of these is not so:"
            yield from _told(All(parts), depth + 1)
        case Not(Not(of)):
            yield from _told(of, depth)


def _until(
    pad: str, can: str, through: Formula, label: str, then: Formula, depth: int
) -> Iterator[str]:
    if label == INTERNAL:
        yield f"{pad}internal steps {can} lead{_where(then) or ' on'}"
    else:
        yield f"{pad}{_step(label)} {can} come next{_where(then)}"
    yield from _told(then, depth + 1)
    if through is not TRUE and through != TRUE:
        yield f"{pad}{STEP}{_through(through).strip()}"
        yield from _told(through, depth + 2)


def _step(label: str) -> str:
    return "an internal step" if label == INTERNAL else f"`{label}`"


def _where(then: Formula) -> str:
    return "" if then == TRUE else " so that then"


def _through(through: Formula) -> str:
    return "" if through == TRUE else " (all the way, it stays true that)"
