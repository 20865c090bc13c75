"""Profiles of the property-based tests: dev (the default), ci, and thorough; none has a deadline.

pytest                                     as a developer does
HYPOTHESIS_PROFILE=thorough pytest         more examples
"""

import os

os.environ.setdefault(
    "OMP_NUM_THREADS", "1"
)  # before NumPy: small matrices gain nothing by threads

import pytest
from hypothesis import HealthCheck, settings

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]

settings.register_profile("dev", deadline=None, max_examples=25, suppress_health_check=SLOW)
settings.register_profile(
    "ci",
    deadline=None,
    max_examples=25,
    derandomize=False,
    print_blob=True,
    suppress_health_check=SLOW,
)
settings.register_profile(
    "thorough", deadline=None, max_examples=500, print_blob=True, suppress_health_check=SLOW
)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev")
settings.load_profile(PROFILE)


def pytest_report_header(config: pytest.Config) -> str:
    import gradcheck

    return f"hypothesis profile: {PROFILE}; gradcheck from {os.path.dirname(gradcheck.__file__)}"
