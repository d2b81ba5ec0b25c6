"""The words that begin something, by what they begin: where one slip ends and the rest goes on."""

from __future__ import annotations

from typing import Final

# Only these begin an item and nothing else, so they end whatever was left open before them.
ITEM_WORDS: Final = frozenset(
    [
        "const",
        "param",
        "enum",
        "type",
        "resource",
        "environment",
        "channel",
        "store",
        "error",
        "metric",
        "detector",
        "controller",
        "workflow",
        "system",
    ]
)
# Members of a workflow, besides properties.
MEMBER_WORDS: Final = frozenset(["var", "activity", "run", "steps"])
# Clauses of an activity.
CLAUSE_WORDS: Final = frozenset(
    [
        "uses",
        "takes",
        "runs_in",
        "needs",
        "reads",
        "writes",
        "do",
        "ensures",
        "fails",
        "timeout",
        "heartbeat",
        "beats",
        "undo",
        "undone",
        "idempotent",
        "at_least_once",
        "priority",
        "runs",
    ]
)
# Properties, of a workflow or of the file.
PROPERTY_WORDS: Final = frozenset(
    [
        "invariant",
        "always",
        "property",
        "skip_check",
        "expect",
        "deadline",
        "equivalent",
        "refines",
        "upgrade",
        "law",
        "requires",
    ]
)
# Terms that begin with a word of their own.
TERM_WORDS: Final = frozenset(
    [
        "skip",
        "fail",
        "abort",
        "if",
        "switch",
        "each",
        "while",
        "within",
        "try",
        "retry",
        "saga",
        "using",
        "transaction",
        "atomic",
        "nocancel",
        "wait",
        "par",
        "assert",
        "require",
        "return",
        "send",
        "receive",
        "steps",
        "assume",
    ]
)


def begins_item(texts: list[str], i: int) -> bool:
    """Whether an item and nothing else begins at word `i`, which is no string."""
    if texts[i] == "shared":  # `ledger shared` is a claim
        return texts[i + 2 : i + 3] == [":"]
    return texts[i] in ITEM_WORDS
