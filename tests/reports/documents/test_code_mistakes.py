"""Blocks of code with a mistake planted in each, and code that only looks wrong."""

import pytest

from reports.documents import audit_text

RECURRENT = """
def step(x, h_prev, Wx, Wh, b):
    h = np.tanh(x @ Wx + h_prev @ Wh + b)
    return h, (x, h_prev, Wx, Wh, h)

def step_backward(dh, cache):
    x, h_prev, Wx, Wh, h = cache
    da = dh * (1 - h ** 2)
    dx = da @ Wx.T
    dh_prev = da @ Wh.T
    dWx = x.T @ da
    dWh = h_prev.T @ da
    db = da.sum(axis=0)
    return dx, dh_prev, dWx, dWh, db
"""
CONVOLUTION = """
class Convolution:
    def __init__(self, c_in, c_out, size):
        self.kernels = np.random.randn(c_out, c_in, size, size)
        self.bias = np.zeros(c_out)

    def forward(self, images):
        self.images = images
        n, _, height, width = images.shape
        k = self.kernels.shape[2]
        out = np.zeros((n, len(self.kernels), height - k + 1, width - k + 1))
        for i in range(out.shape[2]):
            for j in range(out.shape[3]):
                patch = images[:, :, i:i + k, j:j + k]
                out[:, :, i, j] = np.tensordot(patch, self.kernels, axes=([1, 2, 3], [1, 2, 3]))
        return out + self.bias[None, :, None, None]

    def backward(self, grad):
        k = self.kernels.shape[2]
        self.d_kernels = np.zeros_like(self.kernels)
        d_images = np.zeros_like(self.images)
        for i in range(grad.shape[2]):
            for j in range(grad.shape[3]):
                g = grad[:, :, i, j]
                patch = self.images[:, :, i:i + k, j:j + k]
                self.d_kernels += np.tensordot(g, patch, axes=([0], [0]))
                d_images[:, :, i:i + k, j:j + k] += np.tensordot(g, self.kernels, axes=([1], [0]))
        self.d_bias = grad.sum(axis=(0, 2, 3))
        return d_images
"""
SCRIPT = """
X = np.random.randn(6, 3)
y = np.random.randn(6, 2)
W1 = np.random.randn(3, 4)
W2 = np.random.randn(4, 2)
rate = 0.05
for epoch in range(50):
    z1 = X @ W1
    a1 = np.tanh(z1)
    out = a1 @ W2
    loss = np.mean((out - y) ** 2)
    d_out = 2 * (out - y) / y.size
    dW2 = a1.T @ d_out
    d1 = (d_out @ W2.T) * (1 - a1 ** 2)
    dW1 = X.T @ d1
    W1 -= rate * dW1
    W2 -= rate * dW2
"""
LISTS = """
def sigma(z):
    return 1 / (1 + np.exp(-z))

def sigma_prime(z):
    return sigma(z) * (1 - sigma(z))

class Network:
    def __init__(self, sizes):
        self.count = len(sizes)
        self.weights = [np.random.randn(m, n) for n, m in zip(sizes[:-1], sizes[1:])]
        self.biases = [np.random.randn(m, 1) for m in sizes[1:]]

    def backprop(self, x, y):
        values, sums = [x], []
        for w, b in zip(self.weights, self.biases):
            sums.append(w @ values[-1] + b)
            values.append(sigma(sums[-1]))
        d_weights = [np.zeros(w.shape) for w in self.weights]
        d_biases = [np.zeros(b.shape) for b in self.biases]
        delta = (values[-1] - y) * sigma_prime(sums[-1])
        d_weights[-1] = delta @ values[-2].T
        d_biases[-1] = delta
        for i in range(2, self.count):
            delta = (self.weights[-i + 1].T @ delta) * sigma_prime(sums[-i])
            d_weights[-i] = delta @ values[-i - 1].T
            d_biases[-i] = delta
        return d_weights, d_biases
"""
PENALTY = """
def loss_and_gradient(w, X, y, lam):
    m = len(y)
    p = 1 / (1 + np.exp(-X @ w))
    loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)) + lam / (2 * m) * np.sum(w ** 2)
    grad = X.T @ (p - y) / m + lam / m * w
    return loss, grad
"""
SOFTMAX = """
class Classifier:
    def __init__(self, n_in, n_out):
        self.W = 0.1 * np.random.randn(n_in, n_out)
        self.b = np.zeros(n_out)

    def forward(self, X):
        self.X = X
        s = X @ self.W + self.b
        e = np.exp(s - s.max(axis=1, keepdims=True))
        self.P = e / e.sum(axis=1, keepdims=True)
        return self.P

    def loss(self, T):
        return -np.sum(T * np.log(self.P)) / len(T)

    def backward(self, T):
        ds = (self.P - T) / len(T)
        self.dW = self.X.T @ ds
        self.db = ds.sum(axis=0)
"""
ADAM = """
class Adam:
    def __init__(self, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
        self.lr, self.beta1, self.beta2, self.eps = lr, beta1, beta2, eps
        self.m, self.v, self.t = {}, {}, 0

    def update(self, params, grads):
        self.t += 1
        for k in params:
            m = self.beta1 * self.m.get(k, 0) + (1 - self.beta1) * grads[k]
            v = self.beta2 * self.v.get(k, 0) + (1 - self.beta2) * grads[k] ** 2
            self.m[k], self.v[k] = m, v
            m_hat = m / (1 - self.beta1 ** self.t)
            v_hat = v / (1 - self.beta2 ** self.t)
            params[k] -= self.lr * m_hat / (np.sqrt(v_hat) + self.eps)
"""
NUMERICAL = """
def numerical_gradient(f, x, h=1e-5):
    grad = np.zeros_like(x)
    for i in range(x.size):
        old = x[i]
        x[i] = old + h
        above = f(x)
        x[i] = old - h
        below = f(x)
        x[i] = old
        grad[i] = (above - below) / (2 * h)
    return grad
"""
STORE = """
def relu(z):
    return np.maximum(0, z)

def forward(X, params):
    Z1 = params["W1"] @ X + params["b1"]
    A1 = relu(Z1)
    Z2 = params["W2"] @ A1 + params["b2"]
    A2 = 1 / (1 + np.exp(-Z2))
    return A2, {"Z1": Z1, "A1": A1, "A2": A2}

def cost(A2, Y):
    return -np.sum(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)) / Y.shape[1]

def backward(params, cache, X, Y):
    m = X.shape[1]
    dZ2 = cache["A2"] - Y
    dW2 = dZ2 @ cache["A1"].T / m
    db2 = np.sum(dZ2, axis=1, keepdims=True) / m
    dZ1 = (params["W2"].T @ dZ2) * (cache["Z1"] > 0)
    dW1 = dZ1 @ X.T / m
    db1 = np.sum(dZ1, axis=1, keepdims=True) / m
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}
"""

FIT = """
def fit(X, y, w, b, lr=0.1, epochs=100):
    n = len(y)
    for _ in range(epochs):
        err = X.dot(w) + b - y
        cost = (err ** 2).sum() / (2 * n)
        gw = X.T.dot(err) / n
        gb = err.sum() / n
        w = w - lr * gw
        b = b - lr * gb
    return w, b
"""
ATTENTION = """
def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)

def attend_forward(Q, K, V):
    a = softmax(Q @ K.T / np.sqrt(K.shape[1]))
    return a @ V, (Q, K, V, a)

def attend_backward(dout, cache):
    Q, K, V, a = cache
    dV = a.T @ dout
    da = dout @ V.T
    ds = a * (da - (da * a).sum(-1, keepdims=True)) / np.sqrt(K.shape[1])
    dQ = ds @ K
    dK = ds.T @ Q
    return dQ, dK, dV
"""

PLANTED = {
    "one bias": (
        FIT,
        [("dot(err) / n", "dot(err) / (2 * n)"), ("gb = err.sum() / n", "gb = err.sum()")],
    ),
    "attention": (
        ATTENTION,
        [("dV = a.T @ dout", "dV = a @ dout"), ("dK = ds.T @ Q", "dK = ds @ Q")],
    ),
    "a step of a recurrent net": (
        RECURRENT,
        [("dWh = h_prev.T", "dWh = x.T"), ("(1 - h ** 2)", "(1 - h)"), ("da @ Wh.T", "da @ Wh")],
    ),
    "a convolution": (
        CONVOLUTION,
        [("k] += np.tensordot(g, self", "k] = np.tensordot(g, self"), ("grad.sum(", "grad.mean(")],
    ),
    "a training loop": (
        SCRIPT,
        [
            ("(1 - a1 ** 2)", "(1 - z1 ** 2)"),
            ("W2 -= rate", "W2 += rate"),
            ("d_out = 2 * ", "d_out = "),
        ],
    ),
    "layers in lists": (
        LISTS,
        [
            ("sigma_prime(sums[-i])", "sigma_prime(values[-i])"),
            ("values[-i - 1].T", "values[-i].T"),
        ],
    ),
    "a penalty": (PENALTY, [("+ lam / m * w", "+ lam / (2 * m) * w"), ("(p - y)", "(y - p)")]),
    "a classifier": (
        SOFTMAX,
        [("ds.sum(axis=0)", "ds.mean(axis=0)"), ("(self.P - T) / len(T)", "(self.P - T)")],
    ),
    "an optimizer": (
        ADAM,
        [
            ("self.beta2 ** self.t)", "self.beta2)"),
            ("* grads[k] ** 2", "* grads[k]"),
            ("-= ", "+= "),
        ],
    ),
    "a numerical gradient": (NUMERICAL, [("(2 * h)", "h"), ("(above - below)", "(below - above)")]),
    "parameters in a dictionary": (
        STORE,
        [("sum(dZ1, axis=1", "sum(dZ1, axis=0"), ('(cache["Z1"] > 0)', '(cache["Z1"] < 0)')],
    ),
}
CASES = [
    pytest.param(code, old, new, id=f"{name}: {new.strip()}")
    for name, (code, mistakes) in PLANTED.items()
    for old, new in mistakes
]


def claims(code, words=""):
    found = audit_text(f"{words}\n\n```python{code}```").claims
    return [c for c in found if c.kind == "code"]


@pytest.mark.parametrize("name", PLANTED)
def test_right_code_is_confirmed(name):
    found = claims(PLANTED[name][0])
    assert {c.verdict for c in found} == {"ok"}


@pytest.mark.parametrize(("code", "old", "new"), CASES)
def test_mistakes_are_found_at_their_line(code, old, new):
    assert code.count(old) == 1
    line = 3 + code[: code.index(old)].count("\n")
    flagged = [c for c in claims(code.replace(old, new)) if c.flagged]
    assert {c.place.line for c in flagged} == {line}
    assert all(c.right for c in flagged)


def test_several_mistakes_are_undone_one_by_one():
    code = RECURRENT
    for old, new in PLANTED["a step of a recurrent net"][1]:
        code = code.replace(old, new)
    flagged = [c for c in claims(code) if c.flagged]
    assert {"da = dh * (1 - h ** 2)", "dWh = h_prev.T @ da"} <= {c.right for c in flagged}


INNOCENT = {
    "a scalar needs no cotangent": """
def J(x, theta):
    return theta * x

def J_grad(x, theta):
    dtheta = x
    return dtheta
""",
    "a norm as a class": """
class Ridge:
    def __init__(self, alpha):
        self.alpha = alpha
    def __call__(self, w):
        return self.alpha * 0.5 * w.T.dot(w)
    def grad(self, w):
        return self.alpha * w
""",
    "slopes entry by entry": """
class Leaky:
    def __init__(self, alpha=0.1):
        self.alpha = alpha
    def __call__(self, x):
        return np.where(x >= 0, x, self.alpha * x)
    def gradient(self, x):
        return np.where(x >= 0, 1, self.alpha)
""",
    "the diagonal of a softmax": """
class Softmax:
    def __call__(self, x):
        e = np.exp(x)
        return e / np.sum(e, axis=-1, keepdims=True)
    def gradient(self, x):
        p = self(x)
        return p * (1 - p)
""",
    "a history of pages": """
class Page:
    def __init__(self, url):
        self.url, self.before, self.after = url, None, None

class History:
    def __init__(self, url):
        self.current = Page(url)
    def back(self, steps):
        while steps > 0 and self.current.before is not None:
            self.current = self.current.before
            steps -= 1
        return self.current.url
    def forward(self, steps):
        while steps > 0 and self.current.after is not None:
            self.current = self.current.after
            steps -= 1
        return self.current.url
""",
    "a bias as a row, its gradient as a vector": """
class Dense:
    def __init__(self, n_in, n_out):
        self.W, self.b = np.random.randn(n_in, n_out), np.zeros((1, n_out))
    def forward(self, x):
        self.x = x
        return x @ self.W + self.b
    def backward(self, dy):
        self.dW = self.x.T @ dy
        self.db = dy.sum(axis=0)
        return dy @ self.W.T
""",
    "means over the samples, squeezed": """
def linear_forward(A, W, b):
    return W @ A + b, (A, W, b)

def linear_backward(dZ, cache):
    A, W, b = cache
    m = A.shape[1]
    dW = dZ @ A.T / m
    db = np.squeeze(np.sum(dZ, axis=1, keepdims=True)) / m
    return W.T @ dZ, dW, db
""",
    "steps that are added": """
def directions(x, y, W):
    s = 1 / (1 + np.exp(-x @ W))
    dW = x.T @ ((y - s) * s * (1 - s))
    return dW

def fit(x, y, W, lr):
    W += lr * directions(x, y, W)
    return W
""",
    "a loss that nothing moves": """
def loss(y, t):
    return 1.0

def backprop(X, T, W):
    Y = np.tanh(X @ W)
    dW = X.T @ ((Y - T) * (1 - Y ** 2))
    return dW
""",
}


@pytest.mark.parametrize("name", INNOCENT)
def test_code_that_only_looks_wrong_is_not_accused(name):
    assert not [c for c in claims(INNOCENT[name]) if c.flagged]


def test_a_vector_where_a_column_is_meant():
    code = INNOCENT["means over the samples, squeezed"]
    code = code.replace("np.squeeze(np.sum(dZ, axis=1, keepdims=True))", "np.sum(dZ, axis=1)")
    (flagged,) = (c for c in claims(code) if c.flagged)
    assert flagged.verdict == "shape"
    assert "keepdims=True" in flagged.right


TWO_LAYERS = """
def sigma(z):
    return 1 / (1 + np.exp(-z))

def backprop(x, y, V, W):
    h = sigma(x @ V)
    p = sigma(h @ W)
    d2 = {delta}
    dW = h.T @ d2
    dV = x.T @ (d2 @ W.T * h * (1 - h))
    return dV, dW
"""


@pytest.mark.parametrize(
    ("words", "delta", "accused"),
    [
        ("squared error", "p - y", True),
        ("平方误差", "p - y", True),
        ("cross-entropy", "(p - y) * p * (1 - p)", True),
        ("cross-entropy", "p - y", False),
        ("squared error", "(p - y) * p * (1 - p)", False),
        ("squared error or cross-entropy", "p - y", False),
        ("", "p - y", False),
    ],
)
def test_the_loss_that_the_document_names(words, delta, accused):
    found = claims(TWO_LAYERS.format(delta=delta), f"We train with the {words}.")
    assert [c.place.line for c in found if c.flagged] == ([10] if accused else [])


REGRESSION = """
def backprop(x, y, w):
    p = x @ w
    dw = x.T @ (p - y)
    return dw
"""


def test_an_output_that_is_no_probability_has_no_cross_entropy():
    words = "For classes one would take the cross-entropy."
    assert not [c for c in claims(REGRESSION, words) if c.flagged]


FLAT = """
def backprop(x, y, w):
    h = np.tanh(np.dot(w, x))
    delta = (h - y) * (1 - h ** 2)
    dw = np.dot(delta, x.T)
    return dw
"""


@pytest.mark.parametrize(
    ("words", "accused"), [("", True), ("x is a column vector.", False), ("A mini-batch x.", False)]
)
def test_flat_data_fail_where_nothing_says_columns(words, accused):
    found = claims(FLAT, words)
    assert [c.verdict for c in found if c.flagged] == (["shape"] if accused else [])
