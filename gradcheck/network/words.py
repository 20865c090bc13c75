"""The words of a root: which part, which of its gradients, and who inherits it."""

import re
from collections.abc import Sequence
from dataclasses import replace

from gradcheck.network.parts import Part
from gradcheck.verdict import Finding, Root

SHOWN = 3


def part_root(part: Part, findings: Sequence[Finding], parameters: Sequence[str]) -> Root:
    """Returns the root that a part is, by what is wrong with it by itself."""
    first, *others = findings
    message = f"{part.label} ({part.thing}), {_gradient(first, parameters)}: {first.message}"
    also = list(dict.fromkeys(f.primal for f in others if f.primal and f.primal != first.primal))
    if also:
        message += f". Its {some(also)} {'are' if len(also) > 1 else 'is'} wrong as well"
    return Root(
        path=part.path,
        thing=part.thing,
        kind="part",
        message=message,
        findings=tuple(findings),
    )


def recalled_root(part: Part, calls: int) -> Root:
    """Returns the root of a part that answers for another of its calls."""
    times = f" (it is called {calls} times)" if calls > 1 else ""
    message = (
        f"{part.label} ({part.thing}), its input cotangent: by itself its backward is right, and "
        f"in the network it gives something else{times}: it reads what another call left. Keep "
        "what backward needs apart for each call"
    )
    return Root(path=part.path, thing=part.thing, kind="join", message=message)


def join_root(
    whole: Part,
    parts: Sequence[Part],
    wrong: Sequence[Finding],
    parameters: Sequence[str],
    astray: Sequence[Finding],
    *,
    doubts: Sequence[str],
    conduct: Sequence[str],
    seen: bool,
) -> Root:
    """Returns the root of a part that joins right parts wrongly.

    Args:
        whole: the part.
        parts: what it is made of, in backward order.
        wrong: what is wrong with it.
        parameters: those of its primals that are parameters.
        astray: the cotangents that reach its parts wrongly, in backward order.
        doubts: the labels of the parts that stay undecided.
        conduct: what is wrong in how its parts behave.
        seen: whether the cotangents that reach its parts were looked at.
    """
    name = f"{whole.label} ({whole.thing}), {_gradient(wrong[0], parameters)}"
    name = name if whole.path else f"the network itself ({whole.thing})"
    right = [part.label for part in parts if part.label not in doubts]
    each = f"{some(right)} are right by themselves, "
    each = each if len(right) != 1 else f"{right[0]} is right by itself, "
    fault = f"in {some(doubts)} (undecided), or " if doubts else ""
    message = f"{name}: {each if right else ''}the fault is {fault}in how they are joined. "
    if astray:
        message += f"The cotangent that reaches {astray[0].primal} is wrong: {astray[0].message}"
    else:
        reach = "The cotangents that reach them are right, what" if seen else "What"
        message += f"{reach} is put together from theirs is wrong: {wrong[0].message}"
        repeated = sorted({part.path for part in parts if part.call > 1})
        if repeated:
            message += f". {some(repeated)} is called more than once: add up what its calls give"
    if conduct:
        message += f". Note {conduct[0]}"
    return Root(
        path=whole.path,
        thing=whole.thing,
        kind="join",
        message=message,
        findings=tuple(astray or wrong),
    )


def inherited(root: Root, *, spreads: bool) -> Root:
    """Returns a root whose message says what inherits it."""
    names = [n for n in root.explains if not root.path or not is_below(n, root.path)]
    said = f"everything upstream inherits it{f': {some(names)}' if names else ''}"
    return replace(
        root, message=f"{root.message}; {said if spreads else 'nothing upstream inherits it'}"
    )


def _gradient(finding: Finding, parameters: Sequence[str]) -> str:
    """Returns which gradient of a part a finding is about."""
    if finding.primal is None:
        return "its backward"
    if finding.primal in parameters:
        return f"the gradient of its parameter {finding.primal}"
    return "its input cotangent"


def is_below(name: str, path: str) -> bool:
    """Returns whether a primal of the network belongs to the part at a path.

    >>> is_below("encoder.1.linear.weight", "encoder[1].linear"), is_below("[0].W", "chain[0]")
    (True, True)
    """
    return plain(name).startswith(f"{plain(path)}.")


def plain(path: str) -> str:
    """Returns a path with dots alone, from the network on.

    >>> plain("net[1].linear"), plain("heads['a'].weight")
    ('1.linear', 'heads.a.weight')
    """
    dotted = re.sub(r"\[['\"]?(.*?)['\"]?\]", r".\1", re.sub(r"^(net|chain)(?=\[)", "", path))
    return dotted.lstrip(".")


def some(names: Sequence[str | None]) -> str:
    """Returns names as a person lists them: the first few, and how many more."""
    shown = ", ".join(map(str, names[:SHOWN]))
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN} more"
