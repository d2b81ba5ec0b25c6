"""JSONPath, and what a payload template puts at a path.

A `Path` leads from a root (`$` the document, `$name` a workflow variable, `$$` the context) over
keys and indices.  Wildcards, filters and slices are not followed: such a path is `opaque`, and
its steps lead to the part that it may read.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction

from ...records import dataclass
from ..jsonpos import Hole, Json

Steps = tuple[str | int, ...]

MAX_STEPS = 12


@dataclass(frozen=True, slots=True)
class Path:
    root: str
    steps: Steps = ()
    opaque: str = ""  # the rest of the text, where it is not followed

    def __str__(self) -> str:
        shown = "".join(f"[{s}]" if isinstance(s, int) else f".{s}" for s in self.steps)
        return self.root + shown + self.opaque

    def plus(self, steps: Steps) -> Path:
        return Path(self.root, self.steps + steps, self.opaque)

    def below(self, base: Path) -> Path:
        """This path (from `$`) read inside the part of the document at `base`."""
        if self.root != "$":
            return self
        return Path(base.root, base.steps + self.steps, base.opaque + self.opaque)


_ROOT = re.compile(r"\$\$|\$[A-Za-z_]\w*|\$")
_STEP = re.compile(
    r"""\.([^\s.\[\]()*?@$'",]+)|\[(\d+)\]|\[\s*'([^'\\]*)'\s*\]|\[\s*"([^"\\]*)"\s*\]"""
)


def parse_path(text: str) -> Path | None:
    """A path, opaque where it cannot be followed exactly; None if the text is no path."""
    text = text.strip()
    root = _ROOT.match(text)
    if root is None or "${" in text:
        return None
    steps, pos = list[str | int](), root.end()
    while pos < len(text) and len(steps) < MAX_STEPS:
        step = _STEP.match(text, pos)
        if step is None:
            break
        key, index, quoted, double = step.groups()
        steps.append(int(index[:9]) if index is not None else (key or quoted or double or ""))
        pos = step.end()
    return Path(root.group(), tuple(steps), text[pos:])


# --- values: what stands at a path after a state ----------------------------------------------


@dataclass(frozen=True, slots=True)
class Keep:
    """As before."""


@dataclass(frozen=True, slots=True)
class Any:
    """Any value, or none."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Nothing stands there."""


@dataclass(frozen=True, slots=True)
class Const:
    """`value` None is null; `composite` is an object or an array."""

    value: bool | Fraction | str | None = None
    composite: bool = False


@dataclass(frozen=True, slots=True)
class Copy:
    path: Path


@dataclass(frozen=True, slots=True)
class Add:
    """The number at `path` plus `amount`."""

    path: Path
    amount: Fraction


Value = Keep | Any | Missing | Const | Copy | Add

# (text of a path or an intrinsic function, steps inside its value) -> value
Resolve = Callable[[str, Steps], Value]

_ADD = re.compile(r"\s*States\.MathAdd\(\s*([^(),]+?)\s*,\s*([^(),]+?)\s*\)\s*")
_INTEGER = re.compile(r"-?\d{1,18}")


def in_constant(node: Json, steps: Steps) -> Value:
    """What stands at `steps` inside a literal JSON value."""
    return in_template(node, steps, lambda _text, _steps: Any(), references=False)


def in_template(
    node: Json, steps: Steps, resolve: Resolve, references: bool = True, jsonata: bool = False
) -> Value:
    """What stands at `steps` inside a payload template.

    `references`: keys that end in `.$` hold paths or intrinsic functions.
    """
    value = node.value
    if isinstance(value, Hole):
        return Any()
    if isinstance(value, str) and ("${" in value or (jsonata and value.lstrip().startswith("{%"))):
        return Any()
    if not steps:
        if isinstance(value, (dict, tuple)):
            return Const(composite=True)
        return Const(value)
    step, rest = steps[0], steps[1:]
    if isinstance(step, int):
        if isinstance(value, tuple) and step < len(value):
            return in_template(value[step], rest, resolve, references, jsonata)
        return Missing()
    child = node.get(step)
    if child is not None:
        return in_template(child, rest, resolve, references, jsonata)
    moved = node.get(step + ".$") if references and not jsonata else None
    if moved is not None:
        return resolve(moved.value, rest) if isinstance(moved.value, str) else Any()
    return Missing()


def reference(text: str, rest: Steps, base: Path | None) -> Value:
    """What a path or an intrinsic function yields, read against the document part `base`."""
    if text.lstrip().startswith("States."):
        added = _ADD.fullmatch(text)
        if added is None or rest:
            return Any()
        left, right = added.groups()
        if _INTEGER.fullmatch(left):
            left, right = right, left
        path = parse_path(left)
        if path is None or not _INTEGER.fullmatch(right) or base is None:
            return Any()
        source = path.below(base)
        if source.opaque or source.root == "$$":
            return Any()
        return Add(source, Fraction(int(right)))
    path = parse_path(text)
    if path is None or (base is None and path.root == "$"):
        return Any()
    source = path if base is None else path.below(base)
    if source.opaque or source.root == "$$" or len(source.steps) + len(rest) > MAX_STEPS:
        return Any()
    return Copy(source.plus(rest))
