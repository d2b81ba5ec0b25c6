"""Every command in README.md and docs/ is run, and prints what stands there.

A block ```console holds `$ command` lines (`> ` goes on), each with its output below; it runs in a
folder with a copy of examples/ and with the files that the page's blocks ```wf file=NAME give.  A
line `...` stands for any lines.  Times (`0.12 s`), runs of blanks, and the figure and the engine of
a line of the table do not count.
After a change of the output, `WFVERIFY_UPDATE_DOCS=1 pytest tests/test_docs.py` rewrites the
blocks; read the difference before you commit it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs" / "architecture").glob("*.md")),
]
_BLOCK = re.compile(r"^```(console|wf file=(\S+))\n(.*?)^```$", re.M | re.S)


def _commands(block: str) -> list[tuple[str, str]]:
    """Each command with the output that is expected."""
    out: list[tuple[str, str]] = []
    for line in block.splitlines(keepends=True):
        if line.startswith("$ "):
            out.append((line[2:].strip(), ""))
        elif line.startswith("> ") and out and not out[-1][1]:
            out[-1] = (f"{out[-1][0]}\n{line[2:].rstrip()}", "")
        else:
            assert out, f"output before any command: {line}"
            out[-1] = (out[-1][0], out[-1][1] + line)
    return out


def _run(command: str, folder: Path) -> str:
    bin_ = Path(sys.executable).parent
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "PATH": f"{bin_}:{os.environ['PATH']}", "PYTHONIOENCODING": "utf-8"},
        timeout=180,
    )
    assert done.returncode not in (70, 126, 127), f"{command}\n{done.stdout}"
    return done.stdout


def _normal(text: str) -> list[str]:
    text = re.sub(r"\b\d+\.\d+ s\b", "TIME", text)
    # Of a line of the table the verdict and the name: which engine is first may depend on the day.
    lines = (
        " ".join(re.split(r"\s{2,}", line)[:2]) if line.endswith("TIME") and "  " in line else line
        for line in map(str.rstrip, text.strip().splitlines())
    )
    return [" ".join(line.split()) for line in lines]


def _agrees(expected: list[str], actual: list[str]) -> bool:
    """`...` matches any number of lines."""
    parts = ("(?:.*\n)*?" if line == "..." else re.escape(line) + "\n" for line in expected)
    return re.fullmatch("".join(parts), "".join(line + "\n" for line in actual)) is not None


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_commands_print_what_the_page_says(page: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    update = bool(os.environ.get("WFVERIFY_UPDATE_DOCS"))
    text = page.read_text(encoding="utf-8")
    wrong = []

    def block(found: re.Match[str]) -> str:
        if found[2]:
            (tmp_path / found[2]).write_text(found[3], encoding="utf-8")
            return found[0]
        lines = []
        for command, expected in _commands(found[3]):
            actual = _run(command, tmp_path)
            if not _agrees(_normal(expected), _normal(actual)):
                wrong.append(f"$ {command}\n{actual}\nbut {page.name} says\n{expected}")
                expected = "".join(f"{line.rstrip()}\n" for line in actual.splitlines())
            shown = command.replace("\n", "\n> ")
            lines.append(f"$ {shown}\n{expected}")
        return f"```console\n{''.join(lines)}```"

    new = _BLOCK.sub(block, text)
    if update:
        page.write_text(new, encoding="utf-8")
    else:
        assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_decision_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    for path in (ROOT / "docs" / "decisions").glob("*.md"):
        assert f"(decisions/{path.name})" in index, f"add {path.name} to docs/README.md"
