"""Builds the parse tables from grammar.lark with Lark, and writes them into `_tables.py`.

Run `python -m wfverify.dsl.tablegen` after a change of the grammar.  A start of the tool then
neither imports Lark nor builds tables (0.5 s): it decodes the kept ones in a few milliseconds,
without a cache directory that could be unwritable, stale or tampered with.  When `_tables.py`
does not belong to the grammar beside it, the tables are built in memory instead.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import zlib
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def grammar_text() -> str:
    return (HERE / "grammar.lark").read_text(encoding="utf-8")


def digest(grammar: str) -> str:
    return hashlib.sha256(grammar.encode()).hexdigest()


class _Conflicts(logging.Handler):
    """Lark resolves a shift/reduce conflict silently and only tells its logger."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def build(grammar: str) -> tuple[dict[str, Any], list[str]]:
    """The tables as JSON data, and the conflicts as `(terminal, rule)` lines.

    Terminals are keyed by their spelling (`"uses"`, `":="`) or, for patterns, by their name.
    """
    from lark import Lark, logger

    handler, level, others = _Conflicts(), logger.level, logger.handlers
    logger.handlers = [handler]
    logger.setLevel(logging.DEBUG)
    try:
        lark = Lark(grammar, parser="lalr", lexer="basic", debug=True, maybe_placeholders=True)
    finally:
        logger.handlers = others
        logger.setLevel(level)
    table = lark.parser.parser._parse_table
    spelling = {
        t.name: t.pattern.value if t.pattern.type == "str" else t.name for t in lark.terminals
    }
    rules: list[list[Any]] = []
    rule_ids: dict[Any, int] = {}
    nonterminals: dict[str, int] = {}
    for rule in lark.rules:
        rule_ids[rule] = len(rules)
        origin = rule.origin.name
        rules.append([_number(nonterminals, origin), *_plan(rule)])
    # Breadth first from the start state, terminals in order of spelling: the same grammar gives
    # the same bytes, whatever the order of Python's sets was.
    start, end = table.start_states["start"], table.end_states["start"]
    numbers: dict[Any, int] = {start: 0}
    queue, actions, gotos = [start], [], []
    terminals: dict[str, int] = {}
    for state in queue:
        row, goto = [], []
        for symbol, (kind, argument) in sorted(table.states[state].items()):
            if str(kind) == "Shift":
                if argument not in numbers:
                    numbers[argument] = len(numbers)
                    queue.append(argument)
                if symbol in nonterminals:
                    goto += [nonterminals[symbol], numbers[argument]]
                else:
                    key = spelling.get(symbol, symbol)
                    row += [_number(terminals, key), numbers[argument]]
            else:
                key = spelling.get(symbol, symbol)
                row += [_number(terminals, key), -1 - rule_ids[argument]]
        actions.append(row)
        gotos.append(goto)
    unique: dict[str, int] = {}
    rows: list[list[int]] = []
    for row in actions:
        text = str(row)
        if text not in unique:
            unique[text] = len(rows)
            rows.append(row)
    data = {
        "terminals": list(terminals),
        "rules": rules,
        "rows": rows,
        "actions": [unique[str(row)] for row in actions],
        "gotos": gotos,
        "end": numbers[end],
    }
    conflicts = [
        line.split("terminal ")[1].split(":")[0] + " " + rule.removeprefix(" * ")
        for line, rule in zip(handler.lines, handler.lines[1:], strict=False)
        if line.startswith("Shift/Reduce conflict")
    ]
    return data, conflicts


def _number(table: dict[str, int], key: str) -> int:
    return table.setdefault(key, len(table))


def _plan(rule: Any) -> list[Any]:
    """[length, action, expand1, steps, trailing]: which children an action gets.

    A step is (index of the symbol, whether its list is inlined, absent optionals before it).
    """
    options, empty = rule.options, rule.options.empty_indices
    absent = [0] * (len(rule.expansion) + 1)
    if empty:
        bits = "".join(str(int(b)) for b in empty)
        absent = [len(ones) for ones in bits.split("0")]
    steps, pending = [], 0
    for i, symbol in enumerate(rule.expansion):
        pending += absent[i]
        if options.keep_all_tokens or not (symbol.is_term and symbol.filter_out):
            inline = not symbol.is_term and symbol.name.startswith("_")
            steps.append([i, int(inline), pending])
            pending = 0
    pending += absent[len(rule.expansion)]
    origin: str = rule.origin.name
    action = "" if origin.startswith("_") else (rule.alias or origin)
    expand1 = (options.expand1 and not rule.alias) or rule.alias == "same"
    return [len(rule.expansion), action, int(bool(expand1)), steps, pending]


def pack(data: dict[str, Any]) -> str:
    raw = json.dumps(data, separators=(",", ":")).encode()
    return base64.b85encode(zlib.compress(raw, 9)).decode()


def unpack(packed: str) -> dict[str, Any]:
    raw = zlib.decompress(base64.b85decode("".join(packed.split())))
    data: dict[str, Any] = json.loads(raw)
    return data


def module_text(grammar: str) -> str:
    """The text of `_tables.py`."""
    packed = pack(build(grammar)[0])
    body = "\n".join(packed[i : i + 98] for i in range(0, len(packed), 98))
    return (
        '"""Generated from grammar.lark by `python -m wfverify.dsl.tablegen`; do not edit."""\n\n'
        f'GRAMMAR = "{digest(grammar)}"\nTABLES = r"""\n{body}\n"""\n'
    )


if __name__ == "__main__":
    (HERE / "_tables.py").write_text(module_text(grammar_text()), encoding="utf-8")
