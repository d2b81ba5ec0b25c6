"""What a round of steps does to a queue, and whether it can do so again and again.

Of each queue the messages that a round takes out must be the same ones in every round.  Who asks
anew from a place does not wait for the answer to what was asked there before: the older request
loses its number (its asker), wherever it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from ..dsl.records import dataclass

Letter = tuple[object, int]  # what a message says, and who asks (0: nobody, or not any more)
Word = list[Letter]


@dataclass(frozen=True, slots=True)
class Queue:
    """`first`: its oldest message is taken, whatever it says; `chosen`: the oldest that fits;
    otherwise any."""

    first: bool
    chosen: bool


@dataclass(frozen=True, slots=True)
class _Put:
    letters: tuple[Letter, ...]


@dataclass(frozen=True, slots=True)
class _Taken:
    letter: Letter


def left_by_round(words: Sequence[Word], queue: Queue) -> int | None:
    """How many messages are left by a round in which the queue holds these, one after the other;
    None where it is not seen that the round can be taken again and again.

    In order: with `w` in the queue, `v` put in and `x` taken out, `w v v v ..` and `x x x ..` have
    to be one word, after the numbers of those who have asked anew are crossed out.  A message that
    has been there for a whole round has lost all numbers that it will lose; so what is taken after
    some rounds is a word of period |v|, compared with one of period |x|, and both are one if they
    agree for the length of w, v and x together (Fine and Wilf, 1965).  So many rounds are played.

    Where any message may be taken, what a round can do from some messages it can do from more
    (as in a Petri net), so all that were there before have to be there after it.
    """
    deeds = _deeds(words)
    if deeds is None:
        return None
    before = words[0]
    put = [x for d in deeds if isinstance(d, _Put) for x in d.letters]
    taken = [d.letter for d in deeds if isinstance(d, _Taken)]
    more = len(put) - len(taken)
    if more < 0:
        return None
    if not queue.first and not (queue.chosen and len({m for m, _ in (*before, *put)}) <= 1):
        if queue.chosen:
            return None
        return None if Counter(before) - Counter(words[-1]) else more
    rounds = 4 + len(before) + 3 * len(put) + len(taken) if taken else 1
    word = before
    for _ in range(rounds):
        for deed in deeds:
            if isinstance(deed, _Put):
                word = [*_anew(word, deed.letters), *deed.letters]
            elif not word or word[0] != deed.letter:
                return None
            else:
                word = word[1:]
    return more


def _deeds(words: Sequence[Word]) -> list[_Put | _Taken] | None:
    """What the steps do; None where one does something else."""
    out: list[_Put | _Taken] = []
    for old, new in pairwise(words):
        if len(new) > len(old):
            added = tuple(new[len(old) :])
            if new[: len(old)] != _anew(old, added):
                return None
            out.append(_Put(added))
        elif len(new) == len(old):
            if new != old:
                return None
        else:
            at = next((i for i in range(len(old)) if old[:i] + old[i + 1 :] == new), None)
            if at is None:
                return None
            out.append(_Taken(old[at]))
    return out


def _anew(word: Word, added: Sequence[Letter]) -> Word:
    """What is there when somebody asks."""
    asking = {asker for _, asker in added} - {0}
    return [(m, 0 if asker in asking else asker) for m, asker in word]


def words(
    states: Sequence[Sequence[object]],
    length: int,
    slots: Sequence[Sequence[int]],
    turns: Sequence[int],
    asks: bool,
) -> Iterator[Word]:
    """What a queue holds in these states.  `slots`: of each what is kept, with `asks` its asker
    last; `turns`: of each which message it has, from 1 (none: the oldest is in the first slot)."""
    for state in states:
        there = state[length]
        assert isinstance(there, int)
        order = (
            {state[turn]: slot for turn, slot in zip(turns, slots, strict=True)} if turns else {}
        )
        held = [order[k + 1] if turns else slots[k] for k in range(there)]
        yield [_letter([state[v] for v in slot], asks) for slot in held]


def _letter(values: list[object], asks: bool) -> Letter:
    if not asks:
        return tuple(values), 0
    asker = values[-1]
    assert isinstance(asker, int)
    return tuple(values[:-1]), asker


__all__ = ["Letter", "Queue", "Word", "left_by_round", "words"]
