"""The Aldebaran format of labelled transition systems (CADP, mCRL2, LTSmin).

des (0, 2, 3)                 first state, number of transitions, number of states
(0, "start of pay", 1)
(1, i, 2)                     the internal step: `i`, or `tau`
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator

from ...dsl.errors import Diagnostic, Rejected, Span
from .lts import INTERNAL, TAU, Lts

HIDDEN = ("i", "tau")
MOST = 2**31 - 1  # states; edges are kept as 32 bits
_SHOWN = 10  # complaints of one file
SPARSE = 1_000  # states for each transition, behind which those without any are left out


def read(text: str, file: str) -> Lts:
    """Raises `Rejected`: E0920 with the line, of at most ten lines."""
    lines = [(n, line) for n, line in enumerate(map(str.strip, text.splitlines()), 1) if line]
    if not lines:
        raise Rejected((_wrong(file, 1, "", "the file is empty"),))
    first, transitions, states = _header(file, *lines[0])
    numbers = {INTERNAL: TAU, **dict.fromkeys(HIDDEN, TAU)}
    names = [INTERNAL]
    source, label, target = array("i"), array("i"), array("i")
    found: list[Diagnostic] = []
    for n, line in lines[1:]:
        try:
            # The label may hold commas: it ends at the last one.
            left, rest = line[1:-1].split(",", 1)
            name, right = rest.rsplit(",", 1)
            s, t = int(left), int(right)
            if line[0] != "(" or line[-1] != ")" or not (0 <= s < states and 0 <= t < states):
                raise ValueError
            if name not in numbers and not _whole(name):
                raise ValueError
        except ValueError:
            found.append(_line(file, n, line, states))
            if len(found) == _SHOWN:
                break
            continue
        number = numbers.get(name)
        if number is None:
            plain = _unquoted(name)
            number = numbers.get(plain)
            if number is None:
                number = numbers[plain] = len(names)
                names.append(plain)
            numbers[name] = number
        source.append(s)
        label.append(number)
        target.append(t)
    if not found and len(source) != transitions:
        what = f"there are {len(source)} transitions, and the first line says {transitions}"
        found.append(_wrong(file, *lines[0], what, "the file may have been cut off"))
    if found:
        raise Rejected(tuple(found))
    if states > SPARSE * (transitions + 1):
        # Most states have no step from them or to them: nobody sees them.
        dense: dict[int, int] = {}
        for s in (first, *source, *target):
            dense.setdefault(s, len(dense))
        states, first = len(dense), dense[first]
        source, target = (array("i", (dense[s] for s in a)) for a in (source, target))
    return Lts(states, first, tuple(names), source, label, target)


def _whole(name: str) -> bool:
    """Whether a label that begins with a quote ends with one."""
    name = name.strip()
    return not name.startswith('"') or (len(name) > 1 and name.endswith('"'))


def _unquoted(name: str) -> str:
    name = name.strip()
    if len(name) >= 2 and name[0] == name[-1] == '"':
        name = name[1:-1]
    return name


def _header(file: str, n: int, line: str) -> tuple[int, int, int]:
    mend = "it is `des (first state, number of transitions, number of states)`"
    try:
        if not line.startswith("des"):
            raise ValueError
        inside = line[3:].strip()
        if inside[:1] != "(" or inside[-1:] != ")":
            raise ValueError
        first, transitions, states = (int(x) for x in inside[1:-1].split(","))
    except ValueError:
        raise Rejected((_wrong(file, n, line, "this is no first line of the format", mend),)) from (
            None
        )
    if not 0 <= first < states or transitions < 0:
        raise Rejected((_wrong(file, n, line, f"there is no state {first} of {states}"),))
    if states > MOST:
        raise Rejected((_wrong(file, n, line, f"more than {MOST} states"),))
    return first, transitions, states


def _line(file: str, n: int, line: str, states: int) -> Diagnostic:
    for number in _numbers(line):
        if not 0 <= number < states:
            return _wrong(file, n, line, f"there is no state {number}: there are {states}")
    mend = 'it is `(from, "label", to)`'
    open_ = line.count('"') == 1
    return _wrong(file, n, line, f"this is no transition{': a quote is missing' * open_}", mend)


def _numbers(line: str) -> Iterator[int]:
    parts = line[1:-1].split(",")
    if len(parts) >= 3:
        for text in (parts[0], parts[-1]):
            try:
                yield int(text)
            except ValueError:
                return


def _wrong(file: str, n: int, line: str, what: str, mend: str = "") -> Diagnostic:
    return Diagnostic("E0920", Span(file, n, 1, n, len(line) + 1), what, mend)


def write(lts: Lts) -> str:
    """The text; the internal step is `i`.  A label with a line break has `\\n` for it."""
    names = [_quoted(name) for name in lts.labels]
    names[TAU] = "i"
    rows = zip(lts.source, lts.label, lts.target, strict=True)
    head = f"des ({lts.initial}, {lts.transitions}, {lts.states})\n"
    return head + "".join(f"({s}, {names[a]}, {t})\n" for s, a, t in rows)


def _quoted(name: str) -> str:
    plain = name.replace("\r", "\\r").replace("\n", "\\n")
    # A visible step that is called like an internal one stays visible.
    return f'"{plain}"' if plain not in HIDDEN else f'"{plain} (visible)"'
