"""The package is the root of the repository: what is installed, and what is not."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOT_PACKAGES = {"tests", "docs", "examples", "bench", "build", "dist"}


def _declared() -> set[str]:
    with open(ROOT / "pyproject.toml", "rb") as file:
        return set(tomllib.load(file)["tool"]["setuptools"]["packages"])


def _folders() -> Iterator[str]:
    yield "wfverify"
    for folder, names, files in os.walk(ROOT):
        here = Path(folder).relative_to(ROOT)
        names[:] = [n for n in names if not n.startswith((".", "__")) and "." not in n]
        if here == Path("."):
            names[:] = [n for n in names if n not in NOT_PACKAGES]
        elif any(name.endswith(".py") for name in files):
            yield ".".join(("wfverify", *here.parts))


def _modules() -> list[Path]:
    found = []
    for package in _declared():
        found += (ROOT / Path(*package.split(".")[1:])).glob("*.py")
    return found


def test_the_declared_packages_are_the_folders() -> None:
    assert _declared() == set(_folders())


def test_every_package_says_that_it_is_one() -> None:
    for package in _declared():
        assert (ROOT / Path(*package.split(".")[1:]) / "__init__.py").is_file(), package


def test_imports_inside_the_package_are_relative() -> None:
    """A stray absolute one would load a second copy where the checkout is on the path."""
    own = {p.name for p in ROOT.iterdir() if p.is_dir()} & {
        name.split(".")[1] for name in _declared() if "." in name
    }
    for path in _modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            for name in names:
                assert name.split(".")[0] not in own | {"wfverify"}, f"{path}:{name}"


def test_only_the_command_line_prints() -> None:
    allowed = {ROOT / "__main__.py"}
    for path in _modules():
        if path in allowed or path.parent == ROOT / "cli":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id != "print", f"{path}:{node.lineno}"


def test_modules_are_short_and_say_what_they_are_for() -> None:
    generated = {"_tables.py"}
    for path in _modules():
        text = path.read_text(encoding="utf-8")
        if not text or path.name in generated:
            continue
        assert ast.get_docstring(ast.parse(text)), f"{path} has no docstring"
        lines = text.count("\n")
        assert lines <= 600, f"{path} has {lines} lines"


def test_tests_and_tool_use_the_same_copy() -> None:
    import wfverify

    assert Path(wfverify.__file__ or "").resolve().parent == ROOT
    assert not {"dsl", "semantics", "verifier", "report"} & set(sys.modules)


def test_the_versions_agree() -> None:
    import wfverify

    with open(ROOT / "pyproject.toml", "rb") as file:
        assert tomllib.load(file)["project"]["version"] == wfverify.__version__


def test_the_version_is_cheap() -> None:
    """CPU, not wall clock: the machine may be busy."""
    script = (
        "import subprocess, sys, resource;"
        "subprocess.run([sys.executable, '-m', 'wfverify', '--version'], check=True);"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN);"
        "print(used.ru_utime + used.ru_stime)"
    )
    runs = [
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        for _ in range(3)
    ]
    assert min(float(run.stdout.split()[-1]) for run in runs) < 0.15


def _without_network(text: str) -> bool:
    signs = ("Could not find a version", "Temporary failure", "Connection", "No matching")
    return any(sign in text for sign in signs)


def _run(*command: str | Path, cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if done.returncode and _without_network(done.stdout + done.stderr):
        pytest.skip("no package index")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that git knows or would add: a build in the checkout would leave things there."""
    target = tmp_path_factory.mktemp("checkout")
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            copy = target / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes((ROOT / name).read_bytes())
    return target


@pytest.mark.network
def test_a_plain_install_gives_the_command_and_nothing_else(checkout: Path, tmp_path: Path) -> None:
    home = tmp_path / "venv"
    venv.create(home, with_pip=True, symlinks=True)
    python = home / "bin" / "python"
    pip = (python, "-m", "pip", "--disable-pip-version-check", "--retries", "1")
    _run(*pip, "wheel", "-q", "--no-deps", "-w", tmp_path, checkout, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")

    with zipfile.ZipFile(wheel) as archive:
        names = {n for n in archive.namelist() if ".dist-info/" not in n}
    assert {n for n in names if n.endswith(".py")} == {
        str(Path("wfverify", path.relative_to(ROOT))) for path in _modules()
    }
    assert {n for n in names if not n.endswith(".py")} == {
        "wfverify/py.typed",
        "wfverify/dsl/grammar.lark",
        "wfverify/proofs/certificate.schema.json",
        "wfverify/proofs/laws/proved.json",
        "wfverify/report/schema.json",
        "wfverify/verifier/engines/packed/prelude.c",
        "wfverify/verifier/engines/packed/kernel.c",
    }

    _run(*pip, "install", "-q", wheel, cwd=tmp_path)
    done = subprocess.run(
        [home / "bin" / "wfverify", "explain", "deadlock_free"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "built-in check" in done.stdout
    # From the checkout too, where the working directory must not shadow anything.
    done = subprocess.run(
        [python, "-m", "wfverify", "--version"], cwd=checkout, capture_output=True, text=True
    )
    assert done.stdout.startswith("wfverify ")
