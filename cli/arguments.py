"""The commands and their options."""

from __future__ import annotations

import argparse
import difflib
import os
from collections.abc import Sequence
from itertools import pairwise

from .. import __version__
from ..report import FORMATS
from ..verifier.chosen import ENGINES
from .terminal import complain

COMMANDS = (
    "verify",
    "watch",
    "run",
    "replay",
    "recheck",
    "mutate",
    "coverage",
    "time",
    "export",
    "equiv",
    "lts",
    "migrate",
    "minimise",
    "rewrite",
    "fmt",
    "explain",
)

_OVERVIEW = """\
wfverify proves a workflow before you run it, and runs what was proved.

commands:
  wfverify SPEC...          prove or refute everything about a spec (short for: verify SPEC)
  wfverify watch SPEC       the same again after every change of the file
  wfverify run SPEC         run it, with a scheduler, a seed and answers of the environment
  wfverify replay LOG       run a recorded log, or a counterexample, again and compare
  wfverify recheck DIR      check certificates that `wfverify SPEC --certify DIR` wrote
  wfverify mutate SPEC      small changes that none of its properties notices
  wfverify coverage SPEC    which steps its proofs rest on
  wfverify time SPEC        how long each workflow takes, at least and at most
  wfverify export SPEC      its rules as a model for another checker (Spin)
  wfverify equiv A B        do two specs (or labelled transition systems) do the same?
  wfverify migrate OLD NEW  where can runs of OLD go on under NEW?
  wfverify lts SPEC         its states and observable steps as a labelled transition system
  wfverify minimise FILE    the smallest labelled transition system that is equivalent
  wfverify rewrite SPEC     a shorter workflow, or one with more at once, that does the same
  wfverify fmt FILE...      bring files to the standard layout
  wfverify explain [CHECK]  what a check means and how to mend what it refutes

SPEC is a .wf file, or a file of a foreign format (AWS Step Functions: machine.json).

examples:
  wfverify examples/trip.wf
  wfverify examples/trip.wf --only resources -v
  wfverify examples/trip.wf --format github
  wfverify run examples/trip.wf --seed 7 --runs 100
  wfverify explain deadlock_free

exit status: 0 all proved (or as expected), 1 something refuted, 2 the file or the call is wrong,
3 something unknown and nothing refuted, 70 a mistake in wfverify itself, 130 interrupted; the
worst one of several files (2 is worse than 1, and 1 than 3).
"""


# What other tools call our commands.
_MEANT = {
    **dict.fromkeys(("check", "prove", "test", "lint", "analyse", "analyze", "validate"), "SPEC"),
    **dict.fromkeys(("simulate", "exec", "execute", "start"), "run SPEC"),
    **dict.fromkeys(("format", "tidy"), "fmt FILE"),
    **dict.fromkeys(("help", "usage"), "--help"),
    **dict.fromkeys(("version",), "--version"),
    **dict.fromkeys(("doc", "docs", "describe", "checks"), "explain"),
}


def command_of(argv: Sequence[str]) -> tuple[str, list[str]]:
    """The command and its arguments; what is no command is a spec to verify.

    A file that is called like a command is reached as `./run`.
    """
    if not argv:
        return "", []
    first = argv[0]
    if first in ("-h", "--help"):
        return "", ["--help"]
    if first in ("-V", "--version"):
        return "", ["--version"]
    if first in COMMANDS:
        return first, list(argv[1:])
    if not first.startswith("-") and not os.path.exists(first) and "." not in first:
        complain(f"there is no command and no file `{first}`{_instead(first)}")
        raise SystemExit(2)
    for before, word in pairwise(argv):
        if word in COMMANDS and not before.startswith("-") and not os.path.exists(word):
            complain(f"the command comes first: `wfverify {word} {first}`")
            raise SystemExit(2)
    return "verify", list(argv)


def _instead(word: str) -> str:
    if os.path.exists(f"{word}.wf"):
        return f"; did you mean `wfverify {word}.wf`?"
    near = difflib.get_close_matches(word, COMMANDS, 1, 0.6)
    meant = _MEANT.get(word.lower()) or (near[0] if near else "")
    if meant:
        return f"; did you mean `wfverify {meant}`?"
    return "; see wfverify --help"


def parser(command: str) -> argparse.ArgumentParser:
    """The parser of one command's own arguments; of the overview for ""."""
    match command:
        case "verify":
            return _verify()
        case "run":
            return _run()
        case "replay":
            return _replay()
        case "recheck":
            return _recheck()
        case "watch":
            return _watch()
        case "mutate":
            return _mutate()
        case "coverage":
            return _coverage()
        case "time":
            return _time()
        case "export":
            return _export()
        case "equiv" | "lts" | "migrate" | "minimise":
            from .arguments_equivalence import TEXTS, fill

            return fill(_new(command, *TEXTS[command]), command, _seconds, _count)
        case "rewrite":
            from .arguments_rewrite import TEXT
            from .arguments_rewrite import fill as fill_rewrite

            return fill_rewrite(_new(command, *TEXT), _seconds)
        case "fmt":
            return _fmt()
        case "explain":
            return _explain()
    out = _new("", "")
    out.format_help = lambda: _OVERVIEW  # type: ignore[method-assign]
    out.add_argument("-V", "--version", action="version", version=f"wfverify {__version__}")
    return out


def _new(command: str, text: str, epilog: str = "") -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog=f"wfverify {command}".strip(),
        description=text,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def _seconds(text: str) -> float:
    try:
        value = float(text.removesuffix("s"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds") from None
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError("must be more than 0 seconds")
    return value


def _count(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None


def _only(out: argparse.ArgumentParser, what: str) -> None:
    out.add_argument(
        "--only",
        action="extend",
        type=lambda names: [n for n in names.split(",") if n],
        default=[],
        metavar="CHECK",
        help=f"{what}; several with commas, or given several times",
    )


def _engine(text: str) -> str:
    if text not in ENGINES:
        near = difflib.get_close_matches(text, ENGINES, 1, 0.5)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(ENGINES)}"
        raise argparse.ArgumentTypeError(f"there is no engine {text!r}; {hint}")
    return text


def _processes(out: argparse.ArgumentParser) -> None:
    out.add_argument(
        "-j",
        "--jobs",
        type=_count,
        metavar="N",
        help="processes at a time; default: as many as there are cores",
    )
    out.add_argument("--memory", type=_count, metavar="MB", help="address space of each of them")
    out.add_argument(
        "--engine",
        action="append",
        default=[],
        type=_engine,
        metavar="NAME",
        help=f"use this engine alone ({', '.join(ENGINES)}); may be given several times",
    )


def _shown(out: argparse.ArgumentParser) -> None:
    out.add_argument("-v", "--verbose", action="store_true", help="how each result was found")
    out.add_argument("-q", "--quiet", action="store_true", help="the closing line only")


def _verify() -> argparse.ArgumentParser:
    out = _new(
        "",
        "Prove or refute every property and every built-in check of a spec.",
        "examples:\n"
        "  wfverify trip.wf --only deadlock_free --only never_negative\n"
        "  wfverify trip.wf --format sarif > trip.sarif\n"
        "  wfverify specs/*.wf -q\n",
    )
    out.add_argument(
        "specs", nargs="+", metavar="SPEC", help="a .wf file, a foreign file, or - for stdin"
    )
    out.add_argument("--format", choices=FORMATS, default="text", help="default: text")
    _shown(out)
    out.add_argument(
        "--timeout", type=_seconds, metavar="S", help="seconds for all checks of a file"
    )
    _only(out, "this check or property only")
    out.add_argument(
        "--certify", metavar="DIR", help="write a certificate for each result, for `recheck`"
    )
    _processes(out)
    out.add_argument("--strict", action="store_true", help="warnings decide the exit status too")
    out.add_argument("--seed", type=_whole, metavar="N", help="of the solvers; default 0")
    out.add_argument(
        "--cache", metavar="DIR", help="keep proofs there, and find again only what an edit touches"
    )
    return out


def _watch() -> argparse.ArgumentParser:
    out = _new(
        "watch",
        "Verify a spec now and after every change of the file, until Ctrl-C. What a change does\n"
        "not touch is not proved again.",
    )
    out.add_argument("spec", metavar="SPEC", help="a .wf file, or a foreign file")
    _shown(out)
    out.add_argument(
        "--timeout", type=_seconds, metavar="S", help="seconds for all checks of one round"
    )
    _only(out, "this check or property only")
    _processes(out)
    out.add_argument("--strict", action="store_true", help="warnings are shown as errors")
    return out


def _run() -> argparse.ArgumentParser:
    out = _new(
        "run",
        "Run a spec. The same seed gives the same run.",
        "examples:\n"
        "  wfverify run trip.wf --set seats=2 --set budget=900\n"
        "  wfverify run trip.wf --runs 1000 --seed 1\n"
        "  wfverify run trip.wf --log trip.db && wfverify replay trip.db\n"
        "  wfverify run trip.wf --log - | wfverify replay -\n",
    )
    out.add_argument("spec", metavar="SPEC", help="a .wf file, a foreign file, or - for stdin")
    out.add_argument("--seed", type=_whole, default=0, metavar="S", help="default 0")
    out.add_argument("--runs", type=_count, default=1, metavar="N", help="with seeds S, S+1, ..")
    out.add_argument(
        "--scheduler",
        choices=("any", "fifo", "priority"),
        help="who is granted what is contended; default: what the spec says",
    )
    out.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an argument or a parameter; may be given several times",
    )
    out.add_argument(
        "--instances",
        type=_count,
        metavar="N",
        help="so many instances of `w[*]`; default: as many as arrive before --until, or a few",
    )
    out.add_argument("--until", metavar="T", help="stop at this virtual time (90, 1h30m)")
    out.add_argument("--max-steps", type=_count, metavar="N", help="stop after so many steps")
    out.add_argument("--answers", metavar="FILE", help="what the environment answers (JSON)")
    out.add_argument("-q", "--quiet", action="store_true", help="how it ended, not its steps")
    out.add_argument(
        "--log",
        metavar="FILE",
        help="append the events to FILE.db (or FILE.jsonl); - prints JSON lines, none writes no\n"
        "log; default: .wfverify/NAME-seedS.db, written anew by each run",
    )
    return out


def _replay() -> argparse.ArgumentParser:
    out = _new(
        "replay",
        "Rebuild the state of every run of a log from its events, fire the spec's rules beside\n"
        "them, and compare both with the record. Of a counterexample that --certify wrote: is it\n"
        "a run of the spec, and does it break the claim?",
    )
    out.add_argument(
        "log",
        metavar="LOG",
        help="made by wfverify run, or DIR/NAME.run.json; - reads JSON lines from stdin",
    )
    out.add_argument("--run", type=_count, metavar="K", help="this run only, counted from 1")
    return out


def _recheck() -> argparse.ArgumentParser:
    out = _new(
        "recheck",
        "Check certificates again, with a checker that knows nothing of the engines: the rules\n"
        "are made anew from the spec's text, and each piece of evidence is looked at.\n"
        "Status: 0 all valid, 1 one is invalid, 3 none is but something had to be trusted.",
        "examples:\n  wfverify trip.wf --certify proofs && wfverify recheck proofs\n",
    )
    out.add_argument("folder", metavar="DIR", help="made by --certify; or one file of it")
    out.add_argument("--spec", metavar="FILE", help="where the spec is now")
    out.add_argument("-v", "--verbose", action="store_true", help="what had to be trusted")
    return out


def _mutate() -> argparse.ArgumentParser:
    out = _new(
        "mutate",
        "Change the spec in small ways (drop a claim, an undo or a step, swap two steps, fix a\n"
        "test) and list the changes that no check and no property refutes: what the spec does\n"
        "not say.",
        "examples:\n  wfverify mutate trip.wf\n  wfverify mutate trip.wf -v --only paid\n",
    )
    out.add_argument("spec", metavar="SPEC", help="a .wf file, or - for stdin")
    out.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    out.add_argument("-v", "--verbose", action="store_true", help="also what notices the others")
    out.add_argument("--timeout", type=_seconds, metavar="S", help="for each change; default 10")
    _only(out, "what this check or property notices")
    return out


def _coverage() -> argparse.ArgumentParser:
    out = _new(
        "coverage",
        "Say on which steps each proof rests, and list the steps that no invariant, assertion,\n"
        "`ensures` or property of the spec rests on: they could do anything.\n"
        "Status: 0 there is no such step, 1 there is one.",
        "examples:\n  wfverify coverage trip.wf\n  wfverify coverage trip.wf -v --only paid\n",
    )
    out.add_argument("spec", metavar="SPEC", help="a .wf file, or - for stdin")
    out.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    out.add_argument("-v", "--verbose", action="store_true", help="the steps of each proof")
    out.add_argument("--timeout", type=_seconds, metavar="S", help="for all proofs; default 60")
    _only(out, "the proof of this check or property")
    return out


def _time() -> argparse.ArgumentParser:
    out = _new(
        "time",
        "Say how long each workflow takes, from its start to its end: the shortest time in which\n"
        "it can complete and the longest after which it is surely over, as formulas in the\n"
        "parameters; with -v the runs that attain them.\n"
        "Status: 0 each has a longest time, 3 one has none that is known.",
        "examples:\n  wfverify time trip.wf\n  wfverify time trip.wf -v\n",
    )
    out.add_argument("spec", metavar="SPEC", help="a .wf file, a foreign file, or - for stdin")
    out.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    out.add_argument("-v", "--verbose", action="store_true", help="the runs that attain them")
    out.add_argument("--timeout", type=_seconds, metavar="S", help="for the runs; default 20")
    return out


def _export() -> argparse.ArgumentParser:
    out = _new(
        "export",
        "Write the rules of a finite spec, with its claims, as a model for Spin or TLC.\n"
        "Time is left out.",
        "examples:\n"
        "  wfverify export trip.wf --promela -o trip.pml\n"
        "  wfverify export trip.wf --promela --only never_negative\n"
        "  wfverify export trip.wf --tla -o trip.tla\n",
    )
    out.add_argument("spec", metavar="SPEC", help="a .wf file, a foreign file, or - for stdin")
    kind = out.add_mutually_exclusive_group(required=True)
    kind.add_argument("--promela", action="store_true", help="the language of Spin")
    kind.add_argument("--tla", action="store_true", help="TLA+, the language of TLC")
    out.add_argument("-o", dest="output", metavar="FILE", help="default: stdout")
    _only(out, "this check or property, and what can matter for it")
    return out


def _fmt() -> argparse.ArgumentParser:
    out = _new(
        "fmt",
        "Bring files to the standard layout, in place. A file with errors is left as it is.",
        "examples:\n  wfverify fmt *.wf\n  wfverify fmt --check *.wf\n  wfverify fmt - < trip.wf\n",
    )
    out.add_argument("files", nargs="+", metavar="FILE", help="- reads stdin and writes stdout")
    out.add_argument("--check", action="store_true", help="change nothing; 1 if something would")
    return out


def _explain() -> argparse.ArgumentParser:
    out = _new("explain", "What a check means, what it refutes, how to mend that.")
    out.add_argument("name", nargs="?", metavar="CHECK", help="all in one line each without it")
    return out
