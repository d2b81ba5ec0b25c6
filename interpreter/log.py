"""The event store: SQLite (the default) or JSON Lines (`.jsonl`).

A log holds, for each run: where the spec came from and its hash, seed and options; every event,
the first of which is a snapshot of the initial state; and, when the run has ended, its final
state and a checksum over all of that.  Numbers are exact: fractions are written as "p/q".
Nothing in a log depends on the wall clock, so the same seed gives the same log.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from fractions import Fraction
from pathlib import Path
from typing import Protocol, TypeVar
from zlib import crc32

from ..dsl.records import dataclass
from ..semantics.events import Event
from ..semantics.expr import Scalar
from ..semantics.system import EventKind
from .compile import Row

T = TypeVar("T")

VERSION = 2
COLUMNS = ("seq", "time", "instance", "kind", "subject", "rule", "inputs", "changes", "detail")

_KINDS = frozenset(k.value for k in EventKind)
# No exponents: `1e999999999` is short, and as a fraction it fills the memory.
_NUMBER = re.compile(r"-?[0-9]+(/[0-9]+)?", re.ASCII)


class LogError(ValueError):
    """Not a log, a damaged one, or one that cannot be written."""


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
    """How a run ended; `checksum` covers its events, its `RunInfo` and this."""

    status: str
    steps: int
    events: int
    time: Fraction
    state: tuple[Scalar, ...]
    checksum: int = 0


class Sink(Protocol):
    """What a run writes to."""

    def begin(self, info: RunInfo) -> int: ...
    def append(self, rows: Sequence[Row]) -> None: ...
    def end(self, end: RunEnd) -> None: ...


class Log(Sink, Protocol):
    """Append while running; read afterwards."""

    path: Path

    def close(self) -> None: ...
    def runs(self) -> list[int]: ...
    def info(self, run: int) -> RunInfo: ...
    def rows(self, run: int) -> Iterator[Row]: ...
    def final(self, run: int) -> RunEnd | None: ...


def spec_hash(text: str) -> str:
    """How a log names the text of a spec."""
    return hashlib.sha256(text.encode()).hexdigest()


def open_log(path: str | Path, name: str = "") -> Log:
    """A log to append runs to, made when the file does not exist.  `.jsonl`: JSON Lines.

    `name` is what messages call it, if not by its path.
    """
    place = Path(path)
    if place.suffix in (".jsonl", ".ndjson"):
        from .log_lines import JsonLog

        return JsonLog(place, name)
    from .log_sqlite import SqliteLog

    return SqliteLog(place, name)


def is_log(path: Path) -> bool:
    """Is there an SQLite log of ours?  What is there stays as it is."""
    from .log_sqlite import is_database

    return path.is_file() and is_database(path)


# --- checksums -------------------------------------------------------------------------------


def checksum(rows: Iterable[Row], start: int = 0) -> int:
    """Continues the checksum of a run over more of its events."""
    return crc32("".join(map(repr, rows)).encode(errors="surrogatepass"), start)


def seal(info: RunInfo, end: RunEnd, events: int) -> int:
    """The checksum of a whole run, from that of its events: what a log says about the run counts
    as much as what happened in it."""
    said = (
        info.source,
        info.spec_sha256,
        info.seed,
        info.scheduler,
        json.dumps(dict(info.options), sort_keys=True),
        info.variables,
        end.status,
        end.steps,
        end.events,
        str(end.time),
        tuple(map(str, end.state)),
    )
    return crc32(repr(said).encode(errors="surrogatepass"), events)


# --- reading back ----------------------------------------------------------------------------


def read_fraction(value: object) -> Fraction:
    """`p` or `p/q`, written out."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        try:
            return Fraction(value)
        except (ValueError, ZeroDivisionError):
            pass
    raise LogError(f"{value!r:.80} is not a number")


def read_scalar(value: object) -> Scalar:
    """The inverse of `scalar_text`, after JSON."""
    if isinstance(value, str):
        return read_fraction(value)
    if isinstance(value, bool | int):
        return value
    if isinstance(value, list) and not any(isinstance(x, list) for x in value):
        return tuple(map(read_scalar, value))  # type: ignore[return-value]
    raise LogError(f"{value!r:.80} is not a value")


def read_json(text: object) -> object:
    """What stands in one cell.  LogError where it is no JSON."""
    if not isinstance(text, str):
        raise LogError(f"{text!r:.80} is not JSON")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise LogError(f"{text!r:.80} is not JSON") from None


def read_info(
    source: object,
    spec_sha256: object,
    seed: object,
    scheduler: object,
    options: object,
    variables: object,
) -> RunInfo:
    """The head of a run, with its types checked."""
    return RunInfo(
        _typed("source", source, str),
        _typed("spec_sha256", spec_sha256, str),
        _typed("seed", seed, int),
        _typed("scheduler", scheduler, str),
        _typed("options", options, dict),
        tuple(_typed("variables", v, str) for v in _typed("variables", variables, list)),
    )


def read_end(
    status: object, steps: object, events: object, time: object, state: object, total: object
) -> RunEnd:
    """The end of a run, with its types checked."""
    return RunEnd(
        _typed("status", status, str),
        _typed("steps", steps, int),
        _typed("events", events, int),
        _named("time", lambda: read_fraction(time)),
        _named("state", lambda: tuple(map(read_scalar, _typed("state", state, list)))),
        _typed("checksum", total, int),
    )


def to_event(row: Row) -> Event:
    """One row, read.  LogError where it is damaged."""
    seq, time, instance, kind, subject, rule, inputs, changes, detail = row
    try:
        if _typed("kind", kind, str) not in _KINDS:
            raise LogError(f"there is no event `{kind}`")
        given, changed = read_json(inputs), read_json(changes)
        return Event(
            _typed("seq", seq, int),
            read_fraction(time),
            None if instance is None else _typed("instance", instance, int),
            EventKind(kind),
            _typed("subject", subject, str),
            _typed("rule", rule, int),
            tuple(read_scalar(x) for x in _typed("inputs", given, list)),
            tuple(_change(x) for x in _typed("changes", changed, list)),
            _typed("detail", detail, str),
        )
    except LogError as wrong:
        raise LogError(f"event {seq} is damaged: {wrong}") from None


def _change(pair: object) -> tuple[int, Scalar]:
    if not isinstance(pair, list) or len(pair) != 2:
        raise LogError(f"{pair!r:.80} is not a change")
    variable = _typed("changes", pair[0], int)
    if variable < 0:
        raise LogError(f"there is no variable {variable}")
    return variable, read_scalar(pair[1])


def _typed(name: str, value: object, kind: type[T]) -> T:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
        raise LogError(f"its {name} is {value!r:.80}")
    return value


def _named(name: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except LogError as wrong:
        raise LogError(f"its {name}: {wrong}") from None


def events(log: Log, run: int) -> Iterator[Event]:
    """All events of a run, in order."""
    return map(to_event, log.rows(run))
