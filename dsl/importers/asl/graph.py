"""The control graph of a machine: cycles, and what leads to an end."""

from __future__ import annotations

from .machine import Machine


def components(machine: Machine) -> list[list[str]]:
    """The strongly connected components with a cycle, states in source order (Tarjan, without
    recursion)."""
    index, low = dict[str, int](), dict[str, int]()
    on_stack, stack, found = set[str](), list[str](), list[list[str]]()
    for root in machine.states:
        if root in index:
            continue
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        work = [(root, machine.states[root].targets())]
        while work:
            name, rest = work[-1]
            target = next(rest, None)
            if target is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[name])
                if low[name] == index[name]:
                    members = set[str]()
                    while name not in members:
                        members.add(stack.pop())
                    on_stack -= members
                    if len(members) > 1 or name in machine.states[name].targets():
                        found.append([n for n in machine.states if n in members])
            elif target not in index:
                index[target] = low[target] = len(index)
                stack.append(target)
                on_stack.add(target)
                work.append((target, machine.states[target].targets()))
            elif target in on_stack:
                low[name] = min(low[name], index[target])
    return found


def can_end(machine: Machine) -> set[str]:
    """The states from which some way leads to an end of the machine.

    An error that nothing catches ends it as well, but is no end that anybody meant; a Choice
    without Default fails where no rule applies.
    """
    before: dict[str, list[str]] = {name: [] for name in machine.states}
    for name, state in machine.states.items():
        for target in state.targets():
            before[target].append(name)
    found = set[str]()
    todo = [name for name, state in machine.states.items() if state.ends]
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo.extend(before[name])
    return found
