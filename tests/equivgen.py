"""Random pairs of small workflows: one, and another that is rewritten by laws or changed.

A term is a nested tuple; laws swap, nest and unfold, changes replace a part by another one.
"""

from __future__ import annotations

from random import Random

Term = tuple[object, ...]
HEAD = """\
error F permanent
error G transient
resource desk : pool(1)
workflow w{param} fails F, G {{
  var x: {int} = {x}
  var y: bool = false
  activity a {{ {a} }}
  activity b() -> bool {{ {b} }}
  activity c(k: {int}) {{ {c} }}
  activity d {{ {d} }}
  activity e -> {int} {{ {e} }}
  run {{ {body} }}
}}
"""


class Pair:
    """`old` and `new` are texts; `changed`: more than laws were applied.  With `numbers`, `wide`
    are the same two with whole numbers of any size."""

    def __init__(self, seed: int, numbers: bool = False) -> None:
        self.random = Random(seed)
        self.numbers = numbers
        self.argument = self.random.random() < 0.2
        term = self.term(self.random.randint(1, 3))
        clauses = {name: self.clauses(name) for name in "abcd"}
        clauses["e"] = ""
        clauses["x"] = str(self.random.randrange(2))
        self.changed = bool(seed % 2)
        other, others = term, dict(clauses)
        for _ in range(self.random.randint(1, 3)):
            other = self.somewhere(other, self.law)
        if self.changed:
            if self.random.random() < 0.2:
                name = self.random.choice("abcdx")
                others[name] = self.clauses(name)
            else:
                other = self.somewhere(other, lambda _: self.term(1))
        self.old, self.new = self.text(term, clauses), self.text(other, others)
        self.wide = self.text(term, clauses, True), self.text(other, others, True)

    def text(self, term: Term, clauses: dict[str, str], wide: bool = False) -> str:
        least = "int" if wide else "int 0..1"
        param = f"(n: {least})" if self.argument else ""
        type_ = "int" if wide else "int 0..2"
        return HEAD.format(param=param, body=text(term), int=type_, **clauses)

    def clauses(self, name: str) -> str:
        if name == "x":
            return str(self.random.randrange(3))
        out = []
        if self.random.random() < 0.4:
            out.append(f"fails {self.random.choice('FG')}")
        if name in "ac" and self.random.random() < 0.4:
            out.append("uses desk 1")
        effect = {"a": "x := 2", "b": "", "c": "x := k", "d": "y := not y"}[name]
        if effect and self.random.random() < 0.6:
            out.append(f"do {{ {effect} }}")
        if name == "a" and self.random.random() < 0.3:
            out.append("retry 1 on G")
        return "  ".join(out)

    # --- terms -------------------------------------------------------------------------------

    def leaf(self) -> Term:
        some = ["a", "b", "c", "d", "set", "flip", "skip", "fail"]
        if self.numbers:
            some[:0] = ["e", "e", "add"]
        kind = self.random.choice(some if self.random.random() < 0.6 else some[:4])
        if kind == "c":
            k = self.random.choice(["0", "1", "x", *(["n"] if self.argument else [])])
            return ("c", k)
        if kind == "set":
            return ("set", self.random.choice(["0", "1", "2"]))
        return (kind, self.random.choice("FG")) if kind == "fail" else (kind,)

    def term(self, depth: int) -> Term:
        if depth == 0 or self.random.random() < 0.1:
            return self.leaf()
        kind = self.random.choice([";", ";", ";", "+", "||", "if", "try", "while", "retry"])
        one = self.term(depth - 1)
        if kind in ("retry",):
            return (kind, one)
        if kind == "while":
            return (kind, self.random.choice(["y", "x == 0"]), one)
        two = self.term(depth - 1)
        if kind == "if":
            return (kind, self.random.choice(["y", "x == 1", "not y"]), one, two)
        if kind == "try":
            return (kind, self.random.choice(["F", "G", "*"]), one, two)
        return (kind, one, two)

    def somewhere(self, term: Term, change: object) -> Term:
        """`change` of one part of the term, or of all of it."""
        parts = [k for k, part in enumerate(term) if isinstance(part, tuple)]
        if not parts or self.random.random() < 0.3:
            assert callable(change)
            made = change(term)
            assert isinstance(made, tuple)
            return made
        at = self.random.choice(parts)
        part = term[at]
        assert isinstance(part, tuple)
        return (*term[:at], self.somewhere(part, change), *term[at + 1 :])

    def law(self, t: Term) -> Term:
        match t:
            case ("+" | "||" as op, p, q) if self.random.random() < 0.6:
                return (op, q, p)
            case (";" | "+" | "||" as op, (op2, p, q), r) if op == op2:
                return (op, p, (op, q, r))
            case (";", ("+", p, q), r):
                return ("+", (";", p, r), (";", q, r))
            case (";", p, ("+", q, r)):
                return ("+", (";", p, q), (";", p, r))
            case ("if", e, p, q):
                return ("if", f"not ({e})", q, p)
            case ("while", e, p):
                return ("if", e, (";", p, t), ("skip",))
            case ("try", "*", p, q) if self.random.random() < 0.5:
                return ("try", "*", p, ("try", "*", q, ("fail", "F")))
        return self.random.choice([(";", t, ("skip",)), (";", ("skip",), t), ("+", t, t), t])


def text(t: Term) -> str:
    match t:
        case (("a" | "d" | "skip") as name,):
            return name
        case ("e",):
            return "x <- e()"
        case ("add",):
            return "{ x := x + 1 }"
        case ("b",):
            return "y <- b()"
        case ("c", k):
            return f"c({k})"
        case ("set", k):
            return f"{{ x := {k} }}"
        case ("flip",):
            return "{ y := not y }"
        case ("fail", e):
            return f"fail {e}"
        case (";" | "+" | "||" as op, tuple() as p, tuple() as q):
            return f"{{ {{ {text(p)} }} {op} {{ {text(q)} }} }}"
        case ("if", e, tuple() as p, tuple() as q):
            return f"if ({e}) {{ {text(p)} }} else {{ {text(q)} }}"
        case ("while", e, tuple() as p):
            return f"while ({e}) {{ {text(p)} }}"
        case ("retry", tuple() as p):
            return f"retry (1 on F) {{ {text(p)} }}"
        case ("try", e, tuple() as p, tuple() as q):
            return f"try {{ {text(p)} }} catch {e} {{ {text(q)} }}"
    raise AssertionError(t)
