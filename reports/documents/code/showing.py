"""Blocks of code that only import, set up or show something: there is nothing in them to check."""

import ast

SHOWING = frozenset(
    "print display pprint help warnings matplotlib mpl plt pyplot sns fig figure ax axs".split()
)
"""Names whose calls print, draw, or silence."""

SETTING_UP = frozenset(("np.random.seed", "random.seed", "np.set_printoptions"))
"""Calls that settle how what follows runs."""


def only_shows(tree: ast.Module) -> bool:
    """Whether a block has nothing but imports, magics, plots and prints.

    >>> only_shows(ast.parse("import numpy as np; plt.plot([1, 2]); print(3)"))
    True
    >>> only_shows(ast.parse("dw = x * (y - t)"))
    False
    """
    return all(map(_shows, tree.body))


def _shows(node: ast.stmt) -> bool:
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Pass():
            return True
        case ast.Expr(value=ast.Constant() | ast.Name()):
            return True
        case ast.Expr(value=ast.Call(func=called)):
            return _root(called) in SHOWING or ast.unparse(called) in SETTING_UP
        case ast.Assign(value=ast.Call(func=called)):
            return _root(called) in SHOWING
        case ast.For(body=body, orelse=[]) | ast.With(body=body) | ast.If(body=body, orelse=[]):
            return all(map(_shows, body))
    return False


def _root(node: ast.expr) -> str:
    """Returns the name at which a chain of attributes, entries and calls begins."""
    while not isinstance(node, ast.Name):
        match node:
            case ast.Attribute(value=inner) | ast.Subscript(value=inner) | ast.Call(func=inner):
                node = inner
            case _:
                return ""
    return node.id
