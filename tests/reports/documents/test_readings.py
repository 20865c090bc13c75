"""What is right in one reading is not accused; with a mistake in it, it is wrong in all of them."""

import pytest

from reports.documents import audit_text

BINARY = r"$$L = -(y \log p + (1 - y)\log(1 - p))$$"
ROWS = r"$$y = \begin{pmatrix} 1 & 0 \end{pmatrix}$$ "
COLUMNS = r"$$p = \begin{pmatrix} 0.7 \\ 0.2 \end{pmatrix}$$ "
NORMALISED = r"""$N = 4$, $x_1 = 1$, $x_2 = 3$, $x_3 = 4$, $x_4 = 8$.
$$\mu = \frac1N\sum_{i=1}^N x_i = 4$$
$$\sigma^2 = \frac1N\sum_{i=1}^N (x_i - \mu)^2 = 6.5$$ """
OUTPUT = r"""$$\hat x_i = \frac{x_i - \mu}{\sigma}$$ $$y_i = \gamma\hat x_i + \beta$$
$$\frac{\partial L}{\partial\hat x_i} = \gamma\frac{\partial L}{\partial y_i}$$ """
BY_INPUT = r"$$\frac{\partial L}{\partial x_i} = {}$$"
NORM_GRADIENT = r"""\frac{1}{N\sigma}\left(N\frac{\partial L}{\partial\hat x_i}
- \sum_{j=1}^N\frac{\partial L}{\partial\hat x_j}
- \hat x_i\sum_{j=1}^N\frac{\partial L}{\partial\hat x_j}\hat x_j\right)"""
NEURON = r"$w = 0.4$, $x = 0.8$, $t = 1$. $$a = w x = 0.4 \cdot 0.8 = 0.32$$ "
MORE = r"$$L = \frac12 (c - t)^2 + \frac12 a^2$$ "
GAUSSIAN = r"""设 $\mu = 0.5$,$\sigma = 0.8$。
$$D = \frac12(\mu^2 + \sigma^2 - \ln\sigma^2 - 1) + \frac12\sigma$$ """
WRONG_SUM = r"$z_1 = 0.5$, $z_3 = -0.7$, $a = 0.6$, $$z_2 = a - 0.6 = 0.4$$ "

# a document with a gap, what is right there, what is wrong
READINGS = [
    # signs alone between figures in brackets: a list or a sum
    (r"$$\frac{\partial J}{\partial b} = \frac23\left[-1.3333 -2.0333 -1.7333\right] = {}$$",
     "-3.3999", "-3.8999"),
    (r"$$u = \frac12 [-0.2 -0.6] = {}$$", "-0.4", "-0.6"),
    (r"梯度为 $$v = \frac13 [-1.2 -0.6 -0.3] = \frac13 ({}) = -0.7$$", "-2.1", "-2.7"),
    (r"$$v = \frac13 (-2.1) = \frac13 [-1.2 {} -0.3] = -0.7$$", "-0.6", "-0.9"),
    (r"$$q = 2 [1.5 -0.5] = {}$$", "[3 -1]", "[3 1]"),
    # letters that are arrays elsewhere
    (ROWS + COLUMNS + "\n## 单个样本\n" + BINARY + r"$$\frac{\partial L}{\partial p} = {}$$",
     r"-\frac yp + \frac{1 - y}{1 - p}", r"\frac yp + \frac{1 - y}{1 - p}"),
    (ROWS + r"$X = \begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}$, "
     r"$w = \begin{pmatrix} 0.2 \\ 0.4 \end{pmatrix}$ $$z = Xw$$ $$p = \sigma(z)$$" + BINARY
     + r"$$\frac{\partial L}{\partial z} = {}$$", "p - y", "p + y"),
    (r"$X = \begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}$, "
     r"$w = \begin{pmatrix} 0.2 \\ 0.4 \end{pmatrix}$ $$z = Xw$$ $$p = \sigma(z)$$"
     r"$$\frac{\partial p}{\partial z} = {}$$", "p (1 - p)", "p (1 + p)"),
    # figures that are values of other names
    (NORMALISED + r"$$\sigma = \sqrt{6.5} = 2.5495$$" + OUTPUT + BY_INPUT,
     NORM_GRADIENT, NORM_GRADIENT.replace(r"- \hat x_i", r"+ \hat x_i")),
    (NORMALISED + r"标准差 $$\sigma = 2.5495$$" + OUTPUT + BY_INPUT,
     NORM_GRADIENT, NORM_GRADIENT.replace(r"- \hat x_i", r"+ \hat x_i")),
    (NEURON + r"$$c = \tanh(0.32) = 0.3095$$" + MORE + r"$$\frac{\partial L}{\partial w} = {}$$",
     "((c - t)(1 - c^2) + a) x", "((c - t)(1 + c^2) + a) x"),
    (NEURON + r"$$c = \tanh(0.32) = 0.3095$$" + MORE + r"$$\frac{\partial L}{\partial w} = {}$$",
     "-0.2435", "-0.3493"),
    (GAUSSIAN + r"取 $\sigma^2 = 0.64$。$$\frac{\partial D}{\partial\sigma} = {}$$",
     r"\sigma - \frac1\sigma + \frac12", r"\sigma + \frac1\sigma + \frac12"),
    (GAUSSIAN + r"$\sigma^2 = 0.64$。$$\frac{\partial D}{\partial\sigma} = {}$$", "0.05", "0.45"),
    (NEURON + r"$$c = a + \tanh(0.32) = 0.6295$$ $$k = w + 0.6295$$ $$L = \frac12 k^2$$"
     r"$$\frac{\partial L}{\partial w} = {}$$", "2.5978", "3.1"),
    # letters of functions that depend on several names
    (r"$x = 2$, $y = 3$, $q = 1.2$. $$\frac{\partial f}{\partial q} = \frac2q = 1.6667$$"
     r"$$\frac{\partial f}{\partial y} = 1.6667\cdot\frac{4}{25} = {}$$", "0.2667", "0.4167"),
    (r"$x = 2$, $q = 1.2$, $f = \ln(1.44) = 0.3646$. "
     r"$$\frac{\partial f}{\partial q} = \frac2q = {}$$", "1.6667", "2.4"),
    # what follows from a mistake told before, with the right value in its place
    (WRONG_SUM + r"$$\sum_k e^{z_k} = e^{0.5} + e^{{}} + e^{-0.7} = 3.1453$$", "0", "0.3"),
    (WRONG_SUM + r"$$s = \sum_k z_k^2 = {}$$", "0.74", "0.64"),
    (WRONG_SUM + r"总和 $$s = \sum_{k=1}^3 z_k = 0.5 + {} - 0.7 = -0.2$$", "0", "0.3"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "right", "wrong"), READINGS)
def test_only_what_is_wrong_in_every_reading_is_accused(text, right, wrong):
    told_before = int(text.startswith(WRONG_SUM))
    assert len(audit_text(text.replace("{}", right)).flagged) == told_before
    assert len(audit_text(text.replace("{}", wrong)).flagged) > told_before
