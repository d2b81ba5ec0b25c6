"""The whole text of one search in C: rules and tests of this system, then the loop (kernel.c)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files

from ....dsl.records import dataclass
from ....semantics.expr import FALSE, Expr
from ..common import touched
from .c import Text
from .layout import WORD, Layout
from .rules import Group, PackedRule


@dataclass(frozen=True, slots=True)
class Program:
    """What is to be searched: `states` are the goals about states, by their position among all
    `goals`; `local` are locations and the places at which the steps of their thread may be enough;
    with `edges` the graph is kept."""

    layout: Layout
    groups: Sequence[Group]
    goals: int
    states: Mapping[int, Expr]
    excluded: Expr = FALSE
    families: Sequence[Sequence[Sequence[int]]] = ()
    local: Sequence[tuple[int, frozenset[int]]] = ()
    at_ends: bool = False
    edges: bool = False


@dataclass(frozen=True, slots=True)
class Printed:
    """`labels`: for each rule, the first of the labels of its steps; the j-th of its choices has
    the j-th label from there."""

    text: str
    labels: list[tuple[PackedRule, int]]
    words: int


def print_search(program: Program) -> Printed:
    """Raises Unsupported for what cannot be said in machine words."""
    layout = program.layout
    t = Text(layout)
    about = {k: touched(cond) for k, cond in program.states.items()}
    checks: dict[int, int] = {}
    for k, group in enumerate(program.groups):
        if program.at_ends:
            checks[k] = 0
            continue
        writes = frozenset().union(*(r.writes for r in group.rules))
        checks[k] = t.check({g: c for g, c in program.states.items() if about[g] & writes})
    t.checks()
    t.groups(program.groups, checks)
    if program.excluded is FALSE:
        t.put("#define excluded(s) 0")
    else:
        t.test("excluded", {0: program.excluded}, plain=True)
    if program.at_ends:
        t.test("at_ends", program.states)
    else:
        t.put("#define at_ends(s) 1")
    _canonical(t, layout, program.families)
    _local(t, layout, program.local)
    sizes = {
        "WORDS": layout.words,
        "GOALS": program.goals,
        "MOST_STEPS": max(1, t.steps),
        "LABELS": t.labels,
        "EDGES": int(program.edges),
        "AT_ENDS": int(program.at_ends),
    }
    head = [
        _file("prelude.c"),
        *(f"#define {name} {size}" for name, size in sizes.items()),
        "EXPORT unsigned char wfverify_open[GOALS + 1];",
        "EXPORT uint32_t wfverify_broken[GOALS + 1];  /* goals that a step breaks */",
        "static unsigned char noted[GOALS + 1];  /* which those are */",
        "static uint32_t broken_count;",
        "static word out[MOST_STEPS][WORDS];  /* the states after the steps of one */",
        "static uint32_t label[MOST_STEPS], test_of[MOST_STEPS];",
    ]
    return Printed("\n".join([*head, *t.parts, _file("kernel.c")]), t.bases, layout.words)


def _file(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _canonical(t: Text, layout: Layout, families: Sequence[Sequence[Sequence[int]]]) -> None:
    body = ["    for (int k = 0; k < WORDS; k++) r[k] = s[k];"]
    for k, blocks in enumerate(families):
        offsets = [layout.fields[b[0]].offset for b in blocks]
        width = layout.widths[blocks[0][0]]
        places = ", ".join(f"{{{o // WORD}, {o % WORD}}}" for o in offsets)
        t.put(f"static const struct place f{k}[] = {{{places}}};")
        if width < WORD:
            how = f"order_small(r, f{k}, {len(blocks)}, {(1 << width) - 1:#x}u);"
        else:
            how = f"order_large(r, f{k}, {len(blocks)}, {width // WORD});"
        body.append(f"    {how}")
    t.put("static inline void canonical(const word *s, word *r)", "{", *body, "}")


def _local(t: Text, layout: Layout, local: Sequence[tuple[int, frozenset[int]]]) -> None:
    entries: list[str] = []
    for location, points in local:
        f = layout.fields[location]
        flags = ", ".join(str(int(at in points)) for at in range(f.mask + 1))
        t.put(f"static const unsigned char p{location}[] = {{{flags}}};")
        word, shift = divmod(f.offset, WORD)
        entries.append(f"{{{word}, {shift}, {f.mask}, p{location}, {t.tables[location]}}}")
    t.put(f"#define LOCALS {len(entries)}")
    if entries:
        t.put(
            "static const struct { int word, shift; uint64_t mask; const unsigned char *points;",
            f"    const group *groups; }} locals[] = {{{', '.join(entries)}}};",
        )
