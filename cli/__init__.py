"""The command line.  `main` picks the command; each command is a module with `run(args) -> int`.

Only what a command needs is imported, when it is needed: `--help` must not wait for a solver.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence

from ..report.outcome import Exit


def main(argv: Sequence[str]) -> int:
    """Runs one command; returns the exit status (docs/checks.md).  Raises nothing."""
    try:
        status = _run(list(argv))
        sys.stdout.flush()
        return status
    except SystemExit as stop:  # argparse has said what is wrong, or printed its help
        return stop.code if isinstance(stop.code, int) else Exit.USAGE
    except KeyboardInterrupt:
        return _interrupted()
    except BrokenPipeError:
        return _closed()
    except Exception as error:
        return failed(error)


def _run(argv: list[str]) -> int:
    from . import arguments

    # What is built lives until the end and holds no cycles: looking for garbage in it costs as
    # much as building it.  Searches may still make some, so the collector stays on, but rare.
    gc.set_threshold(200_000, 100, 100)
    command, rest = arguments.command_of(argv)
    args = arguments.parser(command).parse_args(rest)
    if command == "explain":
        from . import explaining

        return explaining.run(args)
    if command == "fmt":
        from . import formatting

        return formatting.run(args)
    if command == "run":
        from . import running

        return running.run(args)
    if command == "replay":
        from . import running

        return running.replay(args)
    if command == "recheck":
        from . import rechecking

        return rechecking.recheck(args)
    if command == "watch":
        from . import watching

        return watching.run(args)
    if command == "mutate":
        from . import mutating

        return mutating.run(args)
    if command == "coverage":
        from . import covering

        return covering.run(args)
    if command == "time":
        from . import timing

        return timing.run(args)
    if command == "export":
        from . import exporting

        return exporting.run(args)
    if command in ("equiv", "lts", "migrate", "minimise"):
        from . import comparing

        return comparing.run(command, args)
    if command == "rewrite":
        from . import rewriting

        return rewriting.run(args)
    if command == "verify":
        from . import verifying

        return verifying.run(args)
    arguments.parser("").print_help(sys.stderr)
    return Exit.USAGE


def _closed() -> int:
    """Nobody is left to tell."""
    from .terminal import nobody_reads

    nobody_reads()
    return 141  # what a shell reports for a process that SIGPIPE ended


def _interrupted() -> int:
    from .terminal import complain

    complain("interrupted")
    return Exit.INTERRUPTED


def failed(error: Exception) -> Exit:
    """Says what went wrong, and whose mistake it is."""
    from ..dsl.errors import Rejected
    from .terminal import complain

    if isinstance(error, Rejected):
        from .loading import say_rejected

        say_rejected(error.diagnostics)
        return Exit.USAGE
    if isinstance(error, OSError) and error.strerror:  # of stdout, where it names no file
        what = "use" if error.filename is not None else "write"
        complain(f"cannot {what} {error.filename or 'the output'}: {error.strerror}")
        return Exit.USAGE
    if os.environ.get("WFVERIFY_DEBUG"):
        import traceback

        traceback.print_exception(error, file=sys.stderr)
    name = type(error).__name__
    complain(
        f"internal error: {name}: {str(error).splitlines()[0] if str(error) else 'no message'}\n"
        "This is a mistake in wfverify, not in your file. Please report it with the file;\n"
        "WFVERIFY_DEBUG=1 shows where it happened."
    )
    return Exit.INTERNAL
