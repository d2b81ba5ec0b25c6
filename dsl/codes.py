"""The closed list of diagnostic codes: code -> short title."""

from __future__ import annotations

from typing import Final

CODES: Final[dict[str, str]] = {
    # reading
    "E0001": "the file cannot be read",
    "E0002": "not UTF-8 text",
    "E0003": "file too long",
    "E0004": "nested too deeply",
    "E0005": "too many errors",
    # tokens
    "E0101": "unknown character",
    "E0102": "unterminated string",
    "E0103": "unterminated comment",
    "E0104": "malformed number or duration",
    "E0105": "bad escape in a string",
    # syntax
    "E0110": "syntax error",
    "E0111": "missing `;` between terms",
    "E0112": "`=` where `:=` or `==` is meant",
    "E0113": "operator of another language",
    "E0114": "missing bracket",
    "E0115": "expression where an activity was meant",
    "E0116": "reserved word used as a name",
    "E0120": "form given twice",
    "E0121": "missing part",
    "E0122": "unknown word",
    "E0123": "malformed built-in function or predicate",
    # names
    "E0201": "unknown name",
    "E0202": "name defined twice",
    "E0203": "ambiguous name",
    "E0204": "name of another kind",
    "E0205": "unknown error name",
    "E0206": "unknown check",
    "E0207": "unknown type",
    "E0208": "several instances",
    # types
    "E0301": "type mismatch",
    "E0302": "units do not agree",
    "E0303": "literal out of range",
    "E0304": "not a constant",
    "E0305": "wrong number of arguments",
    "E0306": "no result",
    "E0307": "range is empty or too large",
    "E0308": "no such field",
    # rules
    "E0401": "recursion",
    "E0402": "claim exceeds the capacity",
    "E0403": "mode does not fit the resource",
    "E0404": "not assignable",
    "E0405": "word out of its place",
    "E0406": "form not allowed here",
    "E0407": "cycle in a steps graph",
    "E0408": "retry, count or bound is negative",
    "E0409": "duplicate case",
    "E0410": "channel is not of this kind",
    "E0411": "no bounds that are known before a run",
    # not built yet
    "E0900": "not supported yet",
    # exports
    "E0910": "not finite",
    # labelled transition systems
    "E0920": "no file of the Aldebaran format",
    # warnings
    "W0001": "unused",
    "W0002": "unreachable",
    # imported state machines
    "W0201": "token wait without a time limit",
    "W0202": "cycle without a way out",
    "W0203": "polling without a bound",
    "W0204": "state that nothing leads to",
    "W0205": "state from which no end is reached",
    "W0206": "retries do not fit in their time limit",
    "W0207": "failure inside Parallel or Map is not caught",
    "W0208": "heartbeat not shorter than the time limit",
    "W0209": "error name that never matches",
    "W0210": "clause that is never used",
    "W0211": "key given twice",
    "W0212": "field among the states",
    "W0213": "field that nothing reads",
}
