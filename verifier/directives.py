"""What a spec says of its own checks: `check`, `skip_check`, `expect refuted`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..dsl import ast
from .verdict import Refuted, Result, Unknown


class Directives:
    """Lives as long as one call; `missed` are the skips that have skipped nothing yet."""

    def __init__(self, spec: ast.Spec) -> None:
        properties = [*spec.properties, *(p for w in spec.workflows for p in w.properties)]
        self.skips = [
            replace(p, name=called(p.name)) for p in properties if isinstance(p, ast.SkipCheck)
        ]
        self.raised = {
            called(n): p.span for p in properties if isinstance(p, ast.CheckOn) for n in p.names
        }
        self.expected = {called(p.name): p for p in properties if isinstance(p, ast.ExpectRefuted)}
        self.missed = {s.span: s for s in self.skips if s.at is not None}

    def skipped(self, result: Result) -> str | None:
        """The reason why this line of the table is skipped, if it is."""
        for s in self.skips:
            if s.at is not None and s.name == result.check and _is_at(result, s.at):
                self.missed.pop(s.span, None)
                return s.reason
        return None

    def expects(self, result: Result) -> bool:
        return isinstance(result.verdict, Refuted) and bool(names(result) & self.expected.keys())

    def in_vain(self, check: str) -> str:
        """It is skipped, whatever `check NAME` says."""
        where = self.raised.get(check)
        return f" (`check {check}` at {where.line}:{where.col} has no effect)" if where else ""

    def fulfilled(self, results: list[Result], only: bool) -> list[Result]:
        """`expect refuted NAME`: one refuted result of that name is enough.

        Where there is none, those that might have been it do not count as expected any more:
        all that are open, or, if all are proved, all of them.
        """
        out = list(results)
        for name in self.expected:
            mine = [k for k, r in enumerate(out) if name in names(r) and r.verdict is not None]
            if any(isinstance(out[k].verdict, Refuted) for k in mine):
                continue
            open_ = [k for k in mine if isinstance(out[k].verdict, Unknown)]
            for k in open_ or mine:
                out[k] = replace(out[k], expected=True)
            if not mine and not only:
                why = "nothing of that name was checked, so nothing of it was refuted"
                if any(s.name == name or s.at == name for s in self.skips):
                    why = "it is skipped, so it was not refuted: remove one of the two"
                span = self.expected[name].span
                out.append(Result("expect", name, Unknown("portfolio", why), span, expected=True))
        return [*out, *self._skipped_nothing(results, only)]

    def _skipped_nothing(self, results: Sequence[Result], only: bool) -> Iterator[Result]:
        """`skip_check NAME at PLACE` where there is no such place: what it means to turn off is
        on, or is not there."""
        for s in () if only else self.missed.values():
            places = dict.fromkeys(r.name for r in results if r.check == s.name and r.name)
            known = f"; there is {', '.join(list(places)[:6])}" if places else ""
            whole = "" if places else f"; to skip all of it, leave out `at {s.at}`"
            why = f"{s.name} has no line of its own for `{s.at}`{known}{whole}"
            yield Result("skip_check", f"{s.name} at {s.at}", Unknown("portfolio", why), s.span)


def called(name: str) -> str:
    """The name of a check in the table (`invariant` is a word of the language)."""
    return "invariant" if name == "invariants" else name


def _is_at(result: Result, place: str) -> bool:
    """`w` and `E` are places of the line `handled: w: E`."""
    return place in (result.name, *re.split(r"\W+", result.name))


def names(result: Result) -> set[str]:
    """What `expect refuted` may call a result."""
    return {result.check, result.name} - {""}
