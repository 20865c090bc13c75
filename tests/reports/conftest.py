import pytest

from reports.build import build
from reports.report import Report


@pytest.fixture(scope="session")
def report() -> Report:
    return build(seed=0)
