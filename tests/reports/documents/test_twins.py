"""Clean documents of ours with one mistake put in: it is found, in its line, and no other is."""

import pytest

from reports.documents import audit, audit_text
from reports.worked_examples.documents import FOLDER

PLANTED = [
    # update rules, and figures against them
    ("adam_step_by_step.md", r"(1-\beta_1) g_t", r"(1-\beta_1) g_t^2"),
    ("adam_step_by_step.md", r"\theta_{t-1} - \alpha \frac", r"\theta_{t-1} + \alpha \frac"),
    ("adam_step_by_step.md", r"0.36/(1-0.9^2) = 1.8947", r"0.36/(1-0.9) = 3.6"),
    ("adam_step_by_step.md", r"0.1 \cdot 1.8 = 0.36", r"0.2 \cdot 1.8 = 0.54"),
    ("accumulating_optimizers.md", r"G_{t-1} + g_t^2", r"G_{t-1} + g_t"),
    ("accumulating_optimizers.md", r"+ 0.1 \cdot 0.09 = 0.0315", r"+ 0.1 \cdot 0.3 = 0.0525"),
    # softmax with cross-entropy
    ("softmax_derivation_zh.md", r"= -\hat{y}_i \hat{y}_j", r"= \hat{y}_i \hat{y}_j"),
    ("softmax_derivation_zh.md", r"= \hat{y}_i (1 - \hat{y}_i)", r"= \hat{y}_i (1 - \hat{y}_i^2)"),
    ("softmax_derivation_zh.md", r"= \hat{y}_i - y_i", r"= y_i - \hat{y}_i"),
    ("softmax_derivation_zh.md", r"z_3} = 0.1402", r"z_3} = -0.1402"),
    # convolutions
    ("convolution_gradients.md", r"O = \begin{bmatrix} -4", r"O = \begin{bmatrix} 4"),
    ("convolution_gradients.md", r"X_{i+m-1,j+n-1}$$", r"X_{i+n-1,j+m-1}$$"),
    ("convolution_gradients.md", r"W} = \begin{bmatrix} 0 & 2", r"W} = \begin{bmatrix} 0 & 6"),
    ("convolution_gradients.md", r"X} = \begin{bmatrix} 1 & 2", r"X} = \begin{bmatrix} 2 & 1"),
    # batch normalisation
    ("batch_normalisation_backward.md", r"{-3/2}", r"{-1/2}"),
    ("batch_normalisation_backward.md", r"\frac{2(x_i - \mu)}{m}", r"\frac{x_i - \mu}{m}"),
    ("batch_normalisation_backward.md", r"y_j} \hat{x}_j \right)", r"y_j} \right)"),
    ("batch_normalisation_zh.md", r"x_1} = ", r"x_1} = -"),
    ("batch_normalisation_zh.md", r"\gamma} = 0", r"\gamma} = 1"),
    ("batch_normalisation_zh.md", r"y_2 = -", r"y_2 = "),
    # time steps
    ("recurrent_sums_zh.md", r"(1 - h_t^2) h_{t-1}", r"(1 - h_t^2) h_t"),
    ("recurrent_sums_zh.md", r"(o_1 - y_1) w_o + ", r""),
    ("recurrent_sums_zh.md", r"(1 - h_t^2) x_t", r"(1 - h_t) x_t"),
    ("recurrent_matrices.md", r"h_1} = \begin{bmatrix} ", r"h_1} = \begin{bmatrix} 1"),
    # layers by number
    ("two_layers_batch.md", r"dZ^{[2]} A^{[1]T}", r"dZ^{[2]} A^{[2]T}"),
    ("two_layers_batch.md", r"W^{[2]T} dZ^{[2]}", r"W^{[2]} dZ^{[2]}"),
    ("two_layers_batch.md", r"dZ^{[1]} X^T", r"dZ^{[2]} X^T"),
    # code
    ("layers_in_numpy.md", "self.X.T @ dZ", "2 * self.X.T @ dZ"),
    ("layers_in_numpy.md", "np.sum(dZ, axis=0)", "np.mean(dZ, axis=0)"),
    ("layers_in_numpy.md", "dZ @ self.W.T", "-dZ @ self.W.T"),
    ("layers_in_numpy.md", "dWh = prev_h.T @ dz", "dWh = next_h.T @ dz"),
    ("layers_in_numpy.md", "(1 - next_h**2)", "(1 - next_h)"),
    ("layers_in_numpy.md", "dA.sum(axis=0, keepdims=True)", "dA.mean(axis=0, keepdims=True)"),
    ("layers_in_numpy.md", "db2 = 1 / m * np.sum", "db2 = np.sum"),
    ("layers_in_numpy.md", "(1 - A1**2)", "A1 * (1 - A1)"),
]  # fmt: skip


def _line(text, right):
    """The line of the mistake; of code within a loop that of its class."""
    before = text[: text.index(right)]
    in_a_loop = before.rpartition("\n")[2].startswith(" " * 12)
    return before[: before.rindex("class ") if in_a_loop else None].count("\n") + 1


@pytest.mark.parametrize(("name", "right", "wrong"), PLANTED)
def test_planted_mistake_is_found(name, right, wrong):
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert right in text
    lines = {claim.place.line for claim in audit_text(text.replace(right, wrong, 1)).flagged}
    assert lines
    assert min(lines) >= _line(text, right)


@pytest.mark.parametrize("name", sorted({name for name, _, _ in PLANTED}))
def test_right_twin_is_checked_and_not_accused(name):
    audited = audit(FOLDER / name)
    assert not audited.flagged
    assert audited.coverage.checked > 4
