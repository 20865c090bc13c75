"""Who imports whom, and that the core needs no framework."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import gradcheck

HERE = Path(gradcheck.__file__).parent.parent
FORBIDDEN = {
    "reference_models": {"gradcheck", "reports"},
    "gradcheck": {"reference_models", "reports"},
}


def imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("package", FORBIDDEN)
def test_imports_run_one_way(package):
    files = list((HERE / package).rglob("*.py"))
    found = {name for file in files for name in imported(file)}
    assert files and not found & FORBIDDEN[package]


def python(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_import_loads_no_optional_library():
    optional = "'torch', 'jax', 'tensorflow', 'hypothesis', 'pytest', 'sklearn', 'scipy'"
    code = f"import sys, gradcheck; print([m for m in ({optional},) if m in sys.modules])"
    assert python(code) == "[]"


def test_the_core_works_where_torch_is_not_installed():
    code = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "jax", "tensorflow"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
import numpy as np, gradcheck
print(gradcheck.check(np.sin, np.ones(3), vjp=lambda u, x: u * np.cos(x)).status)
try:
    gradcheck.from_torch(abs)
except gradcheck.InvalidInput as error:
    print(error)
"""
    status, error = python(code).splitlines()
    assert status == "pass" and 'pip install "gradcheck[torch]"' in error


def test_the_public_names_are_few_and_documented():
    public = {n: v for n, v in vars(gradcheck).items() if not n.startswith("_") and callable(v)}
    assert len(public) <= 25
    assert all(value.__doc__ for value in public.values())
