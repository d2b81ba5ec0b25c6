"""Tasks in processes side by side, each with its share of the time.

A task that is begun may use a part of what is left: MOST of it if that leaves a reserve to each
that waits, or what each has that is not done where that is more.  When another is done sooner, the
rest goes on to those that run and wait.  What came out UNKNOWN for lack of time is tried once more
if time is left at the end.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..dsl.records import dataclass
from .session import GRACE
from .tasks import NEVER_BEGUN, OVER, Checks, Found, Kind, Task
from .verdict import Result, Unknown, Verdict
from .wire import Wire

if TYPE_CHECKING:
    from .worker import Worker

OVERRUN = "it overran its time and was stopped (--timeout)"
PATIENCE = 0.1  # seconds for the first process, before others are made
LOOK = 0.1  # seconds between two looks at the clock
STOP = 2 * GRACE  # seconds after the end of its time at which a process is ended
MOST = 0.33  # most tasks are soon over, so that more is left to those that are not
MOST_AGAIN = 0.5
RESERVE = 0.03  # of the budget, for each that waits
USED = 0.04  # of its share: who used less did not lack time (an engine may use a twentieth)
WORTH = 1.25  # times the share it had: with less it is not tried again
AGAIN = " again"


@dataclass(slots=True)
class _Held:
    """UNKNOWN, but perhaps not for good; `share` in seconds is what the task had."""

    task: Task
    found: Found
    share: float


class Dispatch:
    """All tasks of one call.  `whole` has the verdicts of whole checks so far; `progress` hears
    the title of each task that begins."""

    def __init__(
        self,
        checks: Checks,
        tasks: Sequence[Task],
        whole: dict[str, Verdict],
        progress: Callable[[str], None],
    ) -> None:
        self.checks = checks
        self.waiting = list(tasks)
        self.whole = whole
        self.progress = progress
        self.session = checks.session
        self.jobs = self.session.options.jobs or _cores()
        self.settled: dict[int | str, Verdict] = {}  # claims that are sure though their task runs
        self.wire = Wire(self.session.system)
        self.workers: list[Worker] = []
        self.owners: dict[str, Worker] = {}  # of groups
        self.held: list[_Held] = []
        self.first = 0.0  # when the first process was made

    def run(self) -> Iterator[tuple[Task, Found]]:
        """What is found, of each task when it is done; of some claims perhaps before others."""
        try:
            while self.waiting or self._busy():
                if self._over():
                    yield from self._never_begun()
                elif not self._start():
                    yield from self._here()
                yield from self._wait()
                if not self.waiting and not self._busy():
                    yield from self._once_more()
        finally:
            for worker in self.workers:
                worker.kill()
            for worker in self.workers:
                worker.ended()
            self.workers.clear()

    def _busy(self) -> list[Worker]:
        return [w for w in self.workers if w.task is not None]

    # --- time ------------------------------------------------------------------------------

    def _over(self) -> bool:
        return time.monotonic() >= self.session.end()

    def _share(self, task: Task) -> float:
        """In seconds."""
        left = max(0.0, self.session.end() - time.monotonic())
        running = [w.task for w in self._busy() if w.task is not None]
        total = sum(t.weight for t in {*self.waiting, *running, task})
        jobs = max(1, self.jobs)
        most = left * (MOST_AGAIN if task.group.endswith(AGAIN) else MOST)
        waiting = sum(t != task for t in self.waiting)
        kept = RESERVE * self.session.options.timeout * waiting / jobs
        return min(left, max(left * jobs * task.weight / total, min(most, left - kept)))

    def _never_begun(self) -> Iterator[tuple[Task, Found]]:
        for task in self.waiting:
            yield task, self._unknown(task, NEVER_BEGUN)
        self.waiting.clear()

    def _once_more(self) -> Iterator[tuple[Task, Found]]:
        """Those that may come out otherwise with the time that is left; the others are final."""
        held, self.held = self.held, []
        lacked = sum(h.share > 0 for h in held)
        part = min(1.0, max(MOST_AGAIN, self.jobs / max(1, lacked)))
        share = part * (self.session.end() - time.monotonic())
        names: set[str] = set()
        for h in held:
            lacking = 0 < WORTH * h.share <= share
            if lacking or names & set(h.task.needs):
                names |= {h.task.name} - {""}
                self.waiting.append(replace(h.task, group=h.task.group.removesuffix(AGAIN) + AGAIN))
            else:
                yield h.task, h.found

    # --- processes -------------------------------------------------------------------------

    def _start(self) -> bool:
        """Gives tasks to processes that are idle; whether any is busy then."""
        for worker in self.workers:
            if worker.task is None:
                own = [t for t in self.waiting if self.owners.get(t.group) is worker]
                new = [t for t in self.waiting if t.group not in self.owners]
                task = next(filter(self._ready, (*own, *new)), None)
                if task is not None:
                    self._begin(worker, task)
        while len(self.workers) < self.jobs:
            if self.workers and time.monotonic() < self.first + PATIENCE:
                break
            fresh = (t for t in self.waiting if t.group not in self.owners and self._ready(t))
            task = next(fresh, None)
            if task is None:
                break
            made = self._made()
            if made is None:
                self.jobs = len(self.workers)
                break
            self._begin(made, task)
        return bool(self._busy())

    def _ready(self, task: Task) -> bool:
        running = [w.task for w in self._busy() if w.task is not None]
        coming = {t.name for t in (*self.waiting, *running)}
        return all(n in self.whole and n not in coming for n in task.needs)

    def _made(self) -> Worker | None:
        """A new process, where one can be made."""
        if not hasattr(os, "fork"):
            return None
        from .worker import Worker

        try:
            worker = Worker(self.checks, self.wire, self.workers, self.session.options.memory)
        except OSError:
            return None
        if not self.first:
            self.first = time.monotonic()
        self.workers.append(worker)
        return worker

    def _begin(self, worker: Worker, task: Task) -> None:
        self.progress(task.title)
        share = self._share(task)
        self.waiting.remove(task)
        self.owners[task.group] = worker
        now = time.monotonic()
        needs = {n: self.whole[n] for n in task.needs}
        worker.begin(task, needs, now, now + share)

    def _wait(self) -> Iterator[tuple[Task, Found]]:
        """What the processes say within a moment; ends those that overrun."""
        if not self._busy():
            return
        poll = select.poll()
        for worker in self.workers:
            poll.register(worker.ours[1], select.POLLIN)
            if worker.unsent:
                poll.register(worker.ours[0], select.POLLOUT)
        ready = {fd for fd, _ in poll.poll(LOOK * 1000)}
        for worker in list(self.workers):
            if worker.ours[0] in ready:
                worker.send()
            if worker.ours[1] in ready:
                yield from self._heard(worker)
        for worker in self._busy():
            if time.monotonic() > worker.until + STOP:
                self._forget(worker)
                worker.kill()
                worker.ended()
                yield from self._lost(worker, OVERRUN, split=False)

    def _heard(self, worker: Worker) -> Iterator[tuple[Task, Found]]:
        from .worker import Failed

        for said in worker.heard():
            task = worker.task
            if said is None or isinstance(said, Failed):
                self._forget(worker)
                why = worker.ended()
                if said is not None and said.error is not None:
                    raise said.error
                yield from self._lost(worker, said.why if said is not None else why)
                return
            assert task is not None
            if not said.done:
                self.settled |= said.verdicts
                continue
            share = worker.until - worker.since
            lacked = time.monotonic() - worker.since >= USED * share
            worker.task = None
            yield from self._done(task, said, share if lacked else 0.0)
            for other in self._busy():
                assert other.task is not None
                more = time.monotonic() + self._share(other.task)
                other.until = max(other.until, more)

    def _forget(self, worker: Worker) -> None:
        self.workers.remove(worker)
        self.owners = {g: w for g, w in self.owners.items() if w is not worker}

    def _done(self, task: Task, found: Found, share: float) -> Iterator[tuple[Task, Found]]:
        """`share`: of a task that used it up."""
        self.whole |= {k: v for k, v in found.verdicts.items() if isinstance(k, str)}
        unknown: dict[int | str, Verdict] = {
            k: v for k, v in found.verdicts.items() if isinstance(v, Unknown)
        }
        waits = {h.task.name for h in self.held} & set(task.needs)
        if unknown and (share or waits) and not task.group.endswith(AGAIN):
            members = tuple(i for i in task.members if i in unknown)
            rest = Found(unknown, found.lines if not task.members else (), found.seconds)
            self.held.append(_Held(replace(task, members=members), rest, share))
            sure = {k: v for k, v in found.verdicts.items() if k not in unknown}
            if not sure:
                return
            found = replace(found, verdicts=sure)
        yield task, found

    def _lost(self, worker: Worker, why: str, split: bool = True) -> Iterator[tuple[Task, Found]]:
        """The process is no more.  Claims that are sure by then stay; of the others some may be
        decided without those that ended it."""
        task = worker.task
        if task is None:
            return
        sure = {i: self.settled[i] for i in task.members if i in self.settled}
        rest = [i for i in task.members if i not in sure]
        if not split or not rest or len(task.members) == 1:
            yield from self._done(task, self._unknown(task, why), 0.0)
            return
        self.checks.known |= sure
        half = len(rest) // 2
        for part in (tuple(sure), rest[:half], rest[half:]):
            if part:
                group = f"{task.group} {part[0]}"
                self.waiting.insert(0, replace(task, members=tuple(part), group=group))

    def _unknown(self, task: Task, why: str) -> Found:
        """Of all of it that is not settled."""
        unknown = Unknown("portfolio", why)
        if task.kind is Kind.CONTRACTS:
            return Found(lines=(Result("contracts", "", unknown, self.checks.top),))
        keys: tuple[int | str, ...] = task.members or (task.name,)
        return Found({k: self.settled.get(k, unknown) for k in keys})

    # --- without processes -----------------------------------------------------------------

    def _here(self) -> Iterator[tuple[Task, Found]]:
        """The first task that can be done, in this process."""
        task = next(filter(self._ready, self.waiting))
        until = time.monotonic() + self._share(task)
        self.waiting.remove(task)
        self.progress(task.title)

        def tell(found: Found) -> None:
            self.settled |= found.verdicts

        try:
            found = self.checks.perform(task, self.whole, tell, lambda: until)
        except MemoryError:
            found = self._unknown(task, "the memory was used up")
        yield from self._done(task, found, 0.0)


def _cores() -> int:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


__all__ = ["OVER", "Dispatch"]
