"""Text -> syntax tree: the LALR(1) driver.

Own driver, because Lark's cannot say where optional words are keywords, nor recover, nor keep
spans without a token object per word; the tables are Lark's.  The loop does not recurse, so
nesting is limited only by MAX_DEPTH of the tree (which later stages do walk recursively).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from .ast import Spec
from .damage import Damage, Losses
from .errors import Diagnostic, Span
from .lexer import MAX_ERRORS, Tokens, lex
from .recovery import Recovery
from .tables import COLLECT, LIST, PASS, Rule, tables
from .transform import Builder

# The deepest tree: each later stage may use a few Python frames per level.
MAX_DEPTH: Final = 128


@dataclass(frozen=True, slots=True)
class Parsed:
    """The tree, unchecked, and every lexical and syntax error.

    Where there are errors, the tree is what could be read, and `damage` what could not; there is
    none when reading was given up.
    """

    spec: Spec | None
    errors: tuple[Diagnostic, ...] = ()
    damage: Damage = Damage()


def parse(text: str, file: str) -> Parsed:
    """Never raises for any text."""
    tokens = lex(text, file)
    errors = list(tokens.errors)
    if len(errors) >= MAX_ERRORS or any(e.code == "E0003" for e in errors):
        return Parsed(None, tuple(errors))
    builder = Builder(file, text, tokens)
    losses = Losses(tokens)
    losses.lexical(text)
    spec = _Driver(tokens, builder, errors, losses).run()
    if not errors and not builder.errors:
        return Parsed(spec)
    damage = losses.damage()
    # A part that could not be read is not missing, and what it took in is not given twice.
    errors += [e for e in builder.errors if not damage.hides(e, "")]
    # What is left of a line without the unknown character says nothing.
    torn = {e.span.line for e in tokens.errors if e.code == "E0101"}
    errors = [e for e in errors if e.code[:4] != "E011" or e.span.line not in torn]
    meaningless = [e for e in builder.errors if e.code not in _READ_ALL_THE_SAME]
    return Parsed(spec, tuple(errors), damage.around(meaningless))


# Complaints about a form that was read all the same.
_READ_ALL_THE_SAME: Final = frozenset(["E0120", "E0121", "E0122"])


class _Driver:
    """One run of the automaton; lives as long as one call of `parse`."""

    def __init__(
        self, tokens: Tokens, builder: Builder, errors: list[Diagnostic], losses: Losses
    ) -> None:
        self.tokens, self.builder, self.errors, self.losses = tokens, builder, errors, losses
        self.tables = tables()
        self.chains: dict[tuple[int, int, str], tuple[int, list[list[int]]]] = {}
        # By state and word: for the top of a stack, whether it can be a keyword there.
        self.words: dict[tuple[int, str], list[tuple[list[int], bool]]] = {}
        self.act: list[Callable[[list[Any], Span], Any] | None] = [
            getattr(builder, "on_" + rule.action) if rule.action and rule.kind != PASS else None
            for rule in self.tables.rules
        ]

    def run(self) -> Spec | None:
        tokens, builder = self.tokens, self.builder
        kinds, texts, file = tokens.kinds, tokens.texts, builder.file
        lines, cols, ends = tokens.lines, tokens.cols, tokens.ends
        actions, gotos, rules = self.tables.actions, self.tables.gotos, self.tables.rules
        end = self.tables.end
        states: list[int] = [0]
        values: list[Any] = []
        starts: list[int] = []
        depths: list[int] = []
        # States popped by each reduction since the last shift: an LALR automaton may reduce before
        # it sees an error, and what was possible is known only in the state before that.
        undo: list[list[int]] = []
        recovery = Recovery(self.tables, tokens, file, self.errors, self.losses)
        i = 0
        while True:
            kind = kinds[i]
            row = actions[states[-1]]
            if kind == "SOFT":
                kind = self.word(i, row, states, recovery)
            elif kind == "<-" and "<-" not in row:
                kind = "<"
            action = row.get(kind)
            if action is None:
                resumed = recovery.recover(i, kind, states, values, starts, depths, undo)
                undo.clear()
                if resumed is None:
                    return None
                i = resumed
                continue
            if action >= 0:
                states.append(action)
                values.append(texts[i])
                starts.append(i)
                depths.append(0)
                undo.clear()
                i += 2 if kind == "<-" else 1
                continue
            rule = rules[-1 - action]
            length = rule.length
            if rule.unit and kind is kinds[i]:
                states[-1], popped = self.chain(states[-2], states[-1], kind)
                undo += popped
            elif rule.kind == PASS:
                undo.append(states[-length:])
                if length > 1:
                    k = rule.simple[0] - length  # type: ignore[index]
                    value, depth = values[k], depths[k]
                    del states[1 - length :], values[1 - length :]
                    del starts[1 - length :], depths[1 - length :]
                    values[-1], depths[-1] = value, depth
                states[-1] = gotos[states[-2]][rule.origin]
            else:
                kids = _children(rule, values)
                if length:
                    undo.append(states[-length:])
                    first = starts[-length]
                    depth = max(depths[-length:]) if length > 1 else depths[-1]
                    del states[-length:], values[-length:], starts[-length:], depths[-length:]
                else:
                    undo.append([])
                    first, depth = i, 0
                value = kids
                if rule.kind == COLLECT and len(kids) == 1:
                    value = kids[0]
                elif rule.kind != LIST:
                    last = i - 1 if i > first else first
                    builder.first = first
                    span = Span(file, lines[first], cols[first], lines[last], ends[last])
                    value = self.act[-1 - action](kids, span)  # type: ignore[misc]
                    depth += builder.height
                    builder.height = 1
                    if depth > MAX_DEPTH:
                        self.errors.append(_too_deep(span))
                        return None
                states.append(gotos[states[-1]][rule.origin])
                values.append(value)
                starts.append(first)
                depths.append(depth)
            if states[-1] == end and kind == "$END":
                spec: Spec = values[-1]
                return spec

    def chain(self, below: int, state: int, kind: str) -> tuple[int, list[list[int]]]:
        """The state after all reductions in a row that only rename what is on top of the stack
        (`a` is a factor, a product, a sum, ..), and what each of them pops."""
        found = self.chains.get((below, state, kind))
        if found is None:
            popped: list[list[int]] = []
            top = state
            while True:
                action = self.tables.actions[top].get(kind)
                if action is None or action >= 0 or not self.tables.rules[-1 - action].unit:
                    break
                popped.append([top])
                top = self.tables.gotos[below][self.tables.rules[-1 - action].origin]
                if top == self.tables.end:
                    break
            found = self.chains[below, state, kind] = top, popped
        return found

    def word(self, i: int, row: dict[str, int], states: list[int], recovery: Recovery) -> str:
        """The kind of a word that is a keyword only in its place."""
        text = self.tokens.texts[i]
        if text not in row:
            return "IDENT"
        if "IDENT" not in row:
            return text
        kinds, texts = self.tokens.kinds, self.tokens.texts
        if text in ("forall", "exists", "sum", "count"):
            named = kinds[i + 1] in ("IDENT", "SOFT") and kinds[i + 2] == "in"
            return text if named else "IDENT"
        if text == "set":
            return text if texts[i + 1] == "of" else "IDENT"
        if text == "option":
            typed = kinds[i + 1] in ("IDENT", "SOFT") or texts[i + 1] in "({"
            return text if typed else "IDENT"
        # Lookaheads are merged over contexts: only a real parse says whether it can be a keyword.
        known = self.words.setdefault((states[-1], text), [])
        for top, able in known:
            if states[-len(top) :] == top:
                return text if able else "IDENT"
        able, depth = recovery.looked(states, text)
        if len(known) < 8:  # more than few are no help
            known.append((states[-depth:], able))
        return text if able else "IDENT"


def _children(rule: Rule, values: list[Any]) -> list[Any]:
    length = rule.length
    if rule.simple is not None:
        return [values[k - length] for k in rule.simple]
    kids: list[Any] = []
    for k, inline, absent in rule.steps:
        if absent:
            kids += [None] * absent
        value = values[k - length]
        if not inline:
            kids.append(value)
        elif kids:
            kids += value
        else:
            kids = value  # a list belongs to one parent only: growing it keeps repetition linear
    if rule.trailing:
        kids += [None] * rule.trailing
    return kids


def _too_deep(span: Span) -> Diagnostic:
    return Diagnostic(
        "E0004",
        span,
        f"nested too deeply: more than {MAX_DEPTH} levels",
        "name parts of it: a constant, an activity, a child workflow",
    )
