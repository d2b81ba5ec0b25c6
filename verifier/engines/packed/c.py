"""Packed rules as C: what `python.py` prints in Python, from the same rules and terms.

Numbers are of 64 bits.  Of each term it is known between which values it lies (a field is so wide,
an answer is one of those); where the result of an operator may not fit, it is checked when it is
computed, and the search is then left to Python, whose integers have no end.  No name in the text
comes from a spec.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ....semantics.expr import Expr, Op, Sort
from ....semantics.intervals import interval
from ..search_compile import Writer
from ..search_space import Unsupported
from .layout import WORD, Field, Layout
from .rules import Group, PackedRule

Range = tuple[int, int]

LARGEST = 2**63 - 1  # the least number of 64 bits is never used, so that each has a negative
WIDEST = 62  # bits of a field
MOST_TEXT = 1_500_000  # characters; what is longer takes seconds to compile
MOST_STEPS = 20_000  # of one state


class CWriter(Writer):
    """Terms as C.  Raises Unsupported for what is neither a whole number nor a Boolean."""

    def __init__(self, layout: Layout) -> None:
        super().__init__(self._read)
        self.layout = layout
        self.answers: Sequence[Range] = ()  # of each input, between what
        self._ranges: dict[int, Range] = {}
        self._checks = 0

    def forget(self) -> None:
        super().forget()
        self._ranges = {}  # what an input may be is another matter in another rule

    def assign(self, name: str, source: str, node: Expr) -> None:
        kind = "int" if node.sort is Sort.BOOL else "int64_t"
        self.line(f"const {kind} {name} = {source};")

    def range(self, node: Expr) -> Range:
        """Between which values a term lies that has been written."""
        return self._ranges[id(node)]

    def _read(self, node: Expr) -> str:
        if node.op is Op.INPUT:
            return f"i{node.index}"
        return read(self.layout.fields[node.index], node.sort is Sort.BOOL)

    def source(self, node: Expr, a: list[str]) -> str:
        low, high = self._between(node)
        self._ranges[id(node)] = (max(low, -LARGEST), min(high, LARGEST))
        match node.op:
            case Op.CONST:
                return number(node.value)
            case Op.VAR | Op.POST | Op.INPUT | Op.EQ | Op.LE | Op.LT | Op.NEG:
                return super().source(node, a)  # as in Python
            case Op.NOT:
                return f"(!{a[0]})"
            case Op.AND:
                return f"({' && '.join(a)})" if a else "1"
            case Op.OR:
                return f"({' || '.join(a)})" if a else "0"
            case Op.ITE:
                return f"({a[0]} ? {a[1]} : {a[2]})"
            case Op.ADD:
                return self._sum(node, a)
            case Op.MUL:
                if low >= -LARGEST and high <= LARGEST:
                    return f"({a[0]} * {a[1]})"
                return self.checked("__builtin_mul_overflow", a[0], a[1])
            case Op.DIV:
                return f"quotient_of({a[0]}, {a[1]})"
            case Op.MOD:
                return f"remainder_of({a[0]}, {a[1]})"
            case Op.TO_REAL | Op.PUSH | Op.POP | Op.TOP:
                raise Unsupported("no whole number")

    def checked(self, how: str, a: str, b: str) -> str:
        self._checks += 1
        self.line(f"CHECKED(c{self._checks}, {how}, {a}, {b});")
        return f"c{self._checks}"

    def _sum(self, node: Expr, a: list[str]) -> str:
        ranges = [self.range(x) for x in node.args]
        if sum(max(-low, high, 0) for low, high in ranges) <= LARGEST:
            return f"({' + '.join(a)})"
        total = a[0]
        for other in a[1:]:
            total = self.checked("__builtin_add_overflow", total, other)
        return total

    def _between(self, node: Expr) -> Range:
        """Between which whole numbers the value lies, however many bits they need."""
        if node.sort is Sort.BOOL:
            if any(x.sort not in (Sort.BOOL, Sort.INT) for x in node.args):
                raise Unsupported("no whole number")
            return (0, 1)
        if node.sort is not Sort.INT:
            raise Unsupported("no whole number")
        r = [self.range(x) for x in node.args]
        match node.op:
            case Op.VAR | Op.POST:
                f = self.layout.fields[node.index]
                return (f.low, f.low + f.mask)
            case Op.INPUT:
                return self.answers[node.index]
            case Op.DIV:
                most = max(abs(x) for x in r[0])
                return (-most, most)
            case Op.MOD:
                return (0, max(abs(x) for x in r[1]))
        low, high = interval(node, r)
        if not isinstance(low, int) or not isinstance(high, int):
            raise Unsupported("no whole number")
        return low, high


def number(value: object) -> str:
    """Raises Unsupported for what has no place in 64 bits."""
    if not isinstance(value, int):  # which a Boolean is
        raise Unsupported("no whole number")
    if not -LARGEST <= value <= LARGEST:
        raise Unsupported("a number too large for 64 bits")
    return f"INT64_C({int(value)})" if value >= 0 else f"(-INT64_C({-value}))"


def read(f: Field, boolean: bool) -> str:
    """The value of a field of `s`."""
    shift = f.offset % WORD
    text = f"s[{f.offset // WORD}]" + (f" >> {shift}" if shift else "") + f" & {f.mask:#x}"
    if boolean:
        return f"((int)({text}))"
    return f"((int64_t)({text}) + {number(f.low)})" if f.low else f"((int64_t)({text}))"


class Text:
    """The text for one search; raises Unsupported.

    `checks`: for a set of variables that are written, the positions of the goals about states that
    may be broken by that.  `local`: of threads whose steps may be enough, the location and its
    places.  `labels` counts the steps that rules have: of the k-th rule of all groups, with the
    j-th of its choices, the label is `labels[rule] + j`.
    """

    def __init__(self, layout: Layout) -> None:
        if any(f.bits > WIDEST or abs(f.low) > 1 << WIDEST for f in layout.fields.values()):
            raise Unsupported("a variable too wide for a machine word")
        self.layout = layout
        self.parts: list[str] = []
        self.length = 0
        self.steps = 0  # at most, of one state
        self.labels = 0
        self.bases: list[tuple[PackedRule, int]] = []  # the first label of each rule
        self.tables: dict[int, str] = {}  # by location
        self._tests: dict[tuple[int, ...], int] = {(): 0}

    def put(self, *lines: str) -> None:
        self.parts.extend(lines)
        self.length += sum(map(len, lines)) + len(lines)
        if self.length > MOST_TEXT:
            raise Unsupported("too many rules to compile")

    def test(self, name: str, conditions: Mapping[int, Expr], plain: bool = False) -> None:
        """`name(s)`: whether all hold of the goals that are open (or, `plain`, all)."""
        writer = CWriter(self.layout)
        for goal, cond in conditions.items():
            text = writer.terms([cond])[0]
            opened = "" if plain else f"wfverify_open[{goal}] && "
            writer.line(f"if ({opened}!{text}) return 0;")
        self.put(f"static int {name}(const word *s)", "{", *writer.lines, "    return 1;", "}")

    def check(self, goals: Mapping[int, Expr]) -> int:
        """The number of a test of goals about states; 0: there are none."""
        key = tuple(goals)
        if key not in self._tests:
            self._tests[key] = len(self._tests)
            self.test(f"check{self._tests[key]}", goals)
        return self._tests[key]

    def checks(self) -> None:
        names = ", ".join(["NULL", *(f"check{k}" for k in range(1, len(self._tests)))])
        self.put(
            f"#define TESTS {len(self._tests) - 1}",
            f"static int (*const tests[])(const word *) = {{{names}}};",
        )

    def groups(self, groups: Sequence[Group], checks: Mapping[int, int]) -> None:
        """All groups, `checks` by their position, and `steps`."""
        by_location: dict[int, dict[int, int]] = {}
        most: dict[int, dict[int, int]] = {}
        for k, group in enumerate(groups):
            at = -1 if group.location is None else group.location
            by_location.setdefault(at, {})[group.at] = k
            most.setdefault(at, {})[group.at] = self._group(k, group, checks[k])
        self.steps = sum(max(sizes.values()) for sizes in most.values())
        if self.steps > MOST_STEPS:
            raise Unsupported("too many steps of one state")
        body = ["static int steps(const word *s)", "{", "    int n = 0;", "    group g;"]
        for location, members in by_location.items():
            if location < 0:
                body.append(f"    if ((n = g{members[0]}(s, n)) < 0) return n;")
                continue
            f = self.layout.fields[location]
            name = self.tables[location] = f"t{location}"
            entries = (f"g{members[at]}" if at in members else "0" for at in range(f.mask + 1))
            self.put(f"static const group {name}[] = {{{', '.join(entries)}}};")
            body.append(f"    if ((g = {name}[{read(f, True)}]) && (n = g(s, n)) < 0) return n;")
        self.put(*body, "    return n;", "}")

    def _group(self, k: int, group: Group, check: int) -> int:
        """The most steps that it has."""
        writer = CWriter(self.layout)
        count = 0
        for rule in group.rules:
            self._rule(writer, rule, check)
            count += len(rule.choices) if rule.choices else 1
        self.put(f"static int g{k}(const word *s, int n)", "{", *writer.lines, "    return n;", "}")
        return count

    def _rule(self, w: CWriter, rule: PackedRule, check: int) -> None:
        w.forget()
        base = self.labels
        self.bases.append((rule, base))
        self.labels += len(rule.choices) if rule.choices else 1
        label = str(base)
        w.line("do {")
        for k in range(self.layout.words):
            mask, value = piece(rule.mask, k), piece(rule.value, k)
            if mask:
                w.line(f"if ((s[{k}] & {mask:#x}u) != {value:#x}u) break;")
        for part in rule.tests:
            w.line(f"if (!{w.terms([part])[0]}) break;")
        if rule.choices:
            columns = list(zip(*rule.choices, strict=True))
            w.answers = [(int(min(c)), int(max(c))) for c in columns]
            rows = ", ".join("{" + ", ".join(map(number, row)) + "}" for row in rule.choices)
            w.line(f"static const int64_t a[][{len(columns)}] = {{{rows}}};")
            w.line(f"for (int j = 0; j < {len(rule.choices)}; j++) {{")
            for k in range(len(columns)):
                w.line(f"const int64_t i{k} = a[j][{k}]; (void)i{k};")
            label = f"{base} + j"
        leave = "continue" if rule.choices else "break"
        for part in rule.relation:
            w.line(f"if (!{w.terms([part])[0]}) {leave};")
        self._effect(w, rule)
        w.line(f"label[n] = {label}; test_of[n] = {check}; n++;")
        w.line("}" if rule.choices else "")
        w.line("} while (0);")

    def _effect(self, w: CWriter, rule: PackedRule) -> None:
        for f, step in rule.grown:
            if abs(step) > 1 << WIDEST:
                raise Unsupported("a number too large for 64 bits")
            if step:
                raw = read(Field(f.variable, f.offset, f.bits, 0), False)
                w.line(f"if (({raw} + {number(step)}) >> {f.bits}) return WIDER;")
        # Each sum is of one word: no field crosses a border, and what would is noticed.
        total = []
        for k in range(self.layout.words):
            keep = piece(rule.keep, k)
            total.append(
                "(word)0" if not keep else f"s[{k}]" if keep == ALL else f"(s[{k}] & {keep:#x}u)"
            )
        for f, amount in rule.added:
            if amount:
                moved = (amount << f.offset % WORD) & ALL
                total[f.offset // WORD] += f" + {moved:#x}u"
        for k, (f, e) in enumerate(rule.computed):
            text = w.terms([e])[0]
            if e.sort is not Sort.BOOL:
                low, high = w.range(e)
                w.line(f"const int64_t x{k} = {self._less(w, text, f, low, high)};")
                w.line(f"if (x{k} >> {f.bits}) return WIDER;")
                text = f"x{k}"
            total[f.offset // WORD] += f" + ((word){text} << {f.offset % WORD})"
        for goal, cond in rule.steps:
            w.line(f"if (wfverify_open[{goal}] && !noted[{goal}] && !{w.terms([cond])[0]})")
            w.line(f"    noted[{goal}] = 1, wfverify_broken[broken_count++] = {goal};")
        for k, text in enumerate(total):
            w.line(f"out[n][{k}] = {text};")

    def _less(self, w: CWriter, text: str, f: Field, low: int, high: int) -> str:
        if not f.low:
            return text
        if low - f.low >= -LARGEST and high - f.low <= LARGEST:
            return f"{text} - {number(f.low)}"
        return w.checked("__builtin_sub_overflow", text, number(f.low))


ALL = (1 << WORD) - 1


def piece(number: int, word: int) -> int:
    """A word of a whole state (of a negative number, of its complement to two)."""
    return number >> word * WORD & ALL
