"""Random small specs with stores, keyed and leased resources, claims that do not wait, effects
that may be had unseen, and crashes."""

from __future__ import annotations

from random import Random

HEAD = """error E permanent
error Busy transient
enum K {{ one, two }}
resource lock : lock
resource keyed[K] : lock
resource slots[int 0..1] : pool(2)
resource desk : pool(1) on_busy fail Busy
resource bucket : rate(1 per 1s burst 2)
resource leased : lock lease 2s{silent}
resource brief : lock lease 1s
store total: int = 0
store version: int 0..3 = 0
shared seen: int = 0
"""

ACTIVITIES = (
    "activity a {{ takes 1s..2s  do {{ seen += 1 }}{more} }}",
    "activity b {{ takes 1s..3s  fails E{more} }}",
    "activity c {{ uses keyed[k] exclusive  takes 1s..2s  do {{ seen := seen + 1 }}{more} }}",
    "activity d {{ uses desk  takes 1s..1s{more} }}",
    "activity e {{ uses leased exclusive  takes 1s..{long}s{more} }}",
    "activity f {{ uses slots[n] {units}  takes 0s..2s{more} }}",
    "activity h {{ uses bucket {units}  takes 0s..1s  do {{ seen += 1 }}{more} }}",
    "activity g {{ takes 1s..4s  timeout 2s  {effect}{more} }}",
)
NAMES = "abcdefhg"


def _more(r: Random, name: str) -> str:
    out = ""
    if name in "ag" and r.random() < 0.5:
        out += "  at_least_once"
        if r.random() < 0.4:
            out += r.choice(["  idempotent by n", "  idempotent by k"])
    if name in "bg" and r.random() < 0.4:
        out += f"  retry 1 on {'E' if name == 'b' else 'Timeout'}"
    if name == "a" and r.random() < 0.5:
        out += "  undo { seen -= 1 }"
    elif name == "b" and r.random() < 0.5:
        out += r.choice(["  undo none", "  undo skip", "  undo b() else { skip }"])
    return out


def term(r: Random, size: int) -> str:
    if size <= 1:
        x = r.random()
        if x < 0.6:
            return r.choice(NAMES)
        if x < 0.75:
            return "transaction { total += 1 }"
        if x < 0.9:
            return "transaction { require version < 2 ; version += 1 }"
        return r.choice(["n := 1", "skip", "transaction { seen := total }", "fail E"])
    a = r.randint(1, size - 1)
    one, two = term(r, a), term(r, size - a)
    match r.randrange(9):
        case 0 | 1:
            return f"{{ {one} ; {two} }}"
        case 2 | 3:
            return f"{{ {{ {one} }} || {{ {two} }} }}"
        case 4:
            return f"try {{ {one} }} catch * {{ {two} }}"
        case 5:
            return f"saga {{ {one} ; {two} }}"
        case 6:
            claim = r.choice(["lock exclusive", "keyed[k] exclusive", "keyed[one] shared", "desk"])
            return f"using ({claim}) {{ {one} ; {two} }}"
        case 7:
            return f"retry(1 on {r.choice(['E', 'Busy', 'Aborted'])}) {{ {one} }}"
    inner = r.choice([one, one, f"nocancel {{ {one} }}", f"try {{ {one} }} finally {{ n := 1 }}"])
    more = r.choice(["", "", ", brief shared", ", lock shared"])
    return f"using (leased exclusive as t{more}) {{ {inner} }}"


def spec(seed: int) -> str:
    """Two instances of one workflow, at most one of which may crash."""
    r = Random(seed)
    crash = r.random() < 0.5
    body = term(r, r.choice([1, 2, 2, 3]))
    activities = []
    for name, form in zip(NAMES, ACTIVITIES, strict=True):
        more = _more(r, name)
        long, units = r.choice([2, 3]), r.choice([1, 2])
        effect = r.choice(["do { own := own + 1 }", "writes mark  ensures mark >= old(mark)"])
        form = form.format(more=more, long=long, units=units, effect=effect)
        activities.append("  " + form)
    fault = "  faults crash w at_most 1" + r.choice([" back within 3s", " never", ""])
    errors = "E, Busy, Aborted, LeaseExpired, Timeout, Interrupted"
    second = r.choice(["w(one)  w(two)", "w(one)  w(one)", "w(one)"])
    head = HEAD.format(silent=" silent" if r.random() < 0.4 else "")
    for name in ("lock", "keyed[K]"):
        how = r.choice(["", "", " on_busy cancel_holder", " on_busy replace_waiting"])
        head = head.replace(f"resource {name} : lock\n", f"resource {name} : lock{how}\n")
    if r.random() < 0.3:
        head = head.replace("on_busy fail Busy", "on_busy replace_waiting")
    scheduler = ""
    if r.random() < 0.15:
        scheduler = "scheduler head_of_line  "
        at = NAMES.index("c")
        activities[at] = activities[at].replace("uses keyed", "priority 2  uses keyed")
    return (
        head
        + f"workflow w(k: K) fails {errors} {{\n  var n: int 0..1 = 0\n"
        + "  var own: int = 0\n  var mark: int 0..1 = 0\n"
        + "\n".join(activities)
        + f"\n  run {{ {body} }}\n}}\n"
        + f"system {{ {scheduler}{second}{fault if crash else ''} }}\n"
        + "invariant few : seen <= 2\ninvariant most : total <= 4\n"
        + "ensures version <= 2 and seen >= 0\n"
    )
