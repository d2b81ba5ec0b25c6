"""The event store: SQLite (the default) or JSON Lines (`.jsonl`).

A log holds, for each run: where the spec came from and its hash, seed and options; every event,
the first of which is a snapshot of the initial state; and, when the run has ended, its final
state and a checksum.  Numbers are exact: fractions are written as "p/q".  Nothing in a log
depends on the wall clock, so the same seed gives the same log.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import IO, Any, Protocol
from zlib import crc32

from ..semantics.events import Event
from ..semantics.expr import Scalar
from ..semantics.system import EventKind
from .compile import Row, scalar_text

VERSION = 1
_COLUMNS = ("seq", "time", "instance", "kind", "subject", "rule", "inputs", "changes", "detail")

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


class LogError(ValueError):
    """Not a log, or a damaged one."""


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What is known of a run before its first event; enough to do it again."""

    source: str = ""
    spec_sha256: str = ""
    seed: int = 0
    scheduler: str = ""
    options: Mapping[str, object] = field(default_factory=dict)
    variables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How a run ended; `checksum` covers all of its events."""

    status: str
    steps: int
    events: int
    time: Fraction
    state: tuple[Scalar, ...]
    checksum: int = 0


class Log(Protocol):
    """Append while running; read afterwards."""

    path: Path

    def begin(self, info: RunInfo) -> int: ...
    def append(self, rows: Sequence[Row]) -> None: ...
    def end(self, end: RunEnd) -> None: ...
    def close(self) -> None: ...
    def runs(self) -> list[int]: ...
    def info(self, run: int) -> RunInfo: ...
    def rows(self, run: int) -> Iterator[Row]: ...
    def final(self, run: int) -> RunEnd | None: ...


def spec_hash(text: str) -> str:
    """How a log names the text of a spec."""
    return hashlib.sha256(text.encode()).hexdigest()


def open_log(path: str | Path) -> Log:
    """A log to append runs to, made when the file does not exist.  `.jsonl`: JSON Lines."""
    place = Path(path)
    return JsonLog(place) if place.suffix in (".jsonl", ".ndjson") else SqliteLog(place)


def checksum(rows: Iterable[Row], start: int = 0) -> int:
    """Continues the checksum of a run over more of its events."""
    return crc32("".join(map(repr, rows)).encode(), start)


def read_scalar(value: object) -> Scalar:
    """The inverse of `scalar_text`, after JSON."""
    if isinstance(value, str):
        try:
            return Fraction(value)
        except (ValueError, ZeroDivisionError):
            raise LogError(f"`{value}` is not a number") from None
    if isinstance(value, bool | int):
        return value
    raise LogError(f"`{value}` is not a value")


def to_event(row: Row) -> Event:
    """One row, read.  LogError where it is damaged."""
    seq, time, instance, kind, subject, rule, inputs, changes, detail = row
    try:
        return Event(
            seq,
            Fraction(time),
            instance,
            EventKind(kind),
            subject,
            rule,
            tuple(read_scalar(x) for x in json.loads(inputs)),
            tuple((int(v), read_scalar(x)) for v, x in json.loads(changes)),
            detail,
        )
    except (ValueError, TypeError, ZeroDivisionError) as wrong:
        raise LogError(f"event {seq} is damaged: {wrong}") from None


def events(log: Log, run: int) -> Iterator[Event]:
    """All events of a run, in order."""
    return map(to_event, log.rows(run))


# --- SQLite ----------------------------------------------------------------------------------


class SqliteLog:
    """Events by (run, seq); the caller's batches are the transactions."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._run = 0
        self._sum = 0
        new = not path.exists() or path.stat().st_size == 0
        self._db = sqlite3.connect(path, isolation_level=None)
        try:
            if new:
                self._db.execute("pragma journal_mode = wal")
                self._db.execute("pragma synchronous = normal")
                self._db.executescript(_SCHEMA)
                self._db.execute("insert into meta values ('format', 'wfverify log')")
                self._db.execute("insert into meta values ('version', ?)", (str(VERSION),))
            else:
                self._check()
        except (sqlite3.DatabaseError, LogError) as wrong:
            self._db.close()
            raise LogError(f"{path} is not a log: {wrong}") from None

    def _check(self) -> None:
        found = dict(self._db.execute("select key, value from meta"))
        if found.get("format") != "wfverify log":
            raise LogError("a database of something else")
        if found.get("version") != str(VERSION):
            raise LogError(f"its version is {found.get('version')}, not {VERSION}")
        self._db.execute("pragma synchronous = normal")

    def begin(self, info: RunInfo) -> int:
        """Start a run; answers its number."""
        db = self._db
        self._run = 1 + db.execute("select coalesce(max(run), 0) from runs").fetchone()[0]
        self._sum = 0
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
        self._db.execute("begin")
        self._db.executemany(
            f"insert into events values ({self._run}, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows
        )
        self._db.execute("commit")

    def end(self, end: RunEnd) -> None:
        """The run is over: its final state."""
        self._db.execute("begin")
        self._db.executemany(
            "insert into state values (?, ?, ?)",
            [(self._run, i, scalar_text(value)) for i, value in enumerate(end.state)],
        )
        self._db.execute(
            "update runs set status = ?, steps = ?, events = ?, time = ?, checksum = ?"
            " where run = ?",
            (end.status, end.steps, end.events, str(end.time), self._sum, self._run),
        )
        self._db.execute("commit")

    def close(self) -> None:
        # Leaves one plain file behind.  Someone else may be reading: then the WAL stays.
        with suppress(sqlite3.DatabaseError):
            self._db.execute("pragma wal_checkpoint(truncate)")
        self._db.close()

    def runs(self) -> list[int]:
        return [r[0] for r in self._ask("select run from runs order by run")]

    def info(self, run: int) -> RunInfo:
        found = self._ask(
            "select source, spec_sha256, seed, scheduler, options from runs where run = ?", run
        )
        if not found:
            raise LogError(f"{self.path} has no run {run}")
        names = self._ask("select name from variables where run = ? order by variable", run)
        source, spec, seed, scheduler, options = found[0]
        return RunInfo(
            source, spec, seed, scheduler, json.loads(options), tuple(n[0] for n in names)
        )

    def rows(self, run: int) -> Iterator[Row]:
        query = f"select {', '.join(_COLUMNS)} from events where run = ? order by seq"
        try:
            yield from self._db.execute(query, (run,))
        except sqlite3.DatabaseError as wrong:
            raise LogError(f"{self.path} is damaged: {wrong}") from None

    def final(self, run: int) -> RunEnd | None:
        found = self._ask(
            "select status, steps, events, time, checksum from runs where run = ?", run
        )
        if not found or found[0][0] is None:
            return None
        state = self._ask("select value from state where run = ? order by variable", run)
        status, steps, count, time, total = found[0]
        values = tuple(read_scalar(json.loads(v[0])) for v in state)
        return RunEnd(status, steps, count, Fraction(time), values, total)

    def _ask(self, query: str, *args: object) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(query, args).fetchall()
        except sqlite3.DatabaseError as wrong:
            raise LogError(f"{self.path} is damaged: {wrong}") from None


# --- JSON Lines ------------------------------------------------------------------------------


_HEAD = '{"run":'


class JsonLog:
    """One object a line: a run's `run`, its events, and its `end`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._out: IO[str] | None = None
        self._sum = 0
        self._quoted: dict[str, str] = {}
        if path.exists() and path.stat().st_size:
            with path.open(encoding="utf-8") as lines:
                try:
                    first = json.loads(lines.readline())
                except ValueError:
                    first = None
            if not isinstance(first, dict) or "run" not in first:
                raise LogError(f"{path} is not a log: its first line does not begin a run")

    def begin(self, info: RunInfo) -> int:
        number = len(self.runs()) + 1
        self._out = self.path.open("a", encoding="utf-8")
        self._sum = 0
        head = {"run": number, "version": VERSION, **asdict(info)}
        self._out.write(json.dumps(head) + "\n")
        return number

    def append(self, rows: Sequence[Row]) -> None:
        assert self._out is not None
        self._sum = checksum(rows, self._sum)
        quoted = self._quoted
        for row in rows:
            for text in (row[4], row[8]):
                if text not in quoted:
                    quoted[text] = json.dumps(text)
        self._out.writelines(
            f'{{"seq":{seq},"time":"{time}","instance":{"null" if instance is None else instance}'
            f',"kind":"{kind}","subject":{quoted[subject]},"rule":{rule},"inputs":{inputs}'
            f',"changes":{changes},"detail":{quoted[detail]}}}\n'
            for seq, time, instance, kind, subject, rule, inputs, changes, detail in rows
        )

    def end(self, end: RunEnd) -> None:
        assert self._out is not None
        state = ",".join(map(scalar_text, end.state))
        self._out.write(
            f'{{"end":{json.dumps(end.status)},"steps":{end.steps},"events":{end.events}'
            f',"time":"{end.time}","checksum":{self._sum},"state":[{state}]}}\n'
        )
        self._out.flush()

    def close(self) -> None:
        if self._out is not None:
            self._out.close()
            self._out = None

    def _lines(self) -> Iterator[dict[str, object]]:
        if not self.path.exists():
            return
        with self.path.open(encoding="utf-8", errors="replace") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    found = json.loads(line)
                except ValueError:
                    found = None
                if not isinstance(found, dict):
                    raise LogError(f"{self.path}:{number}: not a JSON object: cut off or damaged")
                yield found

    def _of(self, run: int) -> Iterator[dict[str, object]]:
        inside = False
        for line in self._lines():
            if "run" in line:
                if inside:
                    return
                inside = line["run"] == run
            if inside:
                yield line

    def runs(self) -> list[int]:
        if not self.path.exists():
            return []
        # Without reading events: a log that is cut off still tells its runs.
        with self.path.open(encoding="utf-8", errors="replace") as lines:
            heads = [json.loads(line) for line in lines if line.startswith(_HEAD)]
        return [head["run"] for head in heads]

    def info(self, run: int) -> RunInfo:
        for line in self._of(run):
            known = {k: v for k, v in line.items() if k in RunInfo.__dataclass_fields__}
            known["variables"] = tuple(known.get("variables", ()))  # type: ignore[arg-type]
            return RunInfo(**known)  # type: ignore[arg-type]
        raise LogError(f"{self.path} has no run {run}")

    def rows(self, run: int) -> Iterator[Row]:
        for line in self._of(run):
            if "seq" not in line:
                continue
            try:
                row = {k: line[k] for k in _COLUMNS}
                row["inputs"] = _compact(row["inputs"])
                row["changes"] = _compact(row["changes"])
            except KeyError as wrong:
                raise LogError(f"{self.path}: event {line['seq']} has no field {wrong}") from None
            yield tuple(row.values())  # type: ignore[misc]

    def final(self, run: int) -> RunEnd | None:
        for line in self._of(run):
            if "end" in line:
                state = line["state"]
                assert isinstance(state, list)
                return RunEnd(
                    str(line["end"]),
                    int(str(line["steps"])),
                    int(str(line["events"])),
                    Fraction(str(line["time"])),
                    tuple(map(read_scalar, state)),
                    int(str(line["checksum"])),
                )
        return None


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
