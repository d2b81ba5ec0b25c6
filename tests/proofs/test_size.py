"""A checker that nobody reads checks nothing: it stays short, and knows no engine."""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path

ROOT = Path(__file__).parents[2] / "proofs"
# What every certificate goes through; beside it one module for each kind of evidence.
KERNEL = ("reading", "shapes", "facts", "sums", "solvers", "certificate", "check", "truth")
SKIPPED = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)


def code_lines(path: Path) -> int:
    """Lines without comments, docstrings, imports and blank ones."""
    source = path.read_text()
    skip: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            skip.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            first = node.body[0]
            if ast.get_docstring(node) is not None:
                skip.update(range(first.lineno, (first.end_lineno or 0) + 1))
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in (*SKIPPED, tokenize.ENDMARKER):
            lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines - skip)


def test_the_kernel_is_under_800_lines() -> None:
    assert sum(code_lines(ROOT / f"{name}.py") for name in KERNEL) < 800


def test_each_kind_is_under_200_lines() -> None:
    for path in ROOT.glob("*.py"):
        if path.stem not in KERNEL:
            assert code_lines(path) < 200, path.name


def test_nothing_is_imported_from_those_who_find_proofs() -> None:
    for path in ROOT.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                where = (node.module or "").split(".")
                assert not {"verifier", "interpreter", "report", "cli", "lower"} & set(where)
