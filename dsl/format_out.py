"""Output lines with the comments of the source woven in."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import field

from .errors import Span
from .lexer import Comment, Tokens
from .records import dataclass

WIDTH = 100


@dataclass(slots=True)
class Line:
    """Text, and the comments behind it.  `head` is padded to that of neighbours of one `group`."""

    text: str
    comments: list[str] = field(default_factory=list)
    is_comment: bool = False
    head: str = ""
    group: str = ""

    def takes_comment(self) -> bool:
        if not self.text or self.is_comment:
            return False
        last = self.comments[-1] if self.comments else ""
        return not last.startswith("//") and "\n" not in last


class Out:
    """Lines of text; comments are put out when the printer passes their place."""

    def __init__(self, tokens: Tokens | None) -> None:
        self.lines: list[Line] = []
        self.comments: list[Comment] = tokens.comments if tokens is not None else []
        self.places = [(c.line, c.col) for c in self.comments]
        self.tokens = tokens
        self.starts = (
            list(zip(tokens.lines, tokens.cols, strict=True)) if tokens is not None else []
        )
        self.next = 0  # comment
        self.at = 0  # source line of what was put out last; 0 at the start of a block

    def line(self, indent: int, text: str) -> None:
        self.lines.append(Line(" " * indent + text))

    def padded(self, group: str, head: str, text: str) -> None:
        """A line of which `head` is padded as wide as in the lines of the group around it."""
        self.lines.append(Line(text, head=head, group=group))

    def commented(self, span: Span) -> bool:
        """Whether a comment stands inside `span`."""
        first = bisect_left(self.places, (span.line, span.col))
        return bisect_left(self.places, (span.end_line, span.end_col)) > first

    def reach(self, line: int, col: int, indent: int) -> None:
        """Put out the comments before that place, then a blank line where the source has one."""
        self.upto((line, col), indent)
        if self.at and self.opening(line, col)[0] - self.at > 1:
            self.blank()

    def opening(self, line: int, col: int, through: bool = False) -> tuple[int, int]:
        """The place of the marks before a node (`|| {`), which belong to its line.

        Comments end the search unless `through`.
        """
        i = bisect_left(self.starts, (line, col))
        if self.tokens is None or i >= len(self.starts):
            return (line, col)
        kinds = self.tokens.kinds
        while i > 0 and kinds[i - 1] in ("{", "(", "||", "+"):
            before = bisect_left(self.places, self.starts[i - 1])
            if not through and bisect_left(self.places, self.starts[i]) > before:
                break  # a comment stands between
            i -= 1
        return self.starts[i]

    def bracketed(self, span: Span) -> Span:
        """`span` with the brackets right around it."""
        if self.tokens is None or not span.line:
            return span
        kinds = self.tokens.kinds
        i = bisect_left(self.starts, (span.line, span.col))
        j = bisect_left(self.starts, (span.end_line, span.end_col))
        depth = 0
        while i > 0 and kinds[i - 1] in ("{", "("):
            i, depth = i - 1, depth + 1
        while j < len(kinds) and (kinds[j] == ";" or (depth and kinds[j] in ("}", ")"))):
            depth -= kinds[j] != ";"
            j += 1
        (line, col), (end_line, end_col) = self.starts[i], self.starts[max(i, j - 1)]
        if (end_line, end_col) < (span.end_line, span.end_col):
            end_line, end_col = span.end_line, span.end_col
        return Span(span.file, line, col, end_line, end_col)

    def comment(self, c: Comment, indent: int) -> None:
        fits = bool(self.lines) and self.lines[-1].takes_comment()
        if not c.own_line and fits and not c.text.startswith("///"):
            self.lines[-1].comments.append(c.text)
        else:
            if self.at and c.line - self.at > 1:
                self.blank()
            # Further lines of a block comment are nobody's code: they stay as they are.
            self.lines.append(Line(" " * indent + c.text, is_comment=True))
        self.at = max(self.at, c.end_line)

    def blank(self) -> None:
        if self.lines and self.lines[-1].text:
            self.lines.append(Line(""))

    def passed(self, span: Span) -> None:
        """The node of `span` is put out."""
        if span.end_line:
            self.at = max(self.at, span.end_line)

    def close(self, span: Span, indent: int, mark: str = "}") -> None:
        """Comments between the last thing in a block and its end; `span` is that thing's."""
        if self.tokens is None or not span.line:
            return
        i = bisect_left(self.starts, (span.end_line, span.end_col))
        kinds = self.tokens.kinds
        while i < len(kinds) and kinds[i] in (";", ")", ","):
            i += 1
        if i < len(kinds) and kinds[i] == mark:
            self.at = self.at or span.line
            self.upto(self.starts[i], indent)
            self.at = max(self.at, self.starts[i][0])

    def upto(self, place: tuple[int, int], indent: int) -> None:
        while self.next < len(self.comments) and self.places[self.next] < place:
            self.comment(self.comments[self.next], indent)
            self.next += 1

    def word(self, span: Span, word: str) -> tuple[int, int] | None:
        """Where the token `word` first stands in `span`."""
        if self.tokens is None:
            return None
        i = bisect_left(self.starts, (span.line, span.col))
        j = bisect_right(self.starts, (span.end_line, span.end_col))
        texts = self.tokens.texts
        return next((self.starts[k] for k in range(i, j) if texts[k] == word), None)

    def text(self) -> str:
        """All lines; trailing comments of neighbouring lines stand below each other."""
        self.pad()
        done: list[str] = []
        i = 0
        while i < len(self.lines):
            j = i
            while j < len(self.lines) and self.lines[j].comments:
                j += 1
            if j == i:
                done.append(self.lines[i].text.rstrip())
                i += 1
                continue
            group = [(line.text, " ".join(line.comments)) for line in self.lines[i:j]]
            column = max(len(code) for code, _ in group) + 2
            if any(column + len(text) > WIDTH or "\n" in text for _, text in group):
                column = 0
            done += [f"{code.ljust(column - 2)}  {text}".rstrip() for code, text in group]
            i = j
        while done and not done[-1]:
            done.pop()
        while done and not done[0]:
            done.pop(0)
        return "\n".join(done) + "\n" if done else ""

    def pad(self) -> None:
        i = 0
        while i < len(self.lines):
            j = i + 1
            group = self.lines[i].group
            while group and j < len(self.lines) and self.lines[j].group == group:
                j += 1
            width = max(len(line.head) for line in self.lines[i:j])
            for line in self.lines[i:j]:
                line.text = line.head.ljust(width) + line.text
                line.head = line.group = ""
            i = j
