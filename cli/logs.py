"""Where `wfverify run` leaves its log: in the file asked for, on stdout, or in `.wfverify` beside
the user (docs/decisions/0008)."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from ..interpreter import Log, LogError, RunInfo, is_log, open_log
from ..interpreter.compile import Row
from ..interpreter.log import RunEnd, Sink
from .loading import STDIN
from .terminal import write

FOLDER = ".wfverify"
MOST_EVENTS = 200_000  # of many runs nobody asked a log for: then no further run is kept


class Keeper:
    """Gives each run of one call its log; after the call, says where the log is."""

    def __init__(self, log: Sink | None, place: str = "") -> None:
        self._log = log
        self._place = place

    def next(self) -> Sink | None:
        """The log of the next run; None: it has none."""
        return self._log

    def line(self, runs: int) -> str:
        """Where the log of so many runs is, and how it is read; "" where there is none."""
        if not self._place:
            return ""
        return f"{self._place}{self._part(runs)} (wfverify replay {shlex.quote(self._place)})"

    def _part(self, runs: int) -> str:
        return ""

    @property
    def problem(self) -> str:
        """Why there is no log although there should be one."""
        return ""


class _Default(Keeper):
    """A log that nobody asked for: what goes wrong with it must not lose the run.

    It is written under another name first, so that two calls at once do not meet in one file and
    what stood there stays until there is something better.
    """

    def __init__(self, place: Path) -> None:
        super().__init__(None, str(place))
        self._target = place
        self._draft = place.with_name(f".{place.stem}.{os.getpid()}.db")
        self._runs = 0
        self._events = 0
        self._problem = ""
        self._file: Log | None = None
        try:
            _make_folder(place.parent)
            if os.path.lexists(place) and not is_log(place):
                raise LogError(f"{place} is there, and is no log")
            self._forget()
            self._file = open_log(self._draft)
            self._log = _Counted(self, self._file)
        except (OSError, LogError) as error:
            self.fail(error)

    def next(self) -> Sink | None:
        return self._log if self._events < MOST_EVENTS else None

    def begun(self) -> None:
        self._runs += 1

    def written(self, events: int) -> None:
        self._events += events

    def fail(self, error: OSError | LogError) -> None:
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        what = f"no log was kept in {self._target.parent}"
        self._problem = f"{what}: {why} (--log FILE writes it elsewhere, --log none writes none)"
        self.close()

    def close(self) -> None:
        """The log is whole: to its place with it."""
        if self._file is not None:
            file, self._file, self._log = self._file, None, None
            with suppress(OSError):
                file.close()
            if self._runs and not self._problem:
                try:
                    # What a reader left beside the old log must not be read into the new one.
                    _forget(f"{self._target}-wal", f"{self._target}-shm")
                    os.replace(self._draft, self._target)
                except OSError as error:
                    self.fail(error)
        self._forget()

    def _forget(self) -> None:
        _forget(*(f"{self._draft}{end}" for end in ("", "-wal", "-shm")))

    def line(self, runs: int) -> str:
        return "" if self._problem or not self._runs else super().line(runs)

    def _part(self, runs: int) -> str:
        return f", the first {self._runs} of {runs} runs" if self._runs < runs else ""

    @property
    def problem(self) -> str:
        return self._problem


class _Counted:
    """A log to write to that tells its keeper what is written, and what cannot be."""

    def __init__(self, keeper: _Default, log: Sink) -> None:
        self._keeper = keeper
        self._log = log
        self._broken = False

    def begin(self, info: RunInfo) -> int:
        self._do(lambda: self._log.begin(info))
        self._keeper.begun()
        return 0

    def append(self, rows: Sequence[Row]) -> None:
        self._do(lambda: self._log.append(rows))
        self._keeper.written(len(rows))

    def end(self, end: RunEnd) -> None:
        self._do(lambda: self._log.end(end))

    def _do(self, write: Callable[[], object]) -> None:
        if self._broken:
            return
        try:
            write()
        except (OSError, LogError) as error:
            self._broken = True
            self._keeper.fail(error)


def _forget(*paths: str) -> None:
    for path in paths:
        with suppress(OSError):
            os.unlink(path)


def _make_folder(folder: Path) -> None:
    """With a `.gitignore` for all of it, when it is new: whoever takes that away meant it."""
    try:
        folder.mkdir()
    except FileExistsError:
        if not folder.is_dir():
            raise LogError("it is no folder") from None
        return
    (folder / ".gitignore").write_text("# Logs of `wfverify run`.\n*\n", encoding="utf-8")


def default_place(file: str, seed: int, runs: int) -> Path:
    """`.wfverify/NAME-seedS.db`, or `NAME-seedS-runsN.db`, where the user stands."""
    name = "stdin" if file == STDIN else Path(file).stem
    many = f"-runs{runs}" if runs > 1 else ""
    return Path(FOLDER, f"{name}-seed{seed}{many}.db")


@contextmanager
def keeping(args: argparse.Namespace, file: str) -> Iterator[Keeper]:
    """The keeper of this call's log.  LogError: the log that was asked for cannot be used."""
    path: str | None = args.log
    if path is None:
        kept = _Default(default_place(file, args.seed, args.runs))
        with closing(kept):
            yield kept
    elif path == "none":
        yield Keeper(None)
    elif path == "-":  # when all runs are over
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder, "log.jsonl")
            with closing(open_log(place)) as log:
                yield Keeper(log)
            write(place.read_text(encoding="utf-8"))
    else:
        try:
            with closing(open_log(path)) as log:
                yield Keeper(log, path)
        except OSError as error:  # nothing else is read or written while the log is open
            raise LogError(f"cannot use the log {path}: {error.strerror}") from None


@contextmanager
def readable(path: str) -> Iterator[Path]:
    """A log to read; `-` is JSON Lines (or a database) on stdin."""
    if path != "-":
        yield Path(path)
        return
    with tempfile.TemporaryDirectory() as folder:
        start = sys.stdin.buffer.read(16)
        place = Path(folder, "log.db" if start.startswith(b"SQLite format 3") else "log.jsonl")
        with place.open("wb") as file:
            file.write(start)
            shutil.copyfileobj(sys.stdin.buffer, file)
        yield place
