"""Proofs that were found before, by the hash of what they depend on.

Only PROVED is kept: a refutation is a run of the spec as it is now, and is soon found again; what
is unknown may be known with more time.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from ..semantics.system import TransitionSystem
from .checks.obligations import Claim
from .digest import of_check, of_claim, of_system, of_tool
from .verdict import Proved, Verdict

FIELDS = ("engine", "how", "figure", "warning")


class Cache(Protocol):
    def get(self, key: str) -> Proved | None: ...
    def put(self, key: str, verdict: Proved) -> None: ...


class InMemory:
    """For one process: `wfverify watch`."""

    def __init__(self) -> None:
        self._found: dict[str, Proved] = {}

    def get(self, key: str) -> Proved | None:
        return self._found.get(key)

    def put(self, key: str, verdict: Proved) -> None:
        self._found[key] = verdict


class InFolder:
    """One small file for each proof; what cannot be read or written is as if it were not there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / of_tool()[:16]
        self.folder.mkdir(parents=True, exist_ok=True)

    def get(self, key: str) -> Proved | None:
        try:
            found = json.loads((self.folder / key).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        if not isinstance(found, dict) or set(found) != {"key", *FIELDS} or found["key"] != key:
            return None
        if not all(isinstance(v, str) for v in found.values()):
            return None
        return Proved(**{name: found[name] for name in FIELDS})

    def put(self, key: str, verdict: Proved) -> None:
        data = {"key": key, **{name: getattr(verdict, name) for name in FIELDS}}
        # Written beside and renamed: another process never reads half of it.
        half = self.folder / f"{key}.{os.getpid()}"
        with suppress(OSError):
            half.write_text(json.dumps(data), encoding="utf-8")
            half.replace(self.folder / key)


SAFE = frozenset({"structure", "induction", "affine", "chc", "search"})


class Memory:
    """What a cache knows of a system; nothing without a cache."""

    def __init__(self, cache: Cache | None, system: TransitionSystem) -> None:
        self.cache = cache
        self.system = system
        self._keys: dict[int, str] = {}
        self._all: str | None = None

    def claims(self, groups: Sequence[Claim]) -> dict[int, Verdict]:
        """The claims that are known to hold, by position."""
        out: dict[int, Verdict] = {}
        if self.cache is None:
            return out
        for i, claim in enumerate(groups):
            found = self.cache.get(self._key(claim))
            if found is not None:
                out[i] = found
        return out

    def learn(self, groups: Sequence[Claim], verdicts: Mapping[int, Verdict]) -> None:
        for i, claim in enumerate(groups):
            verdict = verdicts[i]
            if self.cache is not None and isinstance(verdict, Proved):
                # What other engines say may rest on more than the cone.
                if set(verdict.engine.split(", ")) <= SAFE:
                    self.cache.put(self._key(claim), verdict)

    def _key(self, claim: Claim) -> str:
        # (Claims live as long as the run that asks for them.)
        if id(claim) not in self._keys:
            self._keys[id(claim)] = of_claim(self.system, claim.goals)
        return self._keys[id(claim)]

    def whole(self, check: str) -> Proved | None:
        """The check of the whole system, if it is known to hold."""
        return None if self.cache is None else self.cache.get(self._of_all(check))

    def learn_whole(self, check: str, verdict: Verdict) -> None:
        if self.cache is not None and isinstance(verdict, Proved):
            self.cache.put(self._of_all(check), verdict)

    def _of_all(self, check: str) -> str:
        if self._all is None:
            self._all = of_system(self.system)
        return of_check(self._all, check)
