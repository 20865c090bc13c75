"""Units behind numbers: they are read, and never converted."""

import pytest

from reports.documents.audit import audit_text
from reports.documents.units import are_mixed, atoms_of

MOTION = r"Let $m = 2\,\text{kg}$ and $v = 3\ \text{m/s}$. Then $E = \frac12 m v^2 = %s$."


@pytest.mark.parametrize(
    "unit",
    [
        r"\ \text{J}",
        r"\,\mathrm{J}",
        r"~\text{J}",
        r"\;\mathrm{J}",
        r"\text{ J}",
        r"\,\mathrm{N\,m}",
    ],
)
def test_a_unit_hides_no_number(unit: str) -> None:
    right, wrong = audit_text(MOTION % f"9{unit}"), audit_text(MOTION % f"10{unit}")
    assert not right.flagged and not right.lacks
    assert [claim.right for claim in wrong.flagged] == ["9"]


@pytest.mark.parametrize(
    "text",
    [
        r"$$E = \frac12 \cdot 2\,\mathrm{kg} \cdot (3\,\mathrm{m\,s^{-1}})^2 = %s\,\mathrm{J}$$",
        r"$$E = \frac12 \cdot 2\,\mathrm{kg} \cdot 9\,\tfrac{\mathrm{m}}{\mathrm{s}} = %s$$",
        r"Forward $a = 4$ ms and backward $b = 5$ ms, so $t = a + b = %s$ ms.",
        r"$$n = 3 \times 3 = %s\ \text{parameters}$$",
        r"$$n = 3 \times 3 = %s \text{ weights}$$",
        r"$$I = \frac{18\,\mathrm{V}}{2\,\Omega} = %s\,\mathrm{A}$$",
    ],
)
def test_units_of_every_kind(text: str) -> None:
    assert not audit_text(text % "9").flagged and not audit_text(text % "9").lacks
    assert audit_text(text % "8").flagged


@pytest.mark.parametrize(
    ("text", "is_right"),
    [
        (r"The accuracy is $a = \frac{8}{10} = 80\%$.", True),
        (r"The accuracy is $a = \frac{8}{10} = 90\%$.", False),
        (r"$$a = \frac{8}{10} \times 100\% = 80\%$$", True),
        (r"$$a = \frac{8}{10} \times 100 = 80\%$$", True),
        (r"$$a = \frac{2}{3} = 67\%$$", True),
        (r"$$a = \frac{2}{3} = 68\%$$", False),
        (r"With $p = 20\%$ we get $n = 50 p = 10$.", True),
        (r"With $p = 20\%$ we get $n = 50 p = 12$.", False),
    ],
)
def test_percent(text: str, is_right: bool) -> None:
    assert bool(audit_text(text).flagged) is not is_right
    assert not audit_text(text).lacks


@pytest.mark.parametrize(
    "text",
    [
        r"$m = 200\,\text{g}$, $v = 1\,\text{m/s}$, $E = \frac12 m v^2 = 0.1\,\text{J}$.",
        r"$v = 5\,\text{km/h}$ and $t = 30\,\text{min}$, so $d = v t = 2.5$.",
        r"$t = 5\,\text{ms} = 0.005\,\text{s}$.",
        r"$d = 150\,\text{cm} = 1.5\,\text{m}$.",
        r"$v = 36\,\text{km/h} = 10\,\text{m/s}$.",
        r"$U = 5\,\text{V}$, $R = 2\,\mathrm{k\Omega}$, $I = U/R = 0.0025\,\text{A}$.",
        r"$H = 0.693\ \text{nats} = 1\ \text{bit}$.",
        r"$H = -(0.9 \ln 0.9 + 0.1 \ln 0.1) = 0.325\ \text{bits}$.",
    ],
)
def test_units_that_differ_are_not_converted(text: str) -> None:
    audited = audit_text(text)
    assert not audited.flagged
    assert any("units" in reason for reason in audited.coverage.reasons)


@pytest.mark.parametrize(
    "text",
    [
        r"$H = -(0.5 \log 0.5 + 0.5 \log 0.5) = 1\ \text{bit}$.",
        r"$H = -(0.5 \log 0.5 + 0.5 \log 0.5) = 0.693\ \text{nats}$.",
        r"With $\mathrm{W} = 3$, $\mathrm{h} = 2$: $y = 2\mathrm{W} = 6$, $z = 3\,\mathrm{h} = 6$.",
        r"$\text{TP} = 3$, $\text{FP} = 2$; $\frac{2\,\text{TP}}{2\,\text{TP} + \text{FP}} = 0.75$",
        r"$s = 4$ and $m = 3$; $y = 2m = 6$, $z = 2s = 8$, $q = 2\,m\,s = 24$.",
    ],
)
def test_what_is_right_with_units_and_names_like_units(text: str) -> None:
    audited = audit_text(text)
    assert not audited.flagged and not audited.lacks


def test_what_is_a_unit() -> None:
    assert atoms_of("kg m/s^2") == {"kg", "m", "s"}
    assert not atoms_of("loss") and not atoms_of("where x is")
    assert are_mixed({"ms", "s"}) and are_mixed({"g", "J"})
    assert not are_mixed({"ms"}) and not are_mixed({"kg", "m", "s", "J"})
