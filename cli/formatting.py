"""`wfverify fmt`: never loses a file."""

from __future__ import annotations

import argparse
import contextlib
import os
import stat
import tempfile

from ..dsl import format_spec, parse_text
from ..dsl.errors import Rejected
from ..dsl.source import read
from ..report.outcome import Exit
from .loading import STDIN, read_stdin, say_rejected
from .terminal import complain, write


def run(args: argparse.Namespace) -> int:
    """Formats each file; goes on after one that it cannot.

    Status 2 if one could not be formatted, else 1 if --check found one to change, else 0.
    """
    status = Exit.PROVED
    for path in args.files:
        try:
            changed = _one(path, args.check)
        except Rejected as error:
            say_rejected(error.diagnostics)
            status = Exit.USAGE
        except BrokenPipeError:
            raise  # it is not the file that nobody reads
        except OSError as error:
            complain(f"cannot write {path}: {error.strerror}")
            status = Exit.USAGE
        else:
            if changed and args.check and status is Exit.PROVED:
                status = Exit.REFUTED
    return status


def _one(path: str, check: bool) -> bool:
    """Whether the text was not in the standard layout."""
    text = read_stdin() if path == "-" else read(path)
    file = STDIN if path == "-" else path
    formatted = formatted_text(text, file)
    if check:
        if formatted != text:
            write(f"{file}: would be changed\n")
    elif path == "-":
        write(formatted)
    elif formatted != text:
        replace_file(path, formatted)
    return formatted != text


def formatted_text(text: str, file: str) -> str:
    """The standard layout, read again and compared with what was meant.  Raises `Rejected`."""
    spec = parse_text(text, file)
    formatted = format_spec(spec)
    if parse_text(formatted, file) != spec:
        raise RuntimeError(f"formatting {file} would change its meaning; nothing was written")
    return formatted


def replace_file(path: str, text: str) -> None:
    """All of the new text or all of the old one, whatever happens; keeps links and modes."""
    target = os.path.realpath(path)
    mode = stat.S_IMODE(os.stat(target).st_mode)
    if not os.access(target, os.W_OK):
        raise PermissionError(13, "Permission denied", path)
    handle, temporary = tempfile.mkstemp(prefix=".wfverify-", dir=os.path.dirname(target))
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, mode)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
