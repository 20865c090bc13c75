"""The functions and classes that the code of a document defines, and objects of them."""

import ast
from dataclasses import dataclass, field
from typing import Any

from reports.documents.model import DEEPEST


@dataclass(frozen=True)
class Program:
    """The functions, classes and constants of a document's code so far."""

    functions: dict[str, ast.FunctionDef] = field(default_factory=dict)
    classes: dict[str, ast.ClassDef] = field(default_factory=dict)
    constants: dict[str, float] = field(default_factory=dict)

    def add(self, tree: ast.Module) -> None:
        """Takes in what a block defines."""
        for node in tree.body:
            match node:
                case ast.FunctionDef(name=name):
                    self.functions[name] = node
                case ast.ClassDef(name=name):
                    self.classes[name] = node
                case ast.Assign(
                    targets=[ast.Name(id=name)], value=ast.Constant(value=int() | float() as value)
                ) if abs(value) < 1e9:
                    self.constants[name] = value

    def method(self, name: str, method: str, depth: int = 0) -> ast.FunctionDef | None:
        """Returns a method of a class, its own or that of a base in the document."""
        node = self.classes.get(name)
        if node is None or depth > DEEPEST:
            return None
        for item in node.body:
            if isinstance(item, ast.FunctionDef) and item.name == method:
                return item
        for base in node.bases:
            found = self.method(base.id, method, depth + 1) if isinstance(base, ast.Name) else None
            if found is not None:
                return found
        return None

    def constant_of(self, name: str, attribute: str) -> float | None:
        """Returns a number that a class sets for all of its objects."""
        node = self.classes.get(name)
        for item in node.body if node is not None else ():
            match item:
                case ast.Assign(
                    targets=[ast.Name(id=found)], value=ast.Constant(value=int() | float() as value)
                ) if found == attribute:
                    return value
        return None


@dataclass
class Instance:
    """An object of a class of the document."""

    kind: str
    attributes: dict[str, Any] = field(default_factory=dict)
