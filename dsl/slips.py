"""Forms of other languages, and slips that have one plain mend.

Told from the words around the place where the parser stopped.  What is recognised here is one
error with its mend; `repair` says how the rest is read all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from .lexer import Tokens
from .records import dataclass
from .words import CLAUSE_WORDS, ITEM_WORDS, MEMBER_WORDS, PROPERTY_WORDS

# How the parser goes on: reads over the part, over this token, or as if more stood there.
OVER: Final = "over"
SKIP: Final = "skip"
PHRASE: Final = "phrase"  # an expression that ends where the term does
PAIR: Final = "pair"  # `(` here and `)` before the next brace

_EACH: Final = "write `each i in 1..3 { … }` (all at once) or `each i in 1..3 seq { … }`"
_CATCH: Final = "write `catch E { … }`, or `catch * { … }` for every error"
_VAR: Final = "declare `var NAME: TYPE = …` in front of `run`; in it assign `NAME := …`"
_CALL: Final = "a name alone calls it: `a`, `a(x)`, or `r <- a(x)` for its result"
_USING: Final = "write `using (l exclusive) { … }`, with `resource l : lock`"

# Words that begin no term here, with what is written instead.
_TERMS: Final = {
    **dict.fromkeys(("for", "foreach", "loop", "repeat", "forall"), _EACH),
    **dict.fromkeys(("elif", "elsif", "elseif"), "write `else if (…) { … }`"),
    **dict.fromkeys(("except", "rescue"), _CATCH),
    **dict.fromkeys(("throw", "raise"), "write `fail E`"),
    **dict.fromkeys(("sleep", "delay", "pause"), "write `wait 3s`"),
    **dict.fromkeys(("let", "val", "mut"), _VAR),
    **dict.fromkeys(("call", "invoke", "await", "execute", "perform", "async", "spawn"), _CALL),
    **dict.fromkeys(("parallel", "concurrent", "fork", "both"), "write `{ a || b }`"),
    **dict.fromkeys(("sequence", "sequential", "seq", "then"), "write `a ; b`"),
    **dict.fromkeys(("lock", "with", "synchronized", "acquire", "mutex"), _USING),
    "do": "write `while (…) { … }`; for at least one round, the body stands before it, too",
    "until": "write `while (not …) { … }`, or `wait until (…)`",
    "match": "write `switch (…) { case v { … } default { … } }`",
    "timeout": "write `within 3s { … } else { … }`",
    "break": "a loop ends by its condition: `while (… and not done) { … }`",
    "continue": "put the rest of the body into an `if`",
    "when": "write `if (…) { … }`",
}
_CLAUSES: Final = {
    **dict.fromkeys(("retires", "retries", "attempts"), "retry"),
    **dict.fromkeys(("duration", "lasts", "time"), "takes"),
    **dict.fromkeys(("raises", "throws", "errors"), "fails"),
    **dict.fromkeys(("claims", "resources", "locks"), "uses"),
    **dict.fromkeys(("effect", "effects", "body"), "do"),
    **dict.fromkeys(("compensate", "compensation", "rollback", "revert"), "undo"),
    **dict.fromkeys(("requires", "precondition", "pre"), "needs"),
    **dict.fromkeys(("postcondition", "post"), "ensures"),
}
_ITEMS: Final = {
    **dict.fromkeys(("def", "function", "func", "task", "step"), "activity"),
    **dict.fromkeys(("process", "pipeline", "job", "flow", "saga", "class"), "workflow"),
    **dict.fromkeys(("exception", "throws"), "error"),
    **dict.fromkeys(("mutex", "semaphore", "lock", "pool"), "resource"),
    "record": "type",
}
_AFTER_PROPERTY: Final = MEMBER_WORDS | ITEM_WORDS | PROPERTY_WORDS
_EITHER: Final = "write `if (…) { x := … } else { x := … }`"
_ASSIGNING: Final = ("*", "/", "%")


@dataclass(frozen=True, slots=True)
class Slip:
    """`at`: the token that is to blame.  `repair`: OVER, SKIP, PHRASE, PAIR, or a token to insert,
    or to read `instead` of the one that cannot stand there."""

    at: int
    message: str
    fix: str
    repair: str = OVER
    code: str = "E0110"
    instead: bool = False


def slip(tokens: Tokens, i: int, kind: str, expected: set[str]) -> Slip | None:
    """What token `i`, which cannot stand here, is likely to have been meant as."""
    kinds = (*tokens.kinds[max(0, i - 1) : i], "")[0], kind
    looks = (_term, _message, _parentheses, _handler, _braces, _clause, _type, _property)
    for look in (*looks, _declaration, _operator, _system):
        found = look(tokens, i, kinds, expected)
        if found is not None:
            return found
    return None


_Look = Callable[[Tokens, int, tuple[str, str], set[str]], Slip | None]


def _in_term(expected: set[str]) -> bool:
    return {"skip", "saga"} <= expected


def _declared(tokens: Tokens, word: str) -> bool:
    texts = tokens.texts
    return any(t == word and texts[k] in ("activity", "workflow") for k, t in enumerate(texts[1:]))


def _term(tokens: Tokens, i: int, kinds: tuple[str, str], expected: set[str]) -> Slip | None:
    text = tokens.texts[i]
    if _in_term(expected) and kinds[1] in MEMBER_WORDS | ITEM_WORDS | PROPERTY_WORDS:
        return Slip(
            i,
            f"`{text}` stands in a workflow or at top level, not among the terms of `run`",
            "move it out of the braces, or close them before it",
        )
    # The word itself, or the one before, which was read as the name of an activity.
    for j in (i, i - 1):
        word = tokens.texts[j] if j >= 0 else ""
        if tokens.kinds[j] not in ("IDENT", "SOFT") or word not in _TERMS:
            continue
        if _declared(tokens, word) or tokens.texts[j - 1 : j] in (["."], ["<-"]):
            continue
        if not (_in_term(expected) or (";" in expected and "*" not in expected)):
            continue
        if word == "when" and j == i - 1:
            continue
        return Slip(j, f"`{word}` begins no term of the language", _TERMS[word])
    return None


def _message(tokens: Tokens, i: int, kinds: tuple[str, str], expected: set[str]) -> Slip | None:
    """`send c(x)` and `receive c(x)`, as if channels were called, and a channel of nothing."""
    texts = tokens.texts
    if kinds[1] == "(" and "from" in expected and texts[i - 2 : i - 1] == ["receive"]:
        return Slip(i, "found `(`, expected `from`", f"write `receive x from {texts[i - 1]}`")
    if kinds[0] == ")" and "to" in expected:
        sends = max((k for k in range(i) if texts[k] == "send"), default=i)
        inside = texts[sends + 3 : i - 1]
        if texts[sends + 2 : sends + 3] == ["("] and inside and "(" not in inside:
            fix = f"write `send {' '.join(inside)} to {texts[sends + 1]}`"
            return Slip(i, f"found `{texts[i]}`, expected `to`", fix)
    for word in ("capacity", "delivery", "ttl"):
        at = i - 1 if texts[i - 1] == word else i - 2
        if at > 2 and (texts[at - 3], texts[at - 1], texts[at]) == ("channel", ":", word):
            fix = f"say of what: `channel {texts[at - 2]} : int {word} …`"
            return Slip(at, f"`{word}` is no type of messages", fix)
    return None


def _parentheses(tokens: Tokens, i: int, kinds: tuple[str, str], expected: set[str]) -> Slip | None:
    before = tokens.texts[i - 1] if i else ""
    if kinds[0] not in ("if", "while", "switch", "retry", "using") or "(" not in expected:
        return None
    if kinds[1] in ("{", ";", "}", "$END") or next_brace(tokens, i) is None:
        return None
    shown = {"retry": "3 on E", "using": "r 1"}.get(before, "…")
    message = f"found `{tokens.texts[i]}`, expected `(`"
    return Slip(i, message, f"parentheses: `{before} ({shown}) {{ … }}`", PAIR)


def next_brace(tokens: Tokens, i: int) -> int | None:
    """The next brace that opens, if a term may end before it."""
    depth = 0
    for j in range(i, min(i + 60, len(tokens.kinds))):
        kind = tokens.kinds[j]
        if kind == "{" and depth == 0:
            return j
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(kind, 0)
        if kind in (";", "}", "$END", ":=") or depth < 0:
            return None
    return None


def _handler(tokens: Tokens, i: int, kinds: tuple[str, str], expected: set[str]) -> Slip | None:
    before, kind = kinds
    if tokens.texts[i - 1 : i] == ["catch"] and kind in ("(", "{"):
        shown = "found `{`, expected the name of an error or `*`"
        if kind == "{":
            return Slip(i, shown, _CATCH, "*")
        return Slip(i, "the errors of `catch` stand without parentheses", _CATCH)
    if kind == "{" and "of" in expected and before == "INT":
        number = tokens.texts[i - 1]
        return Slip(i, "found `{`, expected `of`", f"write `par {number} of {{ … }}`", "of")
    return None


def _braces(tokens: Tokens, i: int, kinds: tuple[str, str], expected: set[str]) -> Slip | None:
    text, before = tokens.texts[i], tokens.texts[i - 1] if i else ""
    if "{" not in expected or kinds[1] in ("{", "if", "$END"):
        return None
    if before in ("else", "finally", "try", "do", "saga", "atomic"):
        also = " or `if`" if before == "else" else ""
        fix = f"braces: `{before} {{ {text} }}`"
        return Slip(i, f"found `{text}`, expected `{{`{also}", fix)
    if text == "then" and before == ")":
        return Slip(i, "found `then`, expected `{`", "braces: `if (…) { … } else { … }`")
    return None


def _type(tokens: Tokens, i: int, kinds: tuple[str, str], expected: set[str]) -> Slip | None:
    texts, kind = tokens.texts, kinds[1]
    if kind == "]" and kinds[0] == "[" and i > 1 and tokens.kinds[i - 2] in ("IDENT", "SOFT"):
        name = texts[i - 2]
        return Slip(i, f"`{name}[]` has no size", f"arrays have one: `{name}[4]`, or `{name}[E]`")
    if texts[i - 1 : i] == ["of"] and ".." in expected and i > 1:
        if texts[i - 2] in ("map", "dict", "dictionary"):
            fix = "write `int[E]`, an array by the values of an enum"
        else:
            fix = f"arrays have a size: `{texts[i]}[4]`"
        return Slip(i - 2, f"there is no type `{texts[i - 2]} of …`", fix)
    return None


def _property(tokens: Tokens, i: int, kinds: tuple[str, str], expected: set[str]) -> Slip | None:
    texts = tokens.texts
    if texts[i] in ("before", "until") and "precedes" in expected:
        return Slip(i, f"found `{texts[i]}` in a property", "write `p precedes q`")
    if texts[i] in ("then", "implies", "causes") and "leads_to" in expected:
        return Slip(i, f"found `{texts[i]}` in a property", "write `q leads_to p`")
    if {"never", "eventually"} <= expected and texts[i - 3 : i - 2] == ["property"]:
        if texts[i] in ("always", "invariant", "globally"):
            word = "invariant" if texts[i] == "invariant" else "always"
            fix = f"write `{word} {texts[i - 2]} : …`"
            return Slip(i, f"`{texts[i]}` is no kind of `property`", fix, "never", instead=True)
    if {"leads_to", "precedes"} <= expected and (kinds[1] in _AFTER_PROPERTY or kinds[1] == "}"):
        k = max((k for k in range(i) if texts[k] == "property"), default=i)
        name = texts[k + 1] if k < i else "NAME"
        fix = f"write `invariant {name} : …`, or `eventually`, `leads_to`, `precedes` in it"
        return Slip(k, "this `property` does not say when its condition holds", fix)
    if "STRING" in expected and "at" in expected and texts[i - 2 : i - 1] == ["skip_check"]:
        name = texts[i - 1]
        return Slip(i - 1, "no reason is given", f'say why: `skip_check {name} "…"`')
    return None


def _clause(tokens: Tokens, i: int, kinds: tuple[str, str], expected: set[str]) -> Slip | None:
    text = tokens.texts[i]
    if not {"uses", "takes"} <= expected and text != "times":
        return None
    if text == "times" and kinds[0] == "INT":
        return Slip(i, "found `times` behind a number of attempts", "remove `times`", SKIP)
    if kinds[1] == ",":
        return Slip(i, "clauses stand without commas", "remove `,`", SKIP)
    if text in _CLAUSES and text not in CLAUSE_WORDS:
        return Slip(i, f"`{text}` is no clause of an activity", f"did you mean `{_CLAUSES[text]}`?")
    return None


def _declaration(tokens: Tokens, i: int, kinds: tuple[str, str], expected: set[str]) -> Slip | None:
    texts, kind = tokens.texts, kinds[1]
    text = texts[i]
    first = texts[i - 2] if i > 1 else ""
    if kind == "=" and ":" in expected:
        if first in ("var", "shared", "param", "store"):
            name = texts[i - 1]
            fix = f"give it a type: `{first} {name}: int = …`"
            return Slip(i, f"found `=`, expected the type of `{name}`", fix)
        return Slip(i, "found `=`, expected `:`", "write `:`")
    if {"pool", "lock"} <= expected:
        if text in ("mutex", "exclusive"):
            return Slip(i, f"`{text}` is no kind of resource", "write `lock`")
        if kind == "INT" or text in ("semaphore", "counter", "int", "count", "units"):
            number = text if kind == "INT" else "3"
            return Slip(i, f"`{text}` is no kind of resource", f"write `pool({number})`")
    if "IDENT" in expected and texts[i - 1 : i] in (["invariant"], ["always"], ["property"]):
        fix = f"give it a name: `{texts[i - 1]} NAME : …`"
        return Slip(i - 1, f"this `{texts[i - 1]}` has no name", fix)
    if ":" in expected:
        for back in (1, 2):
            word = texts[i - back] if i >= back else ""
            if word in ("invariant", "always", "property") and kind != ":":
                fix = f"give it a name: `{word} NAME : …`"
                return Slip(i - back, f"this `{word}` has no name", fix)
    if kind == ":" and texts[i - 1 : i] and texts[i - 1] in ("requires", "ensures", "assert"):
        return Slip(i, f"`{texts[i - 1]}` has no name and no `:`", "remove `:`", SKIP)
    follows = tokens.kinds[i + 1 : i + 2] == [":"]
    if {"var", "run"} <= expected and kind in ("IDENT", "SOFT") and follows:
        return Slip(
            i, f"found `{text}` where a member of the workflow begins", f"write `var {text}: …`"
        )
    if (
        {"workflow", "resource"} <= expected
        and text in _ITEMS
        and kind in ("IDENT", "SOFT", "saga")
    ):
        return Slip(
            i, f"`{text}` begins no item of the language", f"did you mean `{_ITEMS[text]}`?"
        )
    return None


def _operator(tokens: Tokens, i: int, kinds: tuple[str, str], expected: set[str]) -> Slip | None:
    text, kind = tokens.texts[i], kinds[1]
    among_terms = ";" in expected and "*" not in expected
    if kind in _ASSIGNING and tokens.kinds[i + 1 : i + 2] == ["="] and ":=" in expected:
        name = tokens.texts[i - 1]
        return Slip(i, f"`{text}=` does not assign", f"write `{name} := {name} {text} …`")
    if kind == "DURATION" and tokens.texts[max(0, i - 2) : i] == ["wait", "for"]:
        return Slip(i - 1, "found `for` behind `wait`", f"write `wait {text}`")
    if text in ("&&", "&", "and") and among_terms:
        fix = "write `||` (both at once) or `;` (one after the other)"
        return Slip(i, f"`{text}` joins no terms", fix, "||", "E0113", instead=True)
    if text == "?":
        return Slip(i, "there is no `… ? … : …`", _EITHER, OVER, "E0113")
    if text == "if" and {"not", "forall"} <= expected and not _in_term(expected):
        return Slip(i, "`if` stands for no value", _EITHER, PHRASE, "E0113")
    if kind == "." and kinds[0] == "..":
        return Slip(i, "found `...`, a range is written with two dots", "write `..`", SKIP)
    return None


def _system(tokens: Tokens, i: int, kinds: tuple[str, str], expected: set[str]) -> Slip | None:
    if kinds[1] == "*" and {"scheduler", "faults"} <= expected and kinds[0] in ("IDENT", "SOFT"):
        many = tokens.texts[i + 1] if tokens.kinds[i + 1 : i + 2] == ["INT"] else "3"
        name = tokens.texts[i - 1]
        return Slip(i, "instances are not multiplied", f"write `{name}[{many}]`")
    text = tokens.texts[i]
    if text in ("faults", "scheduler") and {"workflow", "resource"} <= expected:
        shown = "faults crash w …" if text == "faults" else "scheduler fifo"
        return Slip(
            i, f"`{text}` is said in `system`, not beside it", f"write `system {{ w  {shown} }}`"
        )
    # (Before a word that begins no call the arrow is read as two signs.)
    if kinds[1] == "send" and "".join(tokens.texts[max(0, i - 2) : i]).endswith("<-"):
        name = tokens.texts[i - (3 if kinds[0] == "-" else 2)]
        fix = f"to ask and wait for the answer write `{name} <- request(…) to …`"
        return Slip(i, "`send` has no result", fix)
    return None
