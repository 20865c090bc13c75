"""Every example in a docstring runs."""

import doctest
import importlib
import pkgutil

import pytest

import gradcheck
import reference_models
import reports

MODULES = [
    module.name
    for package in (gradcheck, reference_models, reports)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    if not module.name.endswith("__main__")
]


@pytest.mark.parametrize("name", ["gradcheck", *MODULES])
def test_doctests(name):
    module = importlib.import_module(name)
    failed, _ = doctest.testmod(module)
    assert failed == 0
