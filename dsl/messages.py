"""The words of a syntax error: found, expected, and the mend for common slips."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import Final

from .errors import Diagnostic, Span
from .lexer import RESERVED, Tokens
from .slips import slip
from .words import CLAUSE_WORDS, TERM_WORDS, begins_item

# The first group whose witnesses are all possible names the place; its other words are not listed.
_PLACES: Final = (
    ({"skip", "saga", "each"}, "a term (an activity call, `if`, `{`, …)"),
    ({"workflow", "resource"}, "an item (`workflow`, `activity`, `resource`, …)"),
    ({"var", "run"}, "a member of the workflow (`var`, `activity`, `run`, …)"),
    ({"uses", "takes"}, "a clause of the activity (`uses`, `takes`, `do`, …)"),
    ({"scheduler", "faults"}, "an instance (`name[3]`), `scheduler` or `faults`"),
    ({"INT", "IDENT", "STRING", "("}, "an expression"),
    ({"*", "=="}, "an operator"),
    ({"IDENT", "option"}, "a type"),
)
_KINDS: Final = {
    "IDENT": "a name",
    "INT": "a whole number",
    "DECIMAL": "a number",
    "DURATION": "a duration",
    "STRING": "a string",
    "$END": "the end of the file",
}
_QUANTIFIERS: Final = ("forall", "exists", "sum", "count")
_OPERATORS: Final = frozenset(
    ["=>", "or", "and", "==", "!=", "<", "<=", ">", ">=", "in", "+", "-", "*", "/", "%"]
)
_FOREIGN: Final = {
    "&&": ("and", "write `and`"),
    "||": ("or", "write `or`; `||` runs two terms at once"),
    "&": ("and", "write `and`"),
    "|": ("or", "write `or` in an expression, `||` between terms"),
    "!": ("not", "write `not`"),
    "<>": ("!=", "write `!=`"),
    "++": ("+", "write `x += 1`"),
    "'": ("", 'strings stand in double quotes: `"…"`'),
    "#": ("", "comments begin with `//`"),
}


def describe(
    tokens: Tokens,
    i: int,
    kind: str,
    expected: set[str],
    span: Callable[[int], Span],
    opened: int | None,
) -> Diagnostic:
    """The diagnostic for token `i`, at which only `expected` could have been read."""
    known = slip(tokens, i, kind, expected)
    if known is not None:
        return Diagnostic(known.code, span(known.at), known.message, known.fix)
    found = misspelt(tokens, i, kind, expected)
    if found is not None:
        j, word = found
        wanted = "" if j != i else f", expected {_expected(expected)}"
        shown = f"found `{_short(tokens.texts[j])}`{wanted}"
        return Diagnostic("E0110", span(j), shown, f"did you mean `{word}`?")
    return _described(tokens, i, kind, expected, span, opened)


def misspelt(tokens: Tokens, i: int, kind: str, expected: set[str]) -> tuple[int, str] | None:
    """A token that resembles a keyword, and that: the one at `i`, or what stands before it.

    A word that stands elsewhere too is a name.
    """
    places = [(i, {k for k in expected if k[0].islower()})]
    if i and (kind in ("{", "(", ":") or tokens.kinds[i] in ("IDENT", "SOFT") or kind in RESERVED):
        places.append((i - 1, set(RESERVED)))
        if tokens.kinds[i - 1] == ")":
            places.append((_before_group(tokens, i - 1), set(RESERVED)))
    for j, words in places:
        word = tokens.texts[j]
        if tokens.kinds[j] != "IDENT" or len(word) < 3:
            continue
        if sum(text == word for text in tokens.texts) > 1:
            continue
        mixed = [k for k in sorted(words) if sorted(k) == sorted(word)]
        close = mixed or get_close_matches(word, sorted(words), n=1, cutoff=0.7)
        if close:
            return j, close[0]
    return None


def _before_group(tokens: Tokens, i: int) -> int:
    """The token before the `(` that the `)` at `i` closes."""
    depth = 0
    for j in range(i, max(-1, i - 1000), -1):
        depth += {")": 1, "(": -1}.get(tokens.kinds[j], 0)
        if depth == 0:
            return max(j - 1, 0)
    return i


def _described(
    tokens: Tokens,
    i: int,
    kind: str,
    expected: set[str],
    span: Callable[[int], Span],
    opened: int | None,
) -> Diagnostic:
    text = tokens.texts[i]
    found = _found(kind, text)
    here = span(i)
    wanted = _expected(expected)
    in_expression = "*" in expected or _is_expression(expected)
    if kind == "FOREIGN" or (kind == "||" and in_expression):
        _, fix = _FOREIGN.get(text, ("", "remove it"))
        if text in ("|", "||") and ";" in expected:
            fix = "write `||`"
        return Diagnostic("E0113", here, f"`{text}` is no operator of the language", fix)
    if kind == "=":
        if ":=" in expected:
            return Diagnostic("E0112", here, "`=` does not assign", "write `:=`")
        if "==" in expected:
            return Diagnostic("E0112", here, "`=` does not compare", "write `==`")
    if kind == ":=" and ":" in expected:
        return Diagnostic("E0112", here, f"found `:=`, expected {wanted}", "write `: type = value`")
    if kind in ("==", ":=") and "=" in expected:
        return Diagnostic("E0112", here, f"found `{kind}`, expected `=`", "write `=`")
    if kind == "==" and ":=" in expected and ";" in expected:
        return Diagnostic(
            "E0115", here, "expression where an activity was meant", "assign with `:=`, or `assert`"
        )
    if kind in _OPERATORS and ";" in expected and "*" not in expected:
        return Diagnostic(
            "E0115",
            here,
            f"expression where an activity was meant: `{text}` joins no terms",
            "assign the value (`x := …`), test it (`assert …`), or call an activity",
        )
    if (
        kind in ("INT", "DECIMAL", "DURATION", "STRING", "true", "false", "not", "-", "[")
        and {
            "skip",
            "saga",
        }
        <= expected
    ):
        return Diagnostic(
            "E0115",
            here,
            "expression where an activity was meant",
            "assign the value (`x := …`), test it (`assert …`), or call an activity",
        )
    if i and tokens.texts[i - 1] in _QUANTIFIERS and tokens.kinds[i + 1 : i + 2] == ["in"]:
        return Diagnostic(
            "E0110",
            span(i - 1),
            f"`{tokens.texts[i - 1]}` inside another expression",
            "parenthesise the quantifier",
        )
    if _starts_term(kind) and ";" in expected:
        return Diagnostic("E0111", _after(tokens, i, span), "missing `;` between terms", "add `;`")
    if kind in ("==", "!=", "<", "<=", ">", ">=", "in") and "and" in expected:
        return Diagnostic(
            "E0110", here, f"comparisons do not chain: found `{text}`", "join them with `and`"
        )
    if kind in RESERVED and "IDENT" in expected and not _is_expression(expected):
        return Diagnostic(
            "E0116", here, f"`{text}` is a word of the language", "choose another name"
        )
    if kind == "else" or text in ("elif", "elsif"):
        return Diagnostic(
            "E0110", here, f"found {found}, expected {wanted}", "`else` follows the `}` of its `if`"
        )
    fix = ""
    related: tuple[tuple[Span, str], ...] = ()
    code = "E0110"
    if opened is not None:
        mark = tokens.kinds[opened]
        close = {"(": ")", "[": "]", "{": "}"}[mark]
        if misplaced(tokens, i, opened):
            line = tokens.lines[opened]
            fix = f"`{text}` stands at top level: move it out of the `{{` of line {line}"
            related = ((span(opened), "opened here"),)
        elif close in expected and (kind == "$END" or kind in ("}", ")", "]") or kind in RESERVED):
            code = "E0114"
            fix = f"close `{mark}` of line {tokens.lines[opened]} with `{close}`"
            related = ((span(opened), "opened here"),)
    elif kind in ("}", ")", "]"):
        code, fix = "E0114", "remove it"
    if not fix and {"workflow", "resource"} <= expected:
        if text == "var":
            fix = "a variable of all workflows is `shared NAME: TYPE = VALUE`; `var` stands in one"
        elif text in ("run", *CLAUSE_WORDS):
            place = "a workflow" if text == "run" else "an activity"
            fix = f"`{text}` stands inside {place}"
        elif kind in ("IDENT", "SOFT"):
            fix = "items begin with a word such as `workflow`"
    return Diagnostic(code, here, f"found {found}, expected {wanted}", fix, related=related)


def misplaced(tokens: Tokens, i: int, opened: int) -> bool:
    """Whether an item begins at `i` inside the brace at `opened`, which is not missing its partner:
    an item, or nothing, comes after that."""
    if tokens.kinds[opened] != "{" or not begins_item(tokens.texts, i):
        return False
    depth = 0
    for i in range(opened, len(tokens.kinds)):
        depth += {"{": 1, "}": -1}.get(tokens.kinds[i], 0)
        if depth == 0:
            after = tokens.kinds[i + 1 : i + 2]
            return after in ([], ["$END"]) or begins_item(tokens.texts, i + 1)
    return False


def _starts_term(kind: str) -> bool:
    return kind in ("IDENT", "SOFT", "(", "{") or kind in TERM_WORDS


def _after(tokens: Tokens, i: int, span: Callable[[int], Span]) -> Span:
    """Just behind the token before: that is where the `;` belongs."""
    if i == 0:
        return span(i)
    before = span(i - 1)
    return Span(before.file, before.line, before.end_col, before.line, before.end_col + 1)


def _is_expression(expected: set[str]) -> bool:
    return {"INT", "IDENT", "STRING", "("} <= expected and "skip" not in expected


def _found(kind: str, text: str) -> str:
    if kind == "$END":
        return "the end of the file"
    shown = _short(text)
    if kind == "STRING":
        return f'the string "{shown}"'
    if kind in RESERVED:
        return f"the word `{shown}`"
    return f"`{shown}`"


def _short(text: str) -> str:
    return text if len(text) <= 30 else text[:29] + "…"


def _expected(expected: set[str]) -> str:
    parts: list[str] = []
    rest = set(expected)
    for witnesses, name in _PLACES:
        if witnesses <= rest:
            parts.append(name)
            if name == "an operator":
                rest -= _OPERATORS | {"[", ".", "(", ".."}
                continue
            if name == "an expression":
                rest -= {"INT", "IDENT", "STRING", "(", "DECIMAL", "DURATION", "{", "[", "-"}
                rest -= {"true", "false", "none", "not", "forall", "exists", "sum", "count"}
                continue
            # Words that begin the same list are not repeated; closing marks are.
            rest = {k for k in rest if k in (")", "]", "}", ";", ",", "$END")}
    marks = [k for k in sorted(rest) if not k[0].isalpha() and k not in ("$END",)]
    words = [k for k in sorted(rest) if k[0].islower()]
    kinds = [_KINDS[k] for k in sorted(rest) if k in _KINDS and k != "$END"]
    parts += kinds
    parts += [f"`{k}`" for k in marks + words][: max(2, 7 - len(parts))]
    if "$END" in rest and not parts:
        parts.append(_KINDS["$END"])
    if not parts:
        return "something else"
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " or " + parts[-1]
