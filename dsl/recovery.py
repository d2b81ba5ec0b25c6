"""Syntax errors: what was found, what would have been possible, and where to go on.

As in yacc, the grammar has error symbols (ERROR_TERM, ERROR_CLAUSE, ERROR_MEMBER, ERROR_ITEM).
After an error the driver drops states and tokens up to a place from which the next token can
be read again, so that one slip is reported once and the rest of the file is still read.
"""

from __future__ import annotations

from typing import Any, Final

from .changed import replace
from .damage import Losses
from .errors import Diagnostic, Span
from .lexer import MAX_ERRORS, RESERVED, Tokens
from .messages import describe, misplaced, misspelt
from .slips import OVER, PAIR, PHRASE, SKIP, Slip, next_brace, slip
from .tables import Tables
from .words import CLAUSE_WORDS, ITEM_WORDS, MEMBER_WORDS, PROPERTY_WORDS, begins_item

_OPEN: Final = {"(": ")", "[": "]", "{": "}"}
_CLOSE: Final = frozenset(_OPEN.values())
_LEVELS: Final = ("ERROR_TERM", "ERROR_CLAUSE", "ERROR_MEMBER", "ERROR_ITEM")


class _Brackets:
    """Which brackets are open; one that closes nothing is passed over.

    `heights` says how many were open before each of some tokens, as long as these are still open.
    """

    def __init__(self, places: list[int]) -> None:
        self.open: list[str] = []
        self.places = frozenset(places)
        self.heights: dict[int, int] = {}

    def mark(self, i: int) -> None:
        if i in self.places:
            self.heights[i] = len(self.open)

    def outside(self, place: int) -> bool:
        """Whether all that was opened since `place` is closed again, and nothing else."""
        return self.heights.get(place) == len(self.open)

    def read(self, i: int, kind: str) -> None:
        self.mark(i)
        if kind in _OPEN:
            self.open.append(_OPEN[kind])
        elif kind in _CLOSE and kind in self.open:
            # A `)` does not reach beyond a brace, but a `}` closes what is open inside of it.
            last = len(self.open) - 1 - self.open[::-1].index(kind)
            if kind == "}" or "}" not in self.open[last:]:
                del self.open[last:]
                self.heights = {p: h for p, h in self.heights.items() if h <= last}


class Recovery:
    """Reports and repairs errors of one parse; shares its stacks with the driver."""

    def __init__(
        self, tables: Tables, tokens: Tokens, file: str, errors: list[Diagnostic], losses: Losses
    ) -> None:
        self.tables, self.tokens, self.file, self.errors = tables, tokens, file, errors
        self.losses = losses
        self.last = -1  # token of the last report
        self.stuck = 0
        self.repairs: dict[int, int] = {}

    def span(self, i: int) -> Span:
        t = self.tokens
        if t.kinds[i] == "$END" and i:  # behind the last word: nobody looks at an empty line
            i -= 1
            return Span(self.file, t.lines[i], t.ends[i], t.lines[i], t.ends[i] + 1)
        return Span(self.file, t.lines[i], t.cols[i], t.lines[i], t.ends[i])

    def added(self, i: int) -> bool:
        """Whether a repair has put this token there."""
        return self.tokens.cols[i] == self.tokens.ends[i]

    def accepts(self, states: list[int], kind: str) -> bool:
        """Whether the automaton can shift `kind` after the reductions it calls for."""
        return self.looked(states, kind)[0]

    def looked(self, states: list[int], kind: str) -> tuple[bool, int]:
        """The same, and how many states from the top say so: whatever is below, they say it."""
        actions, gotos, rules = self.tables.actions, self.tables.gotos, self.tables.rules
        base = len(states)  # as in `shifted`, whose result nobody needs here
        top: list[int] = []
        state = states[-1]
        while True:
            action = actions[state].get(kind)
            if action is None:
                return False, len(states) - base + 1
            if action >= 0:
                return True, len(states) - base + 1
            rule = rules[-1 - action]
            cut = min(rule.length, len(top))
            if cut:
                del top[-cut:]
            base -= rule.length - cut
            state = gotos[top[-1] if top else states[base - 1]][rule.origin]
            top.append(state)
            if kind == "$END" and state == self.tables.end and base == 1:
                return True, len(states)

    def shifted(self, states: list[int], kind: str) -> list[int] | None:
        """The stack after shifting `kind`, or None.  Copies only the touched top of the stack."""
        actions, gotos, rules = self.tables.actions, self.tables.gotos, self.tables.rules
        base = len(states)  # states[:base] is shared, `top` is ours
        top: list[int] = []
        while True:
            state = top[-1] if top else states[base - 1]
            action = actions[state].get(kind)
            if action is None:
                return None
            if action >= 0:
                return [*states[:base], *top, action]
            rule = rules[-1 - action]
            cut = min(rule.length, len(top))
            if cut:
                del top[-cut:]
            base -= rule.length - cut
            state = top[-1] if top else states[base - 1]
            top.append(gotos[state][rule.origin])
            if kind == "$END" and top[-1] == self.tables.end and base == 1:
                return [*states[:base], *top]

    def expected(self, states: list[int]) -> set[str]:
        row = self.tables.actions[states[-1]]
        return {k for k in row if not k.startswith("ERROR_") and self.accepts(states, k)}

    def recover(
        self,
        i: int,
        kind: str,
        states: list[int],
        values: list[Any],
        starts: list[int],
        depths: list[int],
        undo: list[list[int]],
    ) -> int | None:
        """Report the token `i` and repair the stacks; the token to go on with, None to stop."""
        quiet = i == self.last
        self.stuck = self.stuck + 1 if quiet else 0
        if self.stuck > 8:
            return None
        self.last = i
        if not quiet:
            before = list(states)
            for popped in reversed(undo):
                before[-1:] = popped
            opened = self.unclosed(i)
            expected = self.expected(before)
            found = describe(self.tokens, i, kind, expected, self.span, opened)
            if "IDENT" in expected and "INT" not in expected:
                self.losses.expects_name(i)
            self.losses.keyword_as_name(i)
            last = self.errors[-1] if self.errors else None
            # Words that follow each other without a mark are one slip, not one each.
            again = (
                found.code == "E0111"
                and last is not None
                and last.code in ("E0111", "E0115")
                and last.span.line == found.span.line
            )
            # What was added to read on was not written: nobody can close it.
            again |= found.code == "E0114" and opened is not None and self.added(opened)
            # One bracket is missed once, and a comment that is never closed took them all.
            again |= found.code == "E0114" and any(
                e.code == "E0103" or (found.related and e.related == found.related)
                for e in self.errors
            )
            if not again:
                self.errors.append(found)
            if len(self.errors) >= MAX_ERRORS:
                self.errors.append(
                    Diagnostic("E0005", self.span(i), "too many errors: the rest is not read")
                )
                return None
        resumed = self.repair(i, kind, states, values, starts, depths, None if quiet else expected)
        if resumed is None:
            resumed = self.resynchronise(i, states, values, starts, depths)
        return resumed

    def unclosed(self, i: int) -> int | None:
        """The innermost bracket that is still open before token `i`."""
        depth = 0
        kinds = self.tokens.kinds
        for j in range(i - 1, max(-1, i - 100_000), -1):
            if kinds[j] in _CLOSE:
                depth += 1
            elif kinds[j] in _OPEN:
                if depth == 0:
                    return j
                depth -= 1
        return None

    def repair(
        self,
        i: int,
        kind: str,
        states: list[int],
        values: list[Any],
        starts: list[int],
        depths: list[int],
        expected: set[str] | None,
    ) -> int | None:
        """Repair by one token where the slip is plain: insert `;`, or read `=` as intended."""
        kinds = self.tokens.kinds
        if self.repairs.get(i, 0) >= 2:
            return None
        self.repairs[i] = self.repairs.get(i, 0) + 1
        wish = "IDENT" if kind == "SOFT" else kind
        known = slip(self.tokens, i, kind, expected) if expected is not None else None
        if known is not None:
            return self.mended(i, known, states)
        if wish == "=":
            for meant in (":=", "=="):
                if self.accepts(states, meant):
                    self.losses.note(i, i, i, sure=meant == ":=")
                    kinds[i] = meant
                    return i
        outside = self.unclosed(i) if self.accepts(states, "var") else None
        if outside is not None and misplaced(self.tokens, i, outside):
            # The item is read over; the workflow goes on behind it.
            behind = self.behind(i)
            self.losses.note(i, i, behind - 1)
            return behind
        meant_word = misspelt(self.tokens, i, kind, self.expected(states))
        if meant_word is not None and meant_word[0] == i:
            kinds[i] = self.tokens.texts[i] = meant_word[1]
            self.losses.note(i, i, i, sure=True)
            return i
        text = self.tokens.texts[i]
        if wish == "FOREIGN" or wish == "||":
            meant = {"&&": "and", "||": "or", "!": "not", "<>": "!=", "|": "||"}.get(text, "")
            if meant and self.accepts(states, meant):
                self.losses.note(i, i, i, sure=True)
                kinds[i] = meant
                return i
        if wish in RESERVED and self.accepts(states, "IDENT"):
            follow = kinds[i + 1] if i + 1 < len(kinds) else "$END"
            after = self.shifted(states, "IDENT")
            if after is not None and self.accepts(after, follow):
                self.losses.note(i, i, self.losses.right(i + 1))
                kinds[i] = "IDENT"
                return i
        inserted = self.missing(i, wish, states)
        if inserted:
            # What a bracket that is not closed was meant to hold is not known.
            opened = self.unclosed(i) if inserted in (")", "]") else None
            self.put(i, inserted, inserted)
            first = i if opened is None else opened
            self.losses.note(i, first, self.losses.right(i + 1), sure=inserted in (",", ":", "="))
            if not self.errors[-1].fix and self.errors[-1].span == self.span(i + 1):
                self.errors[-1] = replace(self.errors[-1], fix=f"add `{inserted}`")
            return i
        opened = self.unclosed(i) if wish in _CLOSE else None
        closes = opened is not None and _OPEN[kinds[opened]] == wish
        if wish in (")", "]", ";", ",") and not closes and self.plausible(states, i + 1, 2):
            if not self.errors[-1].fix and self.errors[-1].span == self.span(i):
                self.errors[-1] = replace(self.errors[-1], fix=f"remove `{wish}`")
            self.losses.note(i, i, self.losses.right(i + 1))
            return i + 1
        return None

    def mended(self, i: int, known: Slip, states: list[int]) -> int | None:
        """A form of another language, read as what is meant; None: it is read over."""
        brace = next_brace(self.tokens, i) if known.repair == PAIR else None
        if known.repair == SKIP:
            self.losses.note(i, i, i, sure=True)
            return i + 1
        if known.repair == PHRASE:
            end = self.phrase(i)
            self.losses.note(i, i, end - 1)
            self.tokens.kinds[i], self.tokens.texts[i] = "IDENT", "_"
            self.drop(i + 1, end)
            return i
        if brace is not None:
            self.put(brace, ")", ")")
            self.put(i, "(", "(")
            self.losses.note(i, i, i, sure=True)
            return i
        if known.repair in (OVER, PAIR) or not self.accepts(states, known.repair):
            return None
        if known.instead:
            self.tokens.kinds[i] = self.tokens.texts[i] = known.repair
        else:
            self.put(i, known.repair, known.repair)
        self.losses.note(i, i, i, sure=True)
        return i

    def phrase(self, i: int) -> int:
        """The token behind the expression that begins at `i`."""
        kinds = self.tokens.kinds
        brackets = 0
        for j in range(i, len(kinds)):
            if kinds[j] == "$END" or (brackets == 0 and kinds[j] in (";", "||", "+", *_CLOSE)):
                return j
            brackets += 1 if kinds[j] in _OPEN else -1 if kinds[j] in _CLOSE else 0
        return len(kinds) - 1

    def behind(self, i: int) -> int:
        """The next member of the workflow, item or end after the item at `i`."""
        brackets = 0
        for j in range(i + 1, len(self.tokens.kinds)):
            kind = self.tokens.kinds[j]
            if brackets == 0 and (
                kind in ("}", "$END", *MEMBER_WORDS, *PROPERTY_WORDS)
                or begins_item(self.tokens.texts, j)
            ):
                return j
            brackets += 1 if kind in _OPEN else -1 if kind in _CLOSE else 0
        return len(self.tokens.kinds) - 1

    def missing(self, i: int, kind: str, states: list[int]) -> str:
        """One mark whose absence explains the error: with it the next words can be read."""
        if kind in ("$END", "FOREIGN"):
            return ""
        soft = self.tokens.kinds[i] == "SOFT"
        if soft and self.accepts_after(states, "}", i, self.tokens.texts[i]):
            return "}"
        if not begins_item(self.tokens.texts, i) and kind not in _CLOSE:
            after = self.shifted(states, ";")
            if after is not None and self.accepts(after, kind):
                return ";"
        for mark in ("(", "{", ")", ":", ",", "]", "="):
            if _OPEN.get(mark) == kind:
                continue  # nothing in brackets is rarely what is missing
            after = self.shifted(states, mark)
            if after is not None and self.plausible(after, i, 3):
                return mark
        return ""

    def accepts_after(self, states: list[int], mark: str, i: int, word: str) -> bool:
        """Whether after `mark` the token `i` is the keyword `word`, and goes on well."""
        after = self.shifted(states, mark)
        after = self.shifted(after, word) if after is not None else None
        return after is not None and self.plausible(after, i + 1, 2)

    def plausible(self, states: list[int], j: int, count: int) -> bool:
        """Whether the automaton can read `count` tokens from `j` on (or up to the end)."""
        stack: list[int] | None = states
        for k in range(j, min(j + count, len(self.tokens.kinds))):
            kind = self.tokens.kinds[k]
            if kind == "$END":
                return stack is not None and self.accepts(stack, kind)
            if kind == "SOFT":
                word = self.tokens.texts[k]
                kind = word if stack is not None and self.accepts(stack, word) else "IDENT"
            stack = self.shifted(stack, kind) if stack is not None else None
        return stack is not None

    def put(self, j: int, kind: str, text: str) -> None:
        """Insert a token before token `j`."""
        t = self.tokens
        t.kinds.insert(j, kind)
        t.texts.insert(j, text)
        t.lines.insert(j, t.lines[j])
        t.cols.insert(j, t.cols[j])
        t.ends.insert(j, t.cols[j])

    def drop(self, first: int, end: int) -> None:
        """Take tokens out."""
        t = self.tokens
        for of_each in (t.kinds, t.texts, t.lines, t.cols, t.ends):
            del of_each[first:end]

    def resynchronise(
        self,
        i: int,
        states: list[int],
        values: list[Any],
        starts: list[int],
        depths: list[int],
    ) -> int | None:
        """Drop tokens up to one that some enclosing list can go on with."""
        bases = self.bases(states)
        firsts = [starts[size - 1] if size <= len(starts) else i for _, size in bases]
        brackets = _Brackets(firsts)
        for j in range(min(firsts, default=i), i):
            brackets.read(j, self.tokens.kinds[j])
        brackets.mark(i)
        kinds, texts = self.tokens.kinds, self.tokens.texts
        j = i
        while True:
            kind = kinds[j]
            word = texts[j] if kind == "SOFT" else kind
            at_end = kind == "$END"
            strong = at_end or (kind != "STRING" and begins_item(texts, j))
            for (level, size), first in zip(bases, firsts, strict=True):
                # What is dropped may hold open brackets: their ends are dropped with it.
                if not (strong or brackets.outside(first)) or not self.fits(level, word, at_end):
                    continue
                if j == i and self.stuck and level == "ERROR_TERM" and not at_end:
                    continue
                after = self.shifted(states[:size], level)
                if after is not None and self.accepts(after, word):
                    self.losses.note(i, first, j - 1)
                    del states[size:], values[size - 1 :], starts[size - 1 :]
                    del depths[size - 1 :]
                    # Let the driver do the reductions: it sees the error symbol as a token.
                    return self.insert(j, level)
            if at_end:
                return None
            brackets.read(j, word)
            j += 1

    def fits(self, level: str, word: str, at_end: bool) -> bool:
        if level == "ERROR_TERM":
            return word in (";", "}", ")")
        if level == "ERROR_CLAUSE":
            return word in CLAUSE_WORDS or word == "}"
        if level == "ERROR_MEMBER":
            return word in MEMBER_WORDS or word == "}" or word in PROPERTY_WORDS
        return (
            word in ITEM_WORDS or at_end or word in PROPERTY_WORDS or word in ("activity", "shared")
        )

    def bases(self, states: list[int]) -> list[tuple[str, int]]:
        """(level, stack size) of the enclosing lists, innermost first."""
        found: list[tuple[str, int]] = []
        actions = self.tables.actions
        for size in range(len(states), 0, -1):
            row = actions[states[size - 1]]
            for level in _LEVELS:
                if level in row and (row[level] >= 0 or self.accepts(states[:size], level)):
                    found.append((level, size))
                    break
            if len(found) >= 200:
                found += [("ERROR_ITEM", 1)]
                break
        return found

    def insert(self, j: int, level: str) -> int:
        """Put the error symbol in place of the token before `j`, which is dropped anyway."""
        t = self.tokens
        if j > 0 and j - 1 >= self.last:
            t.kinds[j - 1] = level
            return j - 1
        self.put(j, level, "")
        self.last += 1
        return j
