"""Tables of quantities and of steps, held against the definitions of what they name."""

import pytest

from reports.documents.audit import audit_text

POINT = (
    "With $x = 2$, $w = 1.5$ and the hidden value $h = w x$, let $q = h^2 - 4$ and $r = q + 1$.\n\n"
)
STEPS = "We minimise $L = (w - 3)^2$ from $w = 1$ with the learning rate $\\eta = 0.1$.\n\n"
HEADINGS = [
    "| step | $w$ | $L$ |\n|---|---|---|\n",
    "| step | w | loss |\n|---|---|---|\n",
    "| 步 | $w$ | 损失 |\n|---|---|---|\n",
]
ROWS = "| 0 | 1 | 4 |\n| 1 | 1.4 | 2.56 |\n| 2 | 1.72 | 1.6384 |\n| 3 | 2.2 | {} |\n"


@pytest.mark.parametrize("heading", HEADINGS)
def test_a_column_whose_name_is_defined(heading: str) -> None:
    good = audit_text(STEPS + heading + ROWS.format("0.64"))
    bad = audit_text(STEPS + heading + ROWS.format("0.46"))
    assert not good.flagged and not good.lacks
    assert [claim.right for claim in bad.flagged] == ["0.64"]


@pytest.mark.parametrize(
    "table",
    [
        "| quantity | value |\n|---|---|\n| $h$ | 3 |\n| $q$ | 5 |\n| $r$ | {} |\n",
        "| 量 | 值 |\n|---|---|\n| 隐藏值 $h$ | **3** |\n| $q$ | 5 ✓ |\n| $r$ | {} ✓ |\n",
        "| name | value |\n|---|---|\n| hidden value | 3 |\n| $q$ | 5 |\n| $r$ | {} |\n",
    ],
)
def test_a_table_of_quantities(table: str) -> None:
    good, bad = audit_text(POINT + table.format("6")), audit_text(POINT + table.format("7"))
    assert not good.flagged and not good.lacks
    assert [claim.right for claim in bad.flagged] == ["6"]


@pytest.mark.parametrize(
    "table",
    [
        "| quantity | value |\n|---|---|\n| $w$ | 2 |\n| $h$ | 4 |\n",
        "| quantity | start | end |\n|---|---|---|\n| $h$ | 3 | 4 |\n| $q$ | 5 | 12 |\n",
        "| w | h |\n|---|---|\n| 1 | 2 |\n| 2 | 4 |\n",
        "| step | h | q |\n|---|---|---|\n| 0 | 3 | 5 |\n| 1 | 4 | 12 |\n",
        "| quantity | value |\n|---|---|\n| $h$ (no bias) | 7 |\n",
    ],
)
def test_tables_of_other_values_are_not_accused(table: str) -> None:
    assert not audit_text(POINT + table).flagged


def test_one_value_alone_is_left_open() -> None:
    audited = audit_text(POINT + "| quantity | value |\n|---|---|\n| $h$ | 4 |\n")
    assert not audited.flagged and audited.lacks
