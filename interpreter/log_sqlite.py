"""A log in one SQLite file: events by (run, seq); the caller's batches are the transactions."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from .compile import Row, scalar_text
from .log import (
    COLUMNS,
    VERSION,
    LogError,
    RunEnd,
    RunInfo,
    checksum,
    read_end,
    read_info,
    read_json,
    seal,
)

_SCHEMA = """
create table meta (key text primary key, value text) without rowid;
create table runs (
  run integer primary key, source text, spec_sha256 text, seed integer, scheduler text,
  options text, status text, steps integer, events integer, time text, checksum integer);
create table variables (
  run integer, variable integer, name text, primary key (run, variable)) without rowid;
create table events (
  run integer, seq integer, time text, instance integer, kind text, subject text, rule integer,
  inputs text, changes text, detail text, primary key (run, seq)) without rowid;
create table state (
  run integer, variable integer, value text, primary key (run, variable)) without rowid;
-- For people who look into a log: one line a changed variable, by name.
create view changes as
  select e.run, e.seq, e.time, e.kind, e.subject, v.name,
    json_extract(c.value, '$[1]') as value
  from events e, json_each(e.changes) c
  join variables v on v.run = e.run and v.variable = json_extract(c.value, '$[0]');
"""


class SqliteLog:
    """Made when the file does not exist.  LogError where there is something else."""

    def __init__(self, path: Path, name: str = "") -> None:
        self.path = path
        self.name = name or str(path)
        self._run = 0
        self._sum = 0
        self._info = RunInfo()
        new = not path.exists() or path.stat().st_size == 0
        try:
            self._db = sqlite3.connect(path, isolation_level=None)
        except sqlite3.Error as wrong:
            raise LogError(f"cannot use the log {self.name}: {wrong}") from None
        try:
            if new:
                with self._writing():
                    self._make()
            else:
                self._check()
        except (sqlite3.Error, LogError) as wrong:
            self._db.close()
            if isinstance(wrong, LogError):
                raise
            raise LogError(f"{self.name} is not a log: {wrong}") from None

    def _make(self) -> None:
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = normal")
        self._db.executescript(_SCHEMA)
        self._db.execute("insert into meta values ('format', 'wfverify log')")
        self._db.execute("insert into meta values ('version', ?)", (str(VERSION),))

    def _check(self) -> None:
        found = dict(self._db.execute("select key, value from meta"))
        if found.get("format") != "wfverify log":
            raise LogError(f"{self.name} is not a log: a database of something else")
        if found.get("version") != str(VERSION):
            version = found.get("version")
            raise LogError(f"{self.name} is a log of version {version}, not {VERSION}")
        self._db.execute("pragma synchronous = normal")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OverflowError) as wrong:
            raise LogError(f"cannot write the log {self.name}: {wrong}") from None

    def begin(self, info: RunInfo) -> int:
        """Start a run; answers its number."""
        with self._writing():
            return self._begin(info)

    def _begin(self, info: RunInfo) -> int:
        db = self._db
        self._run = 1 + db.execute("select coalesce(max(run), 0) from runs").fetchone()[0]
        self._sum = 0
        self._info = info
        db.execute("begin")
        db.execute(
            "insert into runs (run, source, spec_sha256, seed, scheduler, options)"
            " values (?, ?, ?, ?, ?, ?)",
            (
                self._run,
                info.source,
                info.spec_sha256,
                info.seed,
                info.scheduler,
                json.dumps(dict(info.options), sort_keys=True),
            ),
        )
        names = [(self._run, i, name) for i, name in enumerate(info.variables)]
        db.executemany("insert into variables values (?, ?, ?)", names)
        db.execute("commit")
        return self._run

    def append(self, rows: Sequence[Row]) -> None:
        """Add events in one transaction."""
        self._sum = checksum(rows, self._sum)
        with self._writing():
            self._db.execute("begin")
            self._db.executemany(
                f"insert into events values ({self._run}, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows
            )
            self._db.execute("commit")

    def end(self, end: RunEnd) -> None:
        """The run is over: its final state."""
        total = seal(self._info, end, self._sum)
        with self._writing():
            self._db.execute("begin")
            self._db.executemany(
                "insert into state values (?, ?, ?)",
                [(self._run, i, scalar_text(value)) for i, value in enumerate(end.state)],
            )
            self._db.execute(
                "update runs set status = ?, steps = ?, events = ?, time = ?, checksum = ?"
                " where run = ?",
                (end.status, end.steps, end.events, str(end.time), total, self._run),
            )
            self._db.execute("commit")

    def close(self) -> None:
        # Leaves one plain file behind.  Someone else may be reading: then the WAL stays.
        with suppress(sqlite3.Error):
            self._db.execute("pragma wal_checkpoint(truncate)")
        self._db.close()

    def runs(self) -> list[int]:
        numbers = [r[0] for r in self._ask("select run from runs order by run")]
        if numbers != list(range(1, len(numbers) + 1)):
            raise LogError(f"{self.name} is damaged: its runs are numbered {numbers!r:.80}")
        if self._ask("select 1 from events where run > ? limit 1", len(numbers)):
            raise LogError(f"{self.name} is damaged: it has events of a run that it does not list")
        return numbers

    def info(self, run: int) -> RunInfo:
        found = self._ask(
            "select source, spec_sha256, seed, scheduler, options from runs where run = ?", run
        )
        if not found:
            raise LogError(f"{self.name} has no run {run}")
        source, spec, seed, scheduler, options = found[0]
        names = self._column("variables", "name", run)
        return read_info(source, spec, seed, scheduler, read_json(options), names)

    def rows(self, run: int) -> Iterator[Row]:
        query = f"select {', '.join(COLUMNS)} from events where run = ? order by seq"
        try:
            yield from self._db.execute(query, (run,))
        except sqlite3.Error as wrong:
            raise LogError(f"{self.name} is damaged: {wrong}") from None

    def final(self, run: int) -> RunEnd | None:
        found = self._ask(
            "select status, steps, events, time, checksum from runs where run = ?", run
        )
        if not found or found[0][0] is None:
            return None
        status, steps, count, time, total = found[0]
        values = [read_json(value) for value in self._column("state", "value", run)]
        return read_end(status, steps, count, time, values, total)

    def _column(self, table: str, column: str, run: int) -> list[object]:
        """By variable, none missing."""
        found = self._ask(
            f"select variable, {column} from {table} where run = ? order by variable", run
        )
        for place, (variable, _) in enumerate(found):
            if variable != place:
                raise LogError(f"variable {place} is missing in its table `{table}`")
        return [value for _, value in found]

    def _ask(self, query: str, *args: object) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(query, args).fetchall()
        except sqlite3.Error as wrong:
            raise LogError(f"{self.name} is damaged: {wrong}") from None


def is_database(path: Path) -> bool:
    """Is this a log that `SqliteLog` made?  Looks without leaving a file beside it."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True)) as db:
            found = db.execute("select value from meta where key = 'format'").fetchone()
            return bool(found == ("wfverify log",))
    except sqlite3.Error:
        return False
