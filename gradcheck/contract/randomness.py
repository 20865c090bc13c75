"""Global random generators: put back at the end, and set to the same numbers before each call."""

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from gradcheck.subject import Point, Pulled, Subject

State = tuple[Callable[[Any], object], Any]
"""How a generator's state is set, and the state."""


def random_states() -> tuple[State, ...]:
    """Returns the states of the global generators of Python, NumPy and, where used, PyTorch."""
    return tuple((put, get()) for get, put in _generators())


@contextmanager
def random_kept(states: tuple[State, ...] = ()) -> Iterator[None]:
    """Puts the global generators back at the end, also after an exception.

    Args:
        states: what they are set to at the beginning; without any they are left.
    """
    before = random_states()
    _set(states)
    try:
        yield
    finally:
        _set(before)


def repeated(subject: Subject) -> Subject:
    """Returns the subject with the same global random numbers at each evaluation.

    The generators are set to what they are now before each call, and put back after it: dropout
    then draws the same mask each time. Calls between calls are not audited: they draw as well.
    """
    states = random_states()

    def function(point: Point) -> Point:
        with random_kept(states):
            return subject.function(point)

    def pullback(cotangents: Point, point: Point) -> Pulled:
        with random_kept(states):
            if subject.apart:  # what it draws itself are the numbers after the function's
                subject.function(point)
            return subject.pullback(cotangents, point)

    others = {"interleaved": None, "again": None, "partial": None}
    return replace(subject, function=function, pullback=pullback, **others)


def _set(states: tuple[State, ...]) -> None:
    for put, state in states:
        put(state)


def _generators() -> Iterator[tuple[Callable[[], Any], Callable[[Any], object]]]:
    """Yields how the state of each global generator is read and set."""
    yield random.getstate, random.setstate
    yield np.random.get_state, np.random.set_state
    torch: Any = sys.modules.get("torch")
    if hasattr(torch, "get_rng_state"):  # half imported, it has none yet
        yield torch.get_rng_state, torch.set_rng_state
        if torch.cuda.is_available() and torch.cuda.is_initialized():
            yield torch.cuda.get_rng_state_all, torch.cuda.set_rng_state_all
