"""Text -> syntax tree: the LALR(1) driver.

Own driver, because Lark's cannot say where optional words are keywords, nor recover, nor keep
spans without a token object per word; the tables are Lark's.  The loop does not recurse, so
nesting is limited only by MAX_DEPTH of the tree (which later stages do walk recursively).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from .ast import Spec
from .damage import Damage, Losses
from .errors import Diagnostic, Span
from .lexer import MAX_ERRORS, Tokens, lex
from .records import dataclass
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
        self.after: dict[tuple[int, int, str], int] = {}  # see `reached`
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
        actions, end = self.tables.actions, self.tables.end
        # By the number of the action, which is -1 for the first rule.
        rules, act = self.tables.rules[::-1], self.act[::-1]
        after = self.after
        make: Callable[[Any], Span] = partial(tuple.__new__, Span)
        states: list[int] = [0]
        values: list[Any] = []
        starts: list[int] = []
        depths: list[int] = []
        # States popped by each reduction since the last shift: an LALR automaton may reduce before
        # it sees an error, and what was possible is known only in the state before that.
        undo: Undo = None
        recovery = Recovery(self.tables, tokens, file, self.errors, self.losses)
        i = 0
        kind, plain = kinds[i], True  # not plain: in another state the word may be of another kind
        row = actions[0]
        while True:
            action = row.get(kind)
            if action is None:
                if kind == "SOFT":
                    kind, plain = self.word(i, row, states, recovery), False
                    continue
                if kind == "<-":
                    kind, plain = "<", False
                    continue
                popped = _unfolded(undo)
                resumed = recovery.recover(i, kind, states, values, starts, depths, popped)
                undo = None
                if resumed is None:
                    return None
                i = resumed
                kind, plain, row = kinds[i], True, actions[states[-1]]
                continue
            if action >= 0:
                first = i
                i += 2 if kind == "<-" else 1
                kind, plain, row = kinds[i], True, actions[action]
                reduced = row.get(kind, 0)
                # A word that is reduced at once, by itself, is not put on the stacks before that.
                if reduced >= 0 or not rules[reduced].leaf:
                    states.append(action)
                    values.append(texts[first])
                    starts.append(first)
                    depths.append(0)
                    undo = None
                    continue
                undo = None, [action]
                action, rule = reduced, rules[reduced]
                kids = _padded(rule, texts[first])
                depth = 0
            else:
                rule = rules[action]
                length = rule.length
                undo = undo, (states[-length:] if length else [])
                if rule.moves:
                    if length > 1:
                        if rule.grows:
                            value, depth = values[-length], depths[-length]
                            value.append(values[rule.grows - length])
                            depth = max(depth, depths[rule.grows - length])
                        else:
                            k = rule.simple[0] - length  # type: ignore[index]
                            value, depth = values[k], depths[k]
                        del states[1 - length :], values[1 - length :]
                        del starts[1 - length :], depths[1 - length :]
                        values[-1], depths[-1] = value, depth
                    states[-1] = top = self.reached(states[-2], rule, kind, plain)
                    if top == end and kind == "$END":
                        break
                    row = actions[top]
                    if not plain:
                        kind, plain = kinds[i], True
                    continue
                kids = _children(rule, values)
                if length:
                    first = starts[-length]
                    depth = max(depths[-length:]) if length > 1 else depths[-1]
                    del states[-length:], values[-length:], starts[-length:], depths[-length:]
                else:
                    first, depth = i, 0
            value = kids
            if rule.kind == COLLECT and len(kids) == 1:
                value = kids[0]
            elif rule.kind != LIST:
                last = i - 1 if i > first else first
                builder.first = first
                span = make((file, lines[first], cols[first], lines[last], ends[last]))
                value = act[action](kids, span)  # type: ignore[misc]
                depth += builder.height
                builder.height = 1
                if depth > MAX_DEPTH:
                    self.errors.append(_too_deep(span))
                    return None
            below = states[-1]
            known = after.get((below, rule.origin, kind)) if plain else None
            top = self.reached(below, rule, kind, plain) if known is None else known
            states.append(top)
            values.append(value)
            starts.append(first)
            depths.append(depth)
            if kind == "$END" and top == end:
                break
            row = actions[top]
            if not plain:
                kind, plain = kinds[i], True
        spec: Spec = values[-1]
        return spec

    def reached(self, below: int, rule: Rule, kind: str, plain: bool) -> int:
        """The state after a reduction.  If the next word is a `plain` one, also after all in a row
        behind it that only rename what is on top of the stack (`a` is a factor, a product, ..)."""
        if not plain:
            return self.tables.gotos[below][rule.origin]
        key = below, rule.origin, kind
        found = self.after.get(key)
        if found is None:
            found = self.tables.gotos[below][rule.origin]
            while found != self.tables.end:
                action = self.tables.actions[found].get(kind)
                if action is None or action >= 0 or not self.tables.rules[-1 - action].unit:
                    break
                found = self.tables.gotos[below][self.tables.rules[-1 - action].origin]
            self.after[key] = found
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


# The states that the last reduction popped, behind what those before it did.
Undo = tuple["Undo", list[int]] | None


def _unfolded(undo: Undo) -> list[list[int]]:
    """The first one first."""
    out: list[list[int]] = []
    while undo is not None:
        undo, popped = undo
        out.append(popped)
    return out[::-1]


def _padded(rule: Rule, only: Any) -> list[Any]:
    """What the action of a leaf gets."""
    if rule.simple is not None:
        return [only]
    return [*[None] * rule.steps[0][2], only, *[None] * rule.trailing]


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
