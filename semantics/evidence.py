"""Evidence: why something was proved, as plain data.

Engines make it, certificates keep it, `proofs` checks it; nothing here knows how it was found.
Variables, rules and threads are named by their index in the system that the spec's text gives.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..dsl.records import dataclass
from .expr import Expr, Scalar
from .trace import Trace


@dataclass(frozen=True, slots=True)
class Facts:
    """What holds in every reachable state: true at the start, and kept by every rule.

    `shapes` stand for formulas that whoever checks writes out from the thread tree: `quiet` (a
    branch runs only while its parent is at the fork), `fresh` (it has begun only then) and `linking
    NAME` (the variable NAME, what
    is in use of a resource, is the sum of what the threads hold where they are).
    """

    invariants: tuple[Expr, ...] = ()
    shapes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Inductive:
    """The goals follow from the facts: of a state at once, of a step with the rule's guard."""

    facts: Facts


@dataclass(frozen=True, slots=True)
class States:
    """`states`: values of `variables`; no rule leads out of them, whatever the others are."""

    variables: tuple[int, ...]
    states: tuple[tuple[Scalar, ...], ...]


@dataclass(frozen=True, slots=True)
class Peaks:
    """The most of a USED variable that each thread and all below it can hold at once.

    Threads that are not listed hold nothing.  Rests on `shape` (`quiet` or `fresh`) and `linking`.
    """

    used: int
    peaks: tuple[tuple[int, int], ...]
    shape: str = "fresh"


@dataclass(frozen=True, slots=True)
class Progress:
    """Whoever is not over can take a step, or waits for a branch or a sibling that is not over, or
    for a resource that comes, in `order` (positions), after all that is held there."""

    facts: Facts
    order: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Rank:
    """One component of a measure: `ranks[p]` for a thread that is at point p; or a term."""

    thread: int | None = None
    ranks: tuple[int, ...] = ()
    term: Expr | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """Lexicographic, the most significant first: every rule makes it fall."""

    facts: Facts
    components: tuple[Rank, ...]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Steps that different threads may take in one state do not get in each other's way."""

    facts: Facts


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs, with times, in which together everything that is asked for happens."""

    runs: tuple[Trace, ...]


@dataclass(frozen=True, slots=True)
class Syntactic:
    """Nothing is needed but the rules themselves: there is no obligation, or each is plain."""


@dataclass(frozen=True, slots=True)
class Trusted:
    """An argument that nobody can check again: who made it, and its words."""

    engine: str
    argument: str


@dataclass(frozen=True, slots=True)
class Classes:
    """A bisimulation between two workflows: the class of each state, first those of the one, then
    those of the other, in the order in which they are found breadth first."""

    classes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Followed:
    """Each state of one workflow with states of the other where the same runs may end, `forth` from
    the first to the second and `back` (by number, as in Classes)."""

    forth: tuple[tuple[int, tuple[int, ...]], ...]
    back: tuple[tuple[int, tuple[int, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Answered:
    """The outcomes agree whatever the environment answers: it is asked only so often."""


@dataclass(frozen=True, slots=True)
class Derivation:
    """Two terms are one by laws.  `terms`: (form, label, parts), parts first and by number;
    `steps`: by a law, one term becomes another (proofs/laws/derivation)."""

    terms: tuple[tuple[str, str, tuple[int, ...]], ...]
    left: int
    right: int
    steps: tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True)
class Coupled:
    """A bisimulation between two workflows with data of any values.  `plain`: of each the variables
    of which a pair says the values; `pairs`: these values, and conditions on the others, as
    SMT-LIB.  Symbol aN is variable N, those of the second workflow behind those of the first."""

    plain: tuple[tuple[int, ...], tuple[int, ...]]
    pairs: tuple[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Merged:
    """Two terms of `;`, `if` and `while` do the same.  `terms`, `left`, `right` as in Derivation;
    `rests`: what is left to do, a term and then another rest (by number from 1 on; 0: nothing);
    `pairs` of rests do the same; `meant`: a test says what another one says (`same`), or the
    `opposite`; of "" that it is always so, or never; `kept` pairs do the same where a run comes to
    them, since these tests are then true, and these are false."""

    terms: tuple[tuple[str, str, tuple[int, ...]], ...]
    left: int
    right: int
    rests: tuple[tuple[int, int], ...]
    pairs: tuple[tuple[int, int], ...]
    meant: tuple[tuple[str, str, str], ...] = ()
    kept: tuple[tuple[int, int, tuple[str, ...], tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Differing:
    """That two workflows do not do the same.  `how`:

    - "run": one (`whose`: "first" or "second") has this run, and the other has not; `run` as an
      observer sees it, behind `begin with n = 3` if it has arguments;
    - "refusal": after this run it may refuse all of `refused`, and the other may not;
    - "outcome": under an environment it comes to this outcome, and the other does not: from
      `arguments`, where `answers` say what is answered to what for which time (with `again`, for
      ever so from that one on; -1: no more is asked);
    - "formula": holds of the first one, and not of the second one, or the other way round; nodes
      (form, label, parts), parts first and by number (see proofs/differing).
    """

    how: str
    whose: str
    run: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    outcome: str = ""
    arguments: str = ""
    answers: tuple[tuple[str, int, str], ...] = ()
    again: int = -1
    formula: tuple[tuple[str, str, tuple[int, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Instance:
    """Of a law: terms for its names, and what runs beside both sides ("": nothing does), as text
    (semantics/lower/instances).  What is beside this piece of evidence is said of it."""

    terms: tuple[tuple[str, str], ...]
    beside: str = ""


Compared = Classes | Followed | Answered | Derivation | Coupled | Merged | Differing | Instance
Evidence = (
    Inductive | States | Peaks | Progress | Measure | Pairs | Runs | Syntactic | Compared | Trusted
)


@dataclass(frozen=True, slots=True)
class Part:
    """Evidence for some of a claim's goals, by their position among the claim's obligations.

    Checks of the whole system have no obligations: their parts name no goal.
    """

    evidence: Evidence
    goals: Sequence[int] = ()
