"""Random numbers that code draws: from a generator of ours, the same in each run."""

from typing import Any

import numpy as np

from reports.documents.code.limits import NotReadable, room
from reports.documents.code.modules import Module


class Draws:
    """What `np.random` and its generators offer."""

    def __init__(self, seed: int = 9) -> None:
        self._rng = np.random.default_rng(seed)

    def draw(self, name: str, values: list[Any], options: dict[str, Any]) -> Any:
        """Returns what a function of `np.random` returns.

        Raises:
            NotReadable: it is none that is known.
        """
        method = getattr(self, f"_{name}", None) if name in _KNOWN else None
        if method is None:
            raise NotReadable(f"np.random.{name[:30]}")
        options.pop("dtype", None)
        return method(*values, **options)

    def _seed(self, *_: Any) -> None:
        return None

    def _default_rng(self, *_: Any) -> Module:
        return Module("numpy.random")

    _RandomState = _Generator = _default_rng

    def _randn(self, *shape: Any) -> Any:
        return self._standard_normal(shape)

    def _rand(self, *shape: Any) -> Any:
        return self._random(shape)

    def _standard_normal(self, size: Any = None) -> Any:
        return self._rng.standard_normal(_extents(size))

    def _random(self, size: Any = None) -> Any:
        return self._rng.random(_extents(size))

    _random_sample = _ranf = _random

    def _normal(self, loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Any:
        return self._rng.normal(loc, np.abs(scale), _extents(size))

    _truncated_normal = _normal

    def _uniform(self, low: Any = 0.0, high: Any = 1.0, size: Any = None) -> Any:
        return self._rng.uniform(low, high, _extents(size))

    def _randint(self, low: Any, high: Any = None, size: Any = None) -> Any:
        return self._rng.integers(low, high, _extents(size))

    _integers = _random_integers = _randint

    def _binomial(self, n: Any, p: Any, size: Any = None) -> Any:
        return self._rng.binomial(n, p, _extents(size))

    def _permutation(self, x: Any) -> Any:
        room((x if isinstance(x, int) else len(x),))
        return self._rng.permutation(x)

    def _shuffle(self, x: Any) -> None:
        self._rng.shuffle(x)

    def _choice(self, a: Any, size: Any = None, replace: bool = True, p: Any = None) -> Any:
        room((a if isinstance(a, int) else len(a),))
        return self._rng.choice(a, _extents(size), replace=bool(replace), p=p)


_KNOWN = frozenset(
    """
    seed default_rng RandomState Generator randn rand standard_normal random random_sample ranf
    normal truncated_normal uniform randint integers random_integers binomial permutation shuffle
    choice
    """.split()
)


def _extents(size: Any) -> Any:
    if size is None:
        return None
    return room(size if isinstance(size, tuple | list) else (size,))
