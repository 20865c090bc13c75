"""Profiles of the property-based tests; none has a deadline.

pytest                                     the default: the same examples in each run
HYPOTHESIS_PROFILE=thorough pytest         twenty times as many, drawn anew in each run

A statistical tester meets its rare cases by chance: what the second finds is mended and kept as a
case of its own, and the first says the same on every machine.
"""

import os

os.environ.setdefault(
    "OMP_NUM_THREADS", "1"
)  # before NumPy: small matrices gain nothing by threads

import pytest
from hypothesis import HealthCheck, settings

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]

EXAMPLES = {"default": 25, "thorough": 500}
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "default")
for name, examples in EXAMPLES.items():
    settings.register_profile(
        name,
        deadline=None,
        max_examples=examples,
        derandomize=name == "default",
        print_blob=True,
        suppress_health_check=SLOW,
    )
settings.load_profile(PROFILE)


def pytest_report_header(config: pytest.Config) -> str:
    import gradcheck

    return f"hypothesis profile: {PROFILE}; gradcheck from {os.path.dirname(gradcheck.__file__)}"
