"""Compiles the theory of the core (proofs/theory) and checks what its main theorems rest on.

    python bench/theory.py
    python bench/theory.py --page

Needs Coq 8.16 (`coqc`); as root on a Debian machine it installs it.  Builds in .check/theory; files
that have not changed since, and rest on none that has, are not compiled again.  Fails where a
theorem of proofs/theory/theorems.toml is missing or is not closed under the global context.
`--page`: only writes the tables of docs/theory.md.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "proofs" / "theory"
BUILD = ROOT / ".check" / "theory"
PAGE = ROOT / "docs" / "theory.md"
CLOSED = "Closed under the global context"
BEGIN, END = "<!-- theorems -->\n", "<!-- end of theorems -->\n"
_THEOREM = re.compile(r"^Theorem (\w+)(.*?)\.\nProof\.", re.M | re.S)


def table(sources: Path = SOURCES) -> dict[str, Any]:
    return tomllib.loads((sources / "theorems.toml").read_text(encoding="utf-8"))


def files(sources: Path = SOURCES) -> list[str]:
    """The modules, each after those it needs."""
    text = (sources / "_CoqProject").read_text(encoding="utf-8")
    return [Path(line).stem for line in text.splitlines() if line.endswith(".v")]


def statements(sources: Path = SOURCES) -> dict[str, tuple[str, str]]:
    """Per theorem in the sources its file and what it says, as it stands there."""
    out = {}
    for name in files(sources):
        text = (sources / f"{name}.v").read_text(encoding="utf-8")
        for found in _THEOREM.finditer(text):
            assert found[1] not in out, f"{found[1]} is there twice"
            out[found[1]] = (name, " ".join(found[2].split()))
    return out


def named(known: dict[str, Any]) -> list[str]:
    return [t["name"] for kind in ("theorem", "general") for t in known.get(kind, [])]


def page() -> str:
    """The tables of docs/theory.md."""
    known, said = table(), statements()

    def statement(t: dict[str, Any]) -> str:
        file, text = said[t["name"]]
        text = re.sub(r"^ *: *", "", text).replace("|", "\\|")
        return f"[{t['name']}](../proofs/theory/{file}.v) | `{text}`"

    words = {"holds": "holds", "alone": "holds by itself", "fails": "fails"}
    out = ["| law | equivalence | verdict | theorem | statement |", "|---|---|---|---|---|"]
    for t in known["theorem"]:
        verdict = words[t["verdict"]] + (f" if {t['needs']}" if "needs" in t else "")
        out.append(f"| {t['law']} | {t['equivalence']} | {verdict} | {statement(t)} |")
    out += ["", "Others:", "", "| | theorem | statement |", "|---|---|---|"]
    out += [
        f"| {t['says'].replace('|', chr(92) + '|')} | {statement(t)} |" for t in known["general"]
    ]
    out += ["", "Without a theorem:", "", "| law or family | why |", "|---|---|"]
    out += [f"| {w.get('law') or w['family'] + ' (all)'} | {w['why']} |" for w in known["without"]]
    return "\n".join(out) + "\n"


def with_page(text: str) -> str:
    """The text of docs/theory.md with the tables as they are now."""
    before, rest = text.split(BEGIN)
    return before + BEGIN + page() + END + rest.split(END)[1]


def installed() -> bool:
    """Is there a coqc?  Installs it where that may be done."""
    if shutil.which("coqc"):
        return True
    if os.geteuid() == 0 and shutil.which("apt-get"):
        say("apt-get install coq")
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for arguments in (["update", "-qq"], ["install", "-y", "-qq", "coq"]):
            subprocess.run(["apt-get", *arguments], env=env, stdout=sys.stderr, check=False)
        return shutil.which("coqc") is not None
    return False


def say(text: str) -> None:
    print(f"theory: {text}", file=sys.stderr, flush=True)


def coqc(name: str, build: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["coqc", "-q", "-Q", ".", "Theory", f"{name}.v"],
        cwd=build,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def needs(sources: Path, name: str) -> set[str]:
    """The modules that a module names."""
    text = (sources / f"{name}.v").read_text(encoding="utf-8")
    found = re.findall(r"^From Theory Require (?:Export|Import) ([\w ]+)\.$", text, re.M)
    return {other for line in found for other in line.split()}


def made(sources: Path, build: Path, name: str, anew: bool) -> tuple[str, bool]:
    """Compiles a module, if it has changed or has to be made anew: what Coq complains of, and
    whether it was compiled."""
    text = (sources / f"{name}.v").read_text(encoding="utf-8")
    target, binary = build / f"{name}.v", build / f"{name}.vo"
    old = target.read_text(encoding="utf-8") if target.exists() else None
    if not anew and old == text and binary.exists():
        return "", False
    target.write_text(text, encoding="utf-8")
    binary.unlink(missing_ok=True)
    done = coqc(name, build)
    return (done.stdout if done.returncode else ""), True


def compiled(sources: Path, build: Path) -> bool:
    """Compiles what has changed, and what needs it; two modules at a time."""
    build.mkdir(parents=True, exist_ok=True)
    graph = {name: needs(sources, name) for name in files(sources)}
    order = TopologicalSorter(graph)
    order.prepare()
    anew: dict[str, bool] = {}
    running: dict[Future[tuple[str, bool]], str] = {}
    with ThreadPoolExecutor(2) as pool:
        while order.is_active():
            for name in order.get_ready():
                changed = any(anew[other] for other in graph[name])
                running[pool.submit(made, sources, build, name, changed)] = name
            for ended in wait(running, return_when=FIRST_COMPLETED).done:
                name = running.pop(ended)
                complaint, anew[name] = ended.result()
                if complaint:
                    say(f"{name}.v does not compile:\n{complaint}")
                    return False
                order.done(name)
    return True


def resting(sources: Path, build: Path, names: list[str]) -> dict[str, str]:
    """What each theorem rests on, in Coq's words."""
    lines = [f"From Theory Require {name}." for name in files(sources)]
    said = statements(sources)
    for i, name in enumerate(names):
        lines.append(f'Redirect "axioms{i}" Print Assumptions {said[name][0]}.{name}.')
    (build / "Audit.v").write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = coqc("Audit", build)
    if done.returncode:
        return dict.fromkeys(names, done.stdout)
    return {
        name: (build / f"axioms{i}.out").read_text(encoding="utf-8").strip()
        for i, name in enumerate(names)
    }


def check(sources: Path = SOURCES, build: Path = BUILD) -> int:
    """Compiles and asks; 0: every theorem of the table rests on nothing."""
    begin = time.perf_counter()
    names = named(table(sources))
    unknown = [name for name in names if name not in statements(sources)]
    if unknown:
        say(f"no such theorem: {', '.join(unknown)}")
        return 1
    if not compiled(sources, build):
        return 1
    found = resting(sources, build, names)
    for name, text in found.items():
        if text != CLOSED:
            say(f"{name} is not closed under the global context:\n{text}")
    if any(text != CLOSED for text in found.values()):
        return 1
    took = time.perf_counter() - begin
    print(
        f"{len(names)} theorems in {len(files(sources))} files, "
        f"none rests on an axiom ({took:.0f} s)"
    )
    return 0


def main(arguments: list[str]) -> int:
    if arguments == ["--page"]:
        PAGE.write_text(with_page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
        return 0
    if not installed():
        say("please install Coq 8.16   (Debian, Ubuntu: sudo apt-get install coq)")
        return 2
    return check()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
