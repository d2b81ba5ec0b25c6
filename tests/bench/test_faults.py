"""The list of deliberate faults does not rot: each can be put in, and gives a module."""

from __future__ import annotations

import importlib.util
import shlex
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("faults_bench", ROOT / "bench" / "faults.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look it up
    spec.loader.exec_module(module)
    return module


SCRIPT = _script()
FAULTS = SCRIPT.faults()


def test_there_are_fifty() -> None:
    assert len(FAULTS) >= 50
    assert len({(f.file, f.before, f.after) for f in FAULTS}) == len(FAULTS)


@pytest.mark.parametrize("fault", FAULTS, ids=[f.id for f in FAULTS])
def test_it_can_be_put_in(fault: object, tmp_path: Path) -> None:
    file = ROOT / fault.file  # type: ignore[attr-defined]
    assert file.relative_to(ROOT).parts[0] in SCRIPT.AREAS
    copy = tmp_path / fault.file  # type: ignore[attr-defined]
    copy.parent.mkdir(parents=True)
    shutil.copyfile(file, copy)
    fault.put_into(tmp_path)  # type: ignore[attr-defined]
    text = copy.read_text(encoding="utf-8")
    assert text != file.read_text(encoding="utf-8")
    if copy.suffix == ".py":
        compile(text, str(copy), "exec")


def test_the_named_tests_are_there() -> None:
    for fault in FAULTS:
        for tests in (*fault.tests, *SCRIPT.AREAS[fault.file.split("/")[0]]):
            assert (ROOT / shlex.split(tests)[0]).exists(), (fault.id, tests)


def test_a_text_that_is_not_there_once_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\nx = 1\n")
    fault = SCRIPT.Fault("f", "a.py", "x = 1", "x = 2", "", ())
    with pytest.raises(ValueError, match=r"f: `before` occurs 2 times in a\.py"):
        fault.put_into(tmp_path)


def test_a_table_keeps_the_rows_of_other_faults(tmp_path: Path) -> None:
    table = tmp_path / "table.txt"
    row = SCRIPT.Row
    SCRIPT.write(
        table, [row("a", "one", "slipped", 1.2, "c"), row("b", "two", "t.py::x", 3, "c")], "ab"
    )
    SCRIPT.write(table, [row("a", "one", "t.py::y[1 2]", 2.0, "d")], "ab")
    text = table.read_text()
    assert "\n2 faults, 0 slipped\n" in text
    assert text.index("t.py::y[1 2]") < text.index("t.py::x")
