"""What the syntax errors of a file took with them, so that the rest of it can be judged alone.

After an error the parser goes on with what it can read, and names, types and rules are checked
in that.  Nothing may be said there that only a slip made true: a name whose declaration was lost
is no unknown name.  So an error around a slip keeps everything else around it silent (`zones`),
and so does a name that stood in what was lost (`words`).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import field
from itertools import pairwise
from typing import Final

from .changed import replace
from .errors import Diagnostic, Span
from .lexer import Tokens
from .records import dataclass
from .transform_expr import FUNCTIONS, PREDICATES
from .words import (
    CLAUSE_WORDS,
    ITEM_WORDS,
    MEMBER_WORDS,
    PROPERTY_WORDS,
    TERM_WORDS,
    begins_item,
)

_MARKS: Final = frozenset([";", "{", "}", "||"])
_BEGINNINGS: Final = (
    ITEM_WORDS
    | MEMBER_WORDS
    | CLAUSE_WORDS
    | PROPERTY_WORDS
    | TERM_WORDS
    | frozenset(["shared", "check", "ensures"])
)
_DECLARING: Final = (
    (ITEM_WORDS | PROPERTY_WORDS) - {"system", "requires", "deadline"}
    | frozenset(["shared", "activity", "var", "each", "as", "receive"])
    | frozenset(["forall", "exists", "sum", "count", "for"])
)
_NAMING: Final = PROPERTY_WORDS - {"requires", "deadline", "skip_check", "expect"}
_OPERATORS: Final = ("==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%")
_BEFORE_OPERANDS: Final = frozenset(["(", "[", ",", "=", ":=", "+=", "-=", "<-", *_OPERATORS])
_WORD: Final = re.compile(r"[^\W\d]\w*")
# Codes of a name that has no meaning, or another one than its place wants.
_OF_NAMES: Final = frozenset(["E0115", "E0304"])
# Words that are no names on their own: what followed them is lost.
_WITH_ARGUMENTS: Final = (
    FUNCTIONS | PREDICATES | {"forall", "exists", "sum", "count", "set", "option", "request"}
)
_UNKNOWN: Final = frozenset(["E0201", "E0205", "E0207"])

Place = tuple[int, int]  # line and column


@dataclass(frozen=True, slots=True)
class Zone:
    """The stretch around a slip, from where its statement begins to where the next one does.

    It is `sure` where the slip was mended by what was certainly meant (a comma, a colon): what
    is declared there keeps its meaning.
    """

    start: Place
    end: Place
    sure: bool

    def touches(self, span: Span) -> bool:
        return self.start < (span.end_line, span.end_col) and (span.line, span.col) < self.end


@dataclass(frozen=True, slots=True)
class Damage:
    zones: tuple[Zone, ...] = ()
    words: frozenset[str] = frozenset()
    properties: frozenset[str] = frozenset()  # names of lost properties
    nameless: bool = False  # a declaration without its name is lost: it may be any

    def touches(self, span: Span) -> bool:
        return any(zone.touches(span) for zone in self.zones)

    def doubtful(self, span: Span) -> bool:
        """Whether what is declared at `span` may be meant otherwise."""
        return any(zone.touches(span) for zone in self.zones if not zone.sure)

    def around(self, found: list[Diagnostic]) -> Damage:
        """This, and what was read but has no meaning."""
        more = (
            Zone((d.span.line, d.span.col), (d.span.end_line, d.span.end_col), sure=False)
            for d in found
        )
        return replace(self, zones=(*self.zones, *more))

    def hides(self, found: Diagnostic, text: str) -> bool:
        """Whether `found`, whose place reads `text`, may follow from a slip."""
        if not self.zones:
            return False
        spans = (found.span, *(span for span, _ in found.related))
        if any(self.touches(span) for span in spans):
            return True
        if self.nameless and found.code in _UNKNOWN:
            return True
        names = found.code.startswith("E02") or found.code in _OF_NAMES
        return names and (text in self.words or text in _WITH_ARGUMENTS)


@dataclass(slots=True)
class Losses:
    """Collects the damage of one parse; reads tokens before their list is mended further."""

    tokens: Tokens
    zones: list[Zone] = field(default_factory=list)
    words: set[str] = field(default_factory=set)
    properties: set[str] = field(default_factory=set)
    nameless: bool = False

    def expects_name(self, i: int) -> None:
        """A name was expected at token `i`; where something is declared, its name is lost."""
        texts = self.tokens.texts
        if i > 0 and (texts[i - 1] in _DECLARING or texts[i - 1] in ("(", ",", "{")):
            self.nameless = True

    def keyword_as_name(self, i: int) -> None:
        """The word before token `i` may be a keyword, and not the name as which it was read."""
        if i > 1 and self.tokens.kinds[i - 1] == "SOFT" and self.tokens.texts[i - 2] in _DECLARING:
            self.nameless = True

    def note(self, error: int, first: int, last: int, sure: bool = False) -> None:
        """The tokens `first`..`last` are lost or doubtful because of the one at `error`."""
        self.zone(min(first, self.left(error)), max(last, self.right(error)), sure)

    def left(self, i: int) -> int:
        """Where the statement before token `i` begins.

        A mark or keyword right before `i` may itself be the slip: what is before it counts too.
        """
        texts = self.tokens.texts
        for _ in range(2):
            if i > 0 and texts[i - 1] not in ("{", "}"):
                i -= 1
                if not self.begins(i) and texts[i] not in _MARKS:
                    break
        while i > 0 and not self.begins(i) and texts[i - 1] not in _MARKS:
            i -= 1
        return i

    def right(self, i: int) -> int:
        """Where the statement with token `i` ends; a block that it opens is part of it."""
        kinds, texts = self.tokens.kinds, self.tokens.texts
        if texts[i] == "{":
            return self.closing(i)
        if texts[i] in _MARKS or self.item(i) or kinds[i] in MEMBER_WORDS:
            return i - 1
        while i + 1 < len(kinds) - 1 and not self.begins(i + 1) and texts[i + 1] not in _MARKS:
            i += 1
        return i

    def closing(self, i: int) -> int:
        """The brace that closes the one at `i`; `i` when there is none before the next item."""
        depth = 0
        for j in range(i, len(self.tokens.kinds)):
            depth += self.brace(j)
            if depth == 0:
                return j
            if self.item(j):
                break
        return i

    def brace(self, i: int) -> int:
        """1 for a `{` that was written, -1 for a `}`; a mark without width was added here."""
        t = self.tokens
        if t.kinds[i] == "STRING" or t.ends[i] == t.cols[i]:
            return 0
        return {"{": 1, "}": -1}.get(t.texts[i], 0)

    def item(self, i: int) -> bool:
        return self.tokens.kinds[i] != "STRING" and begins_item(self.tokens.texts, i)

    def begins(self, i: int) -> bool:
        """Whether token `i` is a word that begins something; not where an operand stands."""
        kinds, texts = self.tokens.kinds, self.tokens.texts
        if kinds[i] == "STRING" or texts[i] not in _BEGINNINGS:
            return False
        return kinds[i] != "SOFT" or i == 0 or texts[i - 1] not in _BEFORE_OPERANDS

    def zone(self, first: int, last: int, sure: bool) -> None:
        t = self.tokens
        while last > first and t.ends[last] == t.cols[last]:
            last -= 1  # a mark that was added has the place of the word after it
        last = max(last, first)
        here = Span("", t.lines[first], t.cols[first], t.lines[last], t.ends[last])
        # Who slips twice in one statement may have meant something else.
        sure = sure and not any(zone.touches(here) for zone in self.zones)
        self.zones.append(Zone((here.line, here.col), (here.end_line, here.end_col), sure))
        for i in range(first, last + 1):
            if _WORD.fullmatch(t.texts[i]):
                # Properties have names of their own: `i` of an invariant is no variable.
                named = i > 0 and t.texts[i - 1] in _NAMING and t.texts[i + 1 : i + 2] == [":"]
                (self.properties if named else self.words).add(t.texts[i])

    def lexical(self, text: str) -> None:
        """What the lexer could not read; before the parser changes the tokens."""
        t = self.tokens
        for error in t.errors:
            place = (error.span.line, error.span.col)
            i = bisect_left(range(len(t.kinds)), place, key=lambda i: (t.lines[i], t.cols[i]))
            i = min(i, len(t.kinds) - 1)
            there = (t.lines[i], t.cols[i]) == place and error.code != "E0103"
            self.note(i, i, i if there else i - 1)
            if error.code == "E0102":
                self.words.update(_WORD.findall(t.texts[i]))
            elif error.code == "E0103":
                rest = text.split("\n")[error.span.line - 1 :]
                rest[0] = rest[0][error.span.col - 1 :]
                self.words.update(w for line in rest for w in _WORD.findall(line))

    def damage(self) -> Damage:
        """All of it; items whose braces do not pair are lost as a whole, nobody knows what
        stands inside of what."""
        t = self.tokens
        starts = [i for i in range(len(t.kinds)) if self.item(i)]
        bounds = [0, *starts, len(t.kinds)]
        zones = tuple(self.zones)
        for first, after in pairwise(bounds):
            if first == after:
                continue
            here = Span("", t.lines[first], t.cols[first], t.lines[after - 1], t.ends[after - 1])
            if any(zone.touches(here) for zone in zones) and not self.balanced(first, after):
                self.zone(first, after - 1, sure=False)
        return Damage(
            tuple(self.zones), frozenset(self.words), frozenset(self.properties), self.nameless
        )

    def balanced(self, first: int, after: int) -> bool:
        """Whether the braces that were written pair up."""
        depth = 0
        for i in range(first, after):
            depth += self.brace(i)
            if depth < 0:
                return False
        return depth == 0
