"""What pip installed holds the packages, their type markers, and nothing else."""

import importlib.metadata

import pytest

PACKAGES = {"gradcheck", "reference_models", "reports"}


def installed() -> set[str]:
    files = importlib.metadata.files("gradcheck") or []
    names = {file.as_posix() for file in files if "__pycache__" not in file.parts}
    if not any(name.startswith("gradcheck/") for name in names):
        pytest.skip("installed in place: there is no wheel to look into")
    return names


def test_the_wheel_holds_the_packages_and_nothing_else():
    roots = {name.split("/")[0] for name in installed()}
    others = {root for root in roots - PACKAGES if not root.endswith(".dist-info")}
    assert others <= {".."}  # the command, in the environment's bin
    assert roots >= PACKAGES


EXAMPLES = "reports/worked_examples/documents/"


def test_every_file_is_python_a_type_marker_or_an_example():
    inside = [name for name in installed() if name.split("/")[0] in PACKAGES]
    others = {name for name in inside if not name.endswith((".py", "/py.typed"))}
    assert all(name.startswith(EXAMPLES) and name.endswith(".md") for name in others)
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(inside)


def test_the_licence_and_the_command_are_there():
    names = installed()
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    scripts = importlib.metadata.entry_points(group="console_scripts", name="gradcheck")
    assert [script.value for script in scripts] == ["reports.cli:main"]
