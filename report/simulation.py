"""What `wfverify run` shows: one run, or a summary of many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction

from ..dsl.records import dataclass
from ..interpreter import Figures, LogReplay, RunResult, Status
from ..interpreter import Summary as Totals
from ..interpreter import summarise as totals_of
from ..semantics.system import TransitionSystem
from ..semantics.values import show_duration
from .figures import figures, rounded
from .refutation import Styled, hanging, lane_picture, run
from .runs import view
from .text import Style, paint

_WORDS = {
    Status.ENDED: "ended",
    Status.DEADLOCK: "stuck: nothing can go on, and no time will change that",
    Status.UNTIL: "stopped at the time asked for",
    Status.STEPS: "stopped at the number of steps asked for",
    Status.EXCLUDED: "left out: an `assume` was false",
}


def one(
    file: str,
    system: TransitionSystem,
    result: RunResult,
    seed: int,
    style: Style,
    notes: Sequence[str] = (),
    log: str = "",
) -> str:
    """The steps (unless quiet), the picture, the figures, where its log is, and how it ended."""
    return paint([list(_lines(file, system, result, seed, style, notes, log))], style)


def _lines(
    file: str,
    system: TransitionSystem,
    result: RunResult,
    seed: int,
    style: Style,
    notes: Sequence[str],
    log: str,
) -> Iterator[Styled]:
    if not style.quiet:
        shown = view(system, result.trace)
        yield from run(shown, style.width, "at the end")
        yield from lane_picture(shown, style.width, style.ascii_only)
    for name in result.completed:
        yield Styled(f"  {name} completed", "green")
    for name, error in result.failed:
        yield Styled(f"  {name} failed{f' with {error}' if error else ''}", "yellow")
    yield from figures(totals_of(system, result.trace, result.time), style.width)
    for blocked in result.blocked:
        yield Styled(f"  {blocked.thread.name} waits at: {blocked.where}", "red")
    yield from _notes(notes, log, style)
    yield Styled(f"{file}: seed {seed}: {closing(result)}", "bold")


def _notes(notes: Sequence[str], log: str, style: Style) -> Iterator[Styled]:
    for note in notes:
        yield from hanging("  note: ", note, style.width, "")
    if log:
        yield Styled(f"  log: {log}")  # in one piece: it holds a command to be copied


def closing(result: RunResult) -> str:
    """`ended after 12 steps, at 4.155s`."""
    steps = f"{result.steps} step{'s' * (result.steps != 1)}"
    return f"{_WORDS[result.status]} ({steps}, {show_duration(result.time)})"


@dataclass(frozen=True, slots=True)
class Summary:
    """Of many runs: how often each end came, times sorted; `stuck` is the first stuck run.

    `totals` leaves out the runs that do not count, because an `assume` was false.
    """

    ends: tuple[tuple[str, int], ...]
    times: tuple[Fraction, ...]
    totals: Totals
    stuck: int | None  # counted from 0


class Runs:
    """Adds up runs; keeps none: there may be a million."""

    def __init__(self, system: TransitionSystem) -> None:
        self._ends: Counter[str] = Counter()
        self._times: list[Fraction] = []
        self._totals = Figures(system)
        self._stuck: int | None = None

    def add(self, result: RunResult) -> None:
        """One more."""
        if result.status is not Status.EXCLUDED:
            self._totals.add(result.trace, result.time)
        if result.status is Status.DEADLOCK and self._stuck is None:
            self._stuck = len(self._times)
        self._ends[_end(result)] += 1
        self._times.append(result.time)

    def summary(self) -> Summary:
        """Of all up to now."""
        return Summary(
            tuple(self._ends.most_common()),
            tuple(sorted(self._times)),
            self._totals.summary(),
            self._stuck,
        )


def _end(result: RunResult) -> str:
    """Alike for runs whose instances ended alike; which instance it was does not matter."""
    if result.status is not Status.ENDED:
        return _WORDS[result.status]
    ends: dict[str, Counter[str]] = {}
    for name in result.completed:
        ends.setdefault(name.split("[")[0], Counter())["completed"] += 1
    for name, error in result.failed:
        how = f"failed with {error}" if error else "failed"
        ends.setdefault(name.split("[")[0], Counter())[how] += 1
    return "; ".join(
        f"{workflow}: {', '.join(f'{number} {how}' for how, number in sorted(count.items()))}"
        for workflow, count in sorted(ends.items())
    )


def many(
    file: str,
    summary: Summary,
    seed: int,
    style: Style,
    notes: Sequence[str] = (),
    log: str = "",
) -> str:
    """How the runs ended, how long they took, the figures of all of them, and their log."""
    return paint([list(_many(file, summary, seed, style, notes, log))], style)


def _many(
    file: str, summary: Summary, seed: int, style: Style, notes: Sequence[str], log: str
) -> Iterator[Styled]:
    count = len(summary.times)
    if count:
        width = len(str(count))
        for what, number in summary.ends:
            yield Styled(f"  {number:>{width}}  {100 * number / count:5.1f} %  {what}")
        low, middle, high = (
            rounded(summary.times[i]) for i in (0, count // 2, min(count - 1, count * 95 // 100))
        )
        last = rounded(summary.times[-1])
        yield Styled(f"  time: least {low}, median {middle}, 95 % within {high}, most {last}")
        yield from figures(summary.totals, style.width)
    if summary.stuck is not None:
        where = seed + summary.stuck
        yield Styled(f"  the first stuck run: --seed {where} shows it", "red")
    yield from _notes(notes, log, style)
    seeds = f", seeds {seed} to {seed + count - 1}" if count else ""
    yield Styled(f"{file}: {count} runs{seeds}", "bold")


MOST_UNFAITHFUL = 10  # runs of a log that are shown one by one


def replayed(path: str, found: Sequence[LogReplay], notes: tuple[str, ...]) -> str:
    """What `wfverify replay` found: what is wrong with each run, and all in one line."""
    lines = [f"note: {note}" for note in notes]
    wrong = [one for one in found if not one.ok]
    if len(found) == 1:
        return "".join(f"{line}\n" for line in (*lines, _of_one(path, found[0])))
    lines += [f"  run {one.run}: {_unfaithful(one)}" for one in wrong[:MOST_UNFAITHFUL]]
    if len(wrong) > MOST_UNFAITHFUL:
        lines.append(f"  and {len(wrong) - MOST_UNFAITHFUL} more")
    events = sum(one.events for one in found)
    how = _how(found)
    if wrong:
        how = (
            f"{len(wrong)} not a faithful record"
            if len(wrong) == 1
            else (f"{len(wrong)} not faithful records")
        )
    lines.append(f"{path}: {len(found)} runs, {events} events: {how}")
    return "\n".join(lines) + "\n"


def _of_one(path: str, found: LogReplay) -> str:
    what = f"{path}: seed {found.info.seed}, {found.events} events"
    return f"{what}: {_how([found]) if found.ok else _unfaithful(found)}"


def _how(found: Sequence[LogReplay]) -> str:
    rules = all(one.checked_rules for one in found)
    return f"{'rules and events agree' if rules else 'the events agree'} with the recorded state"


def _unfaithful(found: LogReplay) -> str:
    where = "" if found.event is None else f" at event {found.event}"
    return f"not a faithful record{where}: {found.problem}"
