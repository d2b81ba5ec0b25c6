"""A log in JSON Lines: for each run its `run`, its events, and its `end`, one object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO

from .compile import Row, scalar_text
from .log import COLUMNS, VERSION, LogError, RunEnd, RunInfo, checksum, read_end, read_info, seal

_HEAD = '{"run":'
_HEAD_FIELDS = ("run", "version", *RunInfo.__dataclass_fields__)
_END_FIELDS = ("end", "steps", "events", "time", "checksum", "state")


class JsonLog:
    """Made when the file does not exist.  LogError where there is something else."""

    def __init__(self, path: Path, name: str = "") -> None:
        self.path = path
        self.name = name or str(path)
        self._out: IO[str] | None = None
        self._info = RunInfo()
        self._sum = 0
        self._quoted: dict[str, str] = {}
        if path.exists() and path.stat().st_size:
            with path.open(encoding="utf-8") as lines:
                try:
                    first = json.loads(lines.readline())
                except (ValueError, RecursionError):
                    first = None
            if not isinstance(first, dict) or "run" not in first:
                raise LogError(f"{self.name} is not a log: its first line does not begin a run")
            if first.get("version") != VERSION:
                version = first.get("version")
                raise LogError(f"{self.name} is a log of version {version}, not {VERSION}")

    def begin(self, info: RunInfo) -> int:
        number = len(self.runs()) + 1
        if number > 1 and not self._is_whole():
            raise LogError(f"{self.name} is cut off in its last line: nothing is added to it")
        self.close()
        self._out = self.path.open("a", encoding="utf-8")
        self._info = info
        self._sum = 0
        head = {"run": number, "version": VERSION, **asdict(info)}
        self._out.write(json.dumps(head) + "\n")
        return number

    def _is_whole(self) -> bool:
        with self.path.open("rb") as file:
            file.seek(-1, 2)
            return file.read() == b"\n"

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
        total = seal(self._info, end, self._sum)
        self._out.write(
            f'{{"end":{json.dumps(end.status)},"steps":{end.steps},"events":{end.events}'
            f',"time":"{end.time}","checksum":{total},"state":[{state}]}}\n'
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
                yield self._read(number, line)

    def _read(self, number: int, line: str) -> dict[str, object]:
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise LogError(f"{self.name}:{number}: not a JSON object: cut off or damaged")
        fields: tuple[str, ...] = _HEAD_FIELDS
        if "run" not in found:
            fields = COLUMNS if "seq" in found else _END_FIELDS
        if found.keys() != set(fields):
            wrong = min(found.keys() ^ set(fields))
            what = f"field `{wrong}` is missing" if wrong in fields else f"unknown field `{wrong}`"
            raise LogError(f"{self.name}:{number}: damaged: {what}")
        return found

    def _of(self, run: int) -> Iterator[dict[str, object]]:
        inside = ended = False
        for line in self._lines():
            if "run" in line:
                if inside:
                    return
                inside = line["run"] == run
            if inside:
                if ended:
                    raise LogError(f"run {run} goes on after its end")
                ended = "end" in line
                yield line

    def runs(self) -> list[int]:
        if not self.path.exists():
            return []
        # Without reading events: a log that is cut off still tells its runs.
        numbers: list[int] = []
        with self.path.open(encoding="utf-8", errors="replace") as lines:
            for place, line in enumerate(lines, 1):
                if line.startswith(_HEAD):
                    number = self._read(place, line)["run"]
                    if number != len(numbers) + 1:
                        raise LogError(f"{self.name}:{place}: run {number} comes out of turn")
                    numbers.append(len(numbers) + 1)
        return numbers

    def info(self, run: int) -> RunInfo:
        for line in self._of(run):
            return read_info(*(line[name] for name in RunInfo.__dataclass_fields__))
        raise LogError(f"{self.name} has no run {run}")

    def rows(self, run: int) -> Iterator[Row]:
        for line in self._of(run):
            if "seq" in line:
                row = {name: line[name] for name in COLUMNS}
                row["inputs"] = _compact(row["inputs"])
                row["changes"] = _compact(row["changes"])
                yield tuple(row.values())  # type: ignore[misc]

    def final(self, run: int) -> RunEnd | None:
        for line in self._of(run):
            if "end" in line:
                keys = ("end", "steps", "events", "time", "state", "checksum")
                return read_end(*(line[name] for name in keys))
        return None


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
