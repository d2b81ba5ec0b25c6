"""How to mend what was refuted of messages, by what the refutation says."""

from __future__ import annotations

from ..verifier.verdict import Refuted

# A word of the refutation, and the mend.
_LOST = (
    (
        "more and more messages",
        "let the receivers keep up, give the channel a `capacity` (a send then waits for room), "
        "or wait for an answer before sending more.",
    ),
    (
        "under way at once",
        "let them come less often or claim for a shorter time, let the resource have more units, "
        "or give up who waits too long (`within 30s { .. } else { .. }`).",
    ),
    (
        "lost on its way",
        "say that a loss does not matter (`optional`) and give who waits for the message a "
        "`within`, or let the channel deliver it: `delivery exactly_once`, `at_least_once`.",
    ),
    (
        "is too old",
        "receive it sooner, give it a longer `ttl`, or say that it does not matter: `optional`.",
    ),
    (
        "may be left",
        "receive as many as are sent, also where another branch has failed, or say that what is "
        "left does not matter: `optional`.",
    ),
    (
        "comes to nobody",
        "answer each request once, and sooner than its asker waits (`within`), or say that a late "
        "answer does not matter: `optional`.",
    ),
)
_WAITS = (
    (
        "waits for a message",
        "send on every path that leads to the receive, before anything that waits for its "
        "receiver, or give the receive an interrupt (`within 30s { .. } else { .. }`).",
    ),
    (
        "waits for room",
        "raise the `capacity`, receive before sending more, or give the send an interrupt "
        "(`within 30s { .. } else { .. }`).",
    ),
    (
        "waits for an answer",
        "answer every request (`send .. to` what was received), or ask no longer than "
        "`x <- request(..) to c within 5s`.",
    ),
)


def mend_of_messages(check: str, verdict: Refuted) -> str:
    """ "" where messages have no part in it."""
    if check == "messages":
        for word, mend in _LOST:
            if word in verdict.message:
                return mend
    if not any(" holds " in note for note in verdict.notes):  # else claims have a part in it, too
        for word, mend in _WAITS:
            if any(word in note for note in verdict.notes):
                return mend
    return ""
