"""The models of bench/peers.py: for wfverify as text; for Spin in bench/peers/, by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "peers"


@dataclass(frozen=True)
class Model:
    """`refuted`: what both must find.  `only`: the checks and properties of wfverify."""

    name: str
    sizes: Sequence[int]
    spec: Callable[[int], str]
    only: Sequence[str]
    file: str
    defines: Callable[[int], str]
    refuted: bool = False

    def promela(self, n: int) -> str:
        return self.defines(n) + (FOLDER / self.file).read_text(encoding="utf-8")


def pool(n: int) -> str:
    return f"""\
resource a : pool(3)
resource b : pool(2)
workflow workers {{
  activity work {{ takes 1s..2s }}
  run {{ each i in 1..{n} {{ using (a 1) {{ using (b 1) {{ work }} }} }} }}
}}
"""


def philosophers(n: int, ordered: bool) -> str:
    def one(k: int) -> str:
        first, second = k, (k + 1) % n
        if ordered:
            first, second = sorted((first, second))
        forks = f"using (f{first} exclusive) {{ using (f{second} exclusive) {{ eat }} }}"
        return f"while (true) {{ {forks} }}"

    head = "".join(f"resource f{k} : lock\n" for k in range(n))
    return f"""{head}workflow table {{
  activity eat {{ takes 1s..2s }}
  run {{
    {" || ".join(one(k) for k in range(n))}
  }}
}}
"""


def commit(n: int) -> str:
    return f"""\
enum Decision {{ open, committing, aborting }}
shared decision: Decision
shared yes: int 0..{n} = 0
shared no: int 0..{n} = 0
shared committed: int 0..{n} = 0
shared aborted: int 0..{n} = 0
workflow coordinator {{
  run {{
    {{ wait until (yes == {n}) ; {{ decision := committing }} }}
    + {{ wait until (no > 0) ; {{ decision := aborting }} }}
    + {{ wait 10s ; {{ decision := aborting }} }}
  }}
}}
workflow participant {{
  var ok: bool
  activity vote -> bool {{ takes 1s..20s }}
  run {{
    ok <- vote() ;
    if (ok) {{
      {{ yes += 1 }} ;
      wait until (decision != open) ;
      if (decision == committing) {{ committed += 1 }} else {{ aborted += 1 }}
    }} else {{
      atomic {{ no += 1 ; aborted += 1 }}
    }}
  }}
}}
system {{ coordinator participant[{n}] }}
invariant agreement : not (committed > 0 and aborted > 0)
"""


def saga(k: int, side_by_side: bool) -> str:
    lines = [
        f"  var d{i}: bool = false\n"
        f"  activity s{i} {{ takes 1s  fails E  do {{ d{i} := true }}  undo {{ d{i} := false }} }}"
        for i in range(k)
    ]
    mark = " || " if side_by_side else " ; "
    return f"""error E permanent
workflow w fails E {{
{chr(10).join(lines)}
  run {{ saga {{ {mark.join(f"s{i}" for i in range(k))} }} }}
}}
"""


def readers(n: int) -> str:
    return f"""\
resource l : lock
workflow reader {{
  activity read {{ takes 1s..2s }}
  run {{ while (true) {{ using (l shared) {{ read }} }} }}
}}
workflow writer {{
  activity write {{ takes 1s..2s }}
  run {{ while (true) {{ using (l exclusive) {{ write }} }} }}
}}
system {{ reader[{n}] writer[{n}] }}
"""


def _n(n: int) -> str:
    return f"#define N {n}\n"


def _k(k: int) -> str:
    return f"#define K {k}\n"


FREE = ("deadlock_free",)
MODELS = (
    Model("pool", range(4, 15), pool, ("resources", *FREE), "pool.pml", _n),
    Model(
        "philosophers",
        range(4, 15),
        lambda n: philosophers(n, False),
        FREE,
        "philosophers.pml",
        lambda n: _n(n) + "#define ORDERED 0\n",
        refuted=True,
    ),
    Model(
        "philosophers, ordered forks",
        range(4, 15),
        lambda n: philosophers(n, True),
        FREE,
        "philosophers.pml",
        lambda n: _n(n) + "#define ORDERED 1\n",
    ),
    Model("two-phase commit", range(3, 10), commit, ("agreement", *FREE), "commit.pml", _n),
    Model("saga", range(2, 13), lambda k: saga(k, False), ("compensated",), "saga.pml", _k),
    Model(
        "saga, side by side",
        range(2, 13),
        lambda k: saga(k, True),
        ("compensated",),
        "saga_side.pml",
        _k,
    ),
    Model("readers and writers", range(2, 11), readers, ("borrows", *FREE), "readers.pml", _n),
)
