"""One run of a system: runs, logs, replays, and times for counterexamples.

The names below are loaded when they are first used, so that a command that needs one of them
does not pay for the rest.  `run` is the module: write `from ..interpreter.run import run`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .answers import Answers, load_answers, read_answers
    from .ending import Blocked
    from .environment import AnswerRefused
    from .log import Log, LogError, RunInfo, is_log, open_log, spec_hash
    from .plan import Plan, build_plan
    from .rebuild import LogReplay, replay_log, replay_runs, snapshot
    from .retrace import Replay, replay
    from .run import RunOptions, RunResult, Status
    from .simulation import simulator
    from .summary import Figures, Summary, summarise
    from .timing import Scheduling, schedule

_WHERE = {
    "answers": ("Answers", "load_answers", "read_answers"),
    "ending": ("Blocked",),
    "environment": ("AnswerRefused",),
    "log": ("Log", "LogError", "RunInfo", "is_log", "open_log", "spec_hash"),
    "plan": ("Plan", "build_plan"),
    "rebuild": ("LogReplay", "replay_log", "replay_runs", "snapshot"),
    "retrace": ("Replay", "replay"),
    "run": ("RunOptions", "RunResult", "Status"),
    "simulation": ("simulator",),
    "summary": ("Figures", "Summary", "summarise"),
    "timing": ("Scheduling", "schedule"),
}

__all__ = [
    "AnswerRefused",
    "Answers",
    "Blocked",
    "Figures",
    "Log",
    "LogError",
    "LogReplay",
    "Plan",
    "Replay",
    "RunInfo",
    "RunOptions",
    "RunResult",
    "Scheduling",
    "Status",
    "Summary",
    "build_plan",
    "is_log",
    "load_answers",
    "open_log",
    "read_answers",
    "replay",
    "replay_log",
    "replay_runs",
    "schedule",
    "simulator",
    "snapshot",
    "spec_hash",
    "summarise",
]


def __getattr__(name: str) -> Any:
    for module, names in _WHERE.items():
        if name in names:
            return getattr(import_module(f".{module}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
