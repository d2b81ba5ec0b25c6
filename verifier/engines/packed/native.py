"""The C text of a search, compiled beside the search in Python, loaded, and run piece by piece.

The compiler reads the text from a pipe and writes to a file that has no name (memfd), so nothing
stays behind however the process ends; where the system has no such files, to a private folder.
"""

from __future__ import annotations

import _ctypes
import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import time
import weakref
from array import array
from collections.abc import Sequence
from contextlib import suppress
from enum import IntEnum
from functools import cache
from typing import Any, overload

from .c_search import Printed

OPTIONS = ("-std=c11", "-fPIC", "-shared", "-fvisibility=hidden", "-pipe", "-w", "-x", "c")
PIECE = 0.02  # seconds, about, after which Python looks at the clock
NOBODY = 2**32 - 1  # the parent of an initial state
EXCLUDED = 2**32 - 1  # the target of a step to a state that does not count


@cache
def compiler() -> str | None:
    """The path of the machine's C compiler."""
    return shutil.which("cc")


class Code(IntEnum):
    """What `wfverify_run` answers."""

    MORE = 0
    DONE = 1
    REPORT = 2
    MANY = 3  # more states than were allowed
    FULL = -1  # no memory is left
    WIDER = -2  # a value does not fit in its field
    GIVE_UP = -3  # a number does not fit in 64 bits


class Failed(Exception):
    """There is no such library, and why."""


class Compilation:
    """A compiler that works in the background; `close` ends it."""

    def __init__(self, text: str, level: str) -> None:
        """`level`: how much the compiler is to optimise.  Raises Failed."""
        path = compiler()
        if path is None:
            raise Failed("there is no C compiler (cc)")
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._file = -1
        if hasattr(os, "memfd_create") and os.path.isdir("/proc/self/fd"):
            self._file = os.memfd_create("search")
            self.target = f"/proc/{os.getpid()}/fd/{self._file}"
        else:
            self._folder = tempfile.TemporaryDirectory(prefix="wfverify-")
            self.target = os.path.join(self._folder.name, "search.so")
        try:
            # From a file, so that nobody waits for the compiler to read a pipe; in a group of its
            # own: what the compiler starts is ended with it, and not by Ctrl-C.
            with tempfile.TemporaryFile() as source:
                source.write(text.encode())
                source.seek(0)
                self._process = subprocess.Popen(
                    [path, *OPTIONS, level, "-o", self.target, "-"],
                    stdin=source,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
        except OSError as error:
            self._drop()
            raise Failed(f"{path} cannot be started: {error}") from None

    def ready(self) -> bool:
        return self._process.poll() is not None

    def wait(self, seconds: float) -> None:
        try:
            self._process.wait(max(0.0, seconds))
        except subprocess.TimeoutExpired:
            self.close()
            raise Failed("the compiler was not done in time") from None

    def library(self) -> Library:
        """Once it is ready; raises Failed."""
        try:
            if self._process.returncode:
                raise Failed("the C compiler did not accept the search")
            handle = ctypes.CDLL(self.target)
        except OSError as error:
            self._drop()
            raise Failed(f"the search could not be loaded: {error}") from None
        except Failed:
            self._drop()
            raise
        # The name must not be used again while the library is loaded: it would be taken for it.
        file, self._file = self._file, -1
        self._drop()
        return Library(handle, file)

    def close(self) -> None:
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGTERM)
            self._process.wait()
        self._drop()

    def _drop(self) -> None:
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class _View(ctypes.Structure):
    """`struct view` of kernel.c."""

    _fields_ = (
        ("states", ctypes.POINTER(ctypes.c_uint64)),
        ("parents", ctypes.POINTER(ctypes.c_uint32)),
        ("first", ctypes.POINTER(ctypes.c_uint64)),
        ("targets", ctypes.POINTER(ctypes.c_uint32)),
        ("labels", ctypes.POINTER(ctypes.c_uint32)),
        ("transitions", ctypes.c_uint64),
        ("bytes", ctypes.c_uint64),
        ("edges", ctypes.c_uint64),
        *(
            (name, ctypes.c_uint32)
            for name in ("count", "done", "depth", "level_end", "node", "wrongs", "brokens")
        ),
    )


class Library:
    """One search that has been compiled and loaded: its memory and its code are its own."""

    def __init__(self, handle: ctypes.CDLL, file: int) -> None:
        self.handle = handle
        self.view = _View.in_dll(handle, "wfverify_view")
        self.run = handle.wfverify_run
        self.run.argtypes = [ctypes.c_uint32]
        self.start = handle.wfverify_start
        self.start.argtypes = [ctypes.c_uint64, ctypes.c_uint32]
        self.put = handle.wfverify_put
        self.put.argtypes = [ctypes.POINTER(ctypes.c_uint64)]
        self.back = handle.wfverify_back
        self.back.argtypes = [ctypes.c_void_p] * 4 + [ctypes.c_uint32]
        self._close = weakref.finalize(self, _unload, handle, file)

    def numbers(self, name: str, kind: type[Any], size: int) -> ctypes.Array[Any]:
        """An array of the library."""
        array: ctypes.Array[Any] = (kind * size).in_dll(self.handle, name)
        return array

    def empty(self) -> None:
        """Its memory is given back; the code stays."""
        self.handle.wfverify_finish()

    def close(self) -> None:
        """The code is gone, too."""
        self._close()


def _unload(handle: ctypes.CDLL, file: int) -> None:
    handle.wfverify_finish()
    if hasattr(_ctypes, "dlclose"):
        _ctypes.dlclose(handle._handle)
    if file >= 0:
        os.close(file)


def address(values: array[int] | bytearray) -> ctypes.c_void_p:
    """Of the first item."""
    if isinstance(values, array):
        return ctypes.c_void_p(values.buffer_info()[0])
    return ctypes.cast((ctypes.c_ubyte * len(values)).from_buffer(values), ctypes.c_void_p)


class States(Sequence[int]):
    """The packed states of a search, as integers, in the order in which they were found."""

    def __init__(self, library: Library, words: int) -> None:
        self._library, self._words = library, words

    def __len__(self) -> int:
        return int(self._library.view.count)

    @overload
    def __getitem__(self, at: int) -> int: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[int]: ...
    def __getitem__(self, at: int | slice) -> int | Sequence[int]:
        if isinstance(at, slice):
            return [self[k] for k in range(*at.indices(len(self)))]
        if not 0 <= at < len(self):
            raise IndexError(at)
        words, found = self._words, self._library.view.states
        return sum(int(found[at * words + k]) << 64 * k for k in range(words))


class Native:
    """A search in machine code; `goals` is the number of its goals.  It finds the same nodes in
    the same order as the search in Python."""

    def __init__(
        self, library: Library, printed: Printed, goals: int, most: int, memory: int
    ) -> None:
        """At most so many states, and so many bytes."""
        self.library, self.printed = library, printed
        self.most, self.memory = min(most, NOBODY - 1), memory
        self.view = library.view
        self.open = library.numbers("wfverify_open", ctypes.c_ubyte, goals + 1)
        self._wrong = ctypes.c_uint32.in_dll(library.handle, "wfverify_wrong")
        self._broken = library.numbers("wfverify_broken", ctypes.c_uint32, goals + 1)
        self.states = States(library, printed.words)
        self._budget = 4096
        self.seconds = 0.0  # of processor time in machine code

    def start(self, initial: Sequence[int], opened: Sequence[int]) -> Code:
        """From these states (packed, canonical, each once)."""
        self.look_at(opened)
        code = self.library.start(self.memory, self.most)
        words = self.printed.words
        for state in initial:
            if code < 0:
                break
            parts = [state >> 64 * k & (1 << 64) - 1 for k in range(words)]
            code = self.library.put((ctypes.c_uint64 * words)(*parts))
        return Code(code) if code < 0 else Code.MORE

    def look_at(self, opened: Sequence[int]) -> None:
        """These goals only, from now on."""
        for goal in range(len(self.open)):
            self.open[goal] = 0
        for goal in opened:
            self.open[goal] = 1

    def run(self) -> Code:
        """A piece of some hundredths of a second."""
        begin, used = time.perf_counter(), time.process_time()
        before = self.view.done
        code = Code(self.library.run(self._budget))
        took = time.perf_counter() - begin
        self.seconds += time.process_time() - used
        if code is Code.MORE and self.view.done - before == self._budget:
            factor = min(4.0, max(0.25, PIECE / max(took, 1e-6)))
            self._budget = max(16, min(1 << 20, int(self._budget * factor)))
        return code

    @property
    def wrong(self) -> list[int]:
        """New nodes that break a goal about states."""
        found = (ctypes.c_uint32 * self.view.wrongs).from_address(ctypes.addressof(self._wrong))
        return list(found)

    @property
    def broken(self) -> list[int]:
        """Goals that are broken by a step of the node that was expanded last."""
        return list(self._broken[: self.view.brokens])

    def met(self, labels: int) -> Sequence[int]:
        """By label, the node at which such a step is first possible (NOBODY: nowhere)."""
        return list(self.library.numbers("wfverify_met", ctypes.c_uint32, labels))

    def reverse(self) -> tuple[array[int], array[int]]:
        """The sources of edges, by their targets: where those of a node begin, and all of them."""
        begins = array("Q", bytes(8 * (self.view.count + 2)))
        sources = array("I", bytes(4 * max(1, self.view.edges)))
        self.library.handle.wfverify_reverse(address(begins), address(sources))
        return begins, sources

    def parent(self, node: int) -> int:
        """-1: it is an initial state."""
        found = int(self.view.parents[node])
        return -1 if found == NOBODY else found

    def close(self) -> None:
        self.library.close()
