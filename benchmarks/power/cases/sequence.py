"""Attention and recurrence, and what runs over time: dynamic programs, integrators, filters."""

import numpy as np

from benchmarks.power.cases.losses import logistic, softmax
from benchmarks.power.corpus import Arrays, Bug, Family, Right
from benchmarks.power.draws import coins, draw, fixed, normal, uniform


# --------------------------------------------------------------------------------------- attention
def _scores(q, k, causal, window):
    s = np.einsum("htd,hsd->hts", q, k) * q.dtype.type(q.shape[-1] ** -0.5)
    t = np.arange(s.shape[-1])
    allowed = np.ones_like(s[0], bool)
    if causal:
        allowed &= t[:, None] >= t
    if window:
        allowed &= t[:, None] - t < window
    return np.where(allowed, s, -np.inf)


def attention(q, k, v, causal=True, window=0):
    return softmax(_scores(q, k, causal, window)) @ v


def attention_vjp(
    g,
    q,
    k,
    v,
    *,
    causal=True,
    window=0,
    masked=True,
    scale=True,
    delta=1.0,
    key_scale=True,
    heads=False,
) -> Arrays:
    p = softmax(_scores(q, k, causal and masked, window))
    dp = g @ v.swapaxes(1, 2)
    ds = p * (dp - delta * (dp * p).sum(-1, keepdims=True))
    c = q.dtype.type(q.shape[-1] ** -0.5)
    dv = p.swapaxes(1, 2) @ g
    if heads:
        dv = np.broadcast_to(dv.sum(0), dv.shape).copy()
    return {
        "q": ds @ k * (c if scale else 1),
        "k": ds.swapaxes(1, 2) @ q * (c if scale and key_scale else 1),
        "v": dv,
    }


ATTENTION = Family(
    "causal_attention",
    draw(q=(2, 5, 4), k=(2, 5, 4), v=(2, 5, 4)),
    attention,
    attention_vjp,
    "q k v",
    (
        Bug("scale_left_out", "missing factor", lambda g, **k: attention_vjp(g, **k, scale=False)),
        Bug(
            "key_scale_left_out",
            "missing factor",
            lambda g, **k: {"k": attention_vjp(g, **k, key_scale=False)["k"]},
        ),
        Bug(
            "softmax_term_left_out", "missing term", lambda g, **k: attention_vjp(g, **k, delta=0.0)
        ),
        Bug(
            "mask_forgotten",
            "mask missing",
            lambda g, **k: attention_vjp(g, **k, masked=False),
            source="keras-team/keras#23038",
        ),
        Bug(
            "queries_and_keys_swapped",
            "swapped",
            lambda g, **k: {"q": attention_vjp(g, **k)["k"], "k": attention_vjp(g, **k)["q"]},
        ),
        Bug(
            "heads_mixed",
            "wrong axis",
            lambda g, **k: {"v": attention_vjp(g, **k, heads=True)["v"]},
        ),
        Bug(
            "values_untransposed",
            "transpose",
            lambda g, q, k, v: {"v": softmax(_scores(q, k, True, 0)) @ g},
        ),
        Bug(
            "window_ignored",
            "wrong mask",
            lambda g, **k: attention_vjp(g, **k),
            on="sliding_window",
            source="flagos-ai/FlagAttention#25",
        ),
        Bug(
            "unscaled_dropout",
            "missing factor",
            lambda g, **k: {"v": attention_vjp(g, **k)["v"] * 0.9},
            source="NVIDIA/apex#816",
        ),
    ),
    (
        Right(
            "sliding_window",
            forward=lambda q, k, v: attention(q, k, v, window=2),
            backward=lambda g, **k: attention_vjp(g, **k, window=2),
        ),
        Right(
            "full",
            forward=lambda q, k, v: attention(q, k, v, causal=False),
            backward=lambda g, **k: attention_vjp(g, **k, causal=False),
        ),
        Right("one_position", draw(q=(2, 1, 4), k=(2, 1, 4), v=(2, 1, 4))),
        Right(
            "sharp",
            draw(q=normal(2, 5, 4, scale=6), k=normal(2, 5, 4, scale=6), v=(2, 5, 4)),
            tags="saturated",
        ),
        Right("float32", draw(q=(2, 8, 4), k=(2, 8, 4), v=(2, 8, 4)), dtype="float32"),
        Right("long", draw(q=(4, 100, 32), k=(4, 100, 32), v=(4, 100, 32)), tags="large"),
    ),
)


def rotated(x, sign=1.0):
    """Rotary position embedding of (t, 2d)."""
    d = x.shape[1] // 2
    angle = (np.arange(len(x))[:, None] * 10.0 ** -np.arange(d)).astype(x.dtype)
    c, s = np.cos(angle), x.dtype.type(sign) * np.sin(angle)
    a, b = x[:, :d], x[:, d:]
    return np.concatenate([a * c - b * s, a * s + b * c], 1)


ROTARY = Family(
    "rotary_embedding",
    draw(x=(6, 6)),
    rotated,
    lambda g, x: {"x": rotated(g, -1.0)},
    "x",
    (
        Bug("rotated_again", "sign", lambda g, x: {"x": rotated(g)}),
        Bug("interleaved", "wrong layout", lambda g, x: {"x": _interleaved(g)}),
        Bug(
            "position_off_by_one",
            "off by one",
            lambda g, x: {"x": rotated(np.vstack([np.zeros_like(g[:1]), g]), -1.0)[1:]},
        ),
    ),
)


def _interleaved(g):
    order = np.arange(g.shape[1]).reshape(2, -1).T.ravel()
    return rotated(g[:, order], -1.0)[:, np.argsort(order)]


# -------------------------------------------------------------------------------------- recurrence
def rnn(x, h0, W, U, b):
    h, states = h0, []
    for step in x:
        h = np.tanh(step @ W + h @ U + b)
        states.append(h)
    return np.stack(states)


def rnn_vjp(
    g, x, h0, W, U, b, *, through_time=1.0, transposed=True, previous=1, steps=None
) -> Arrays:
    states = rnn(x, h0, W, U, b)
    before = np.concatenate([h0[None], states[:-1]]) if previous else states
    dx, dW, dU, db, dh = (
        np.zeros_like(x),
        np.zeros_like(W),
        np.zeros_like(U),
        np.zeros_like(b),
        np.zeros_like(h0),
    )
    last = len(x) - (steps or len(x))
    for t in reversed(range(len(x))):
        dz = (g[t] + dh) * (1 - states[t] ** 2)
        dx[t] = dz @ W.T
        dW += x[t].T @ dz
        dU += before[t].T @ dz
        db += dz.sum(0)
        dh = through_time * dz @ (U.T if transposed else U)
        if t <= last:
            dh = np.zeros_like(dh) if steps else dh
    return {"x": dx, "h0": dh, "W": dW, "U": dU, "b": db}


RNN = Family(
    "recurrent_network",
    draw(x=(4, 2, 3), h0=(2, 4), W=(3, 4), U=normal(4, 4, scale=0.5), b=(4,)),
    rnn,
    rnn_vjp,
    "x h0 W U b",
    (
        Bug(
            "no_gradient_through_time",
            "missing term",
            lambda g, **k: rnn_vjp(g, **k, through_time=0.0),
            source="ooples/AiDotNet#722",
        ),
        Bug(
            "recurrence_untransposed", "transpose", lambda g, **k: rnn_vjp(g, **k, transposed=False)
        ),
        Bug(
            "state_after_for_before",
            "off by one",
            lambda g, **k: {"U": rnn_vjp(g, **k, previous=0)["U"]},
        ),
        Bug("initial_state_constant", "missing", lambda g, **k: {"h0": None}, kind="contract"),
        Bug(
            "last_step_only",
            "missing term",
            lambda g, **k: {
                "W": rnn_vjp(g * (np.arange(len(g)) == len(g) - 1)[:, None, None], **k)["W"]
            },
        ),
        Bug("truncated", "missing term", lambda g, **k: {"h0": rnn_vjp(g, **k, steps=3)["h0"]}),
    ),
    (Right("one_step", draw(x=(1, 2, 3), h0=(2, 4), W=(3, 4), U=(4, 4), b=(4,))),),
)


def lstm(x, c0, h0, W):
    """One sequence; gates i, f, o, u; returns all h and the last c."""
    h, c, states = h0, c0, []
    for step in x:
        i, f, o, u = _gates(step, h, W)
        c = f * c + i * u
        h = o * np.tanh(c)
        states.append(h)
    return np.stack(states), c


def _gates(x, h, W):
    z = np.concatenate([x, h]) @ W
    i, f, o, u = np.split(z, 4)
    return logistic(i), logistic(f), logistic(o), np.tanh(u)


def lstm_vjp(
    g,
    x,
    c0,
    h0,
    W,
    *,
    last_cell=True,
    order="ifou",
    cell_path=1.0,
    hidden_path=1.0,
    forget_with_new=False,
) -> Arrays:
    gh, gc = g
    h, c, kept = h0, c0, []
    for step in x:
        gates = _gates(step, h, W)
        new = gates[1] * c + gates[0] * gates[3]
        kept.append((step, h, c, new, gates))
        h, c = gates[2] * np.tanh(new), new
    dx, dW = np.zeros_like(x), np.zeros_like(W)
    dh = np.zeros_like(h0)
    dc = gc if last_cell else np.zeros_like(gc)
    for t in reversed(range(len(x))):
        step, h, c, new, (i, f, o, u) = kept[t]
        dh = dh + gh[t]
        dc = dc + cell_path * dh * o * (1 - np.tanh(new) ** 2)
        slopes = {
            "i": dc * u * i * (1 - i),
            "f": dc * (new if forget_with_new else c) * f * (1 - f),
            "o": dh * np.tanh(new) * o * (1 - o),
            "u": dc * i * (1 - u * u),
        }
        dz = np.concatenate([slopes[gate] for gate in order])
        dW += np.outer(np.concatenate([step, h]), dz)
        back = W @ dz
        dx[t], dh, dc = back[: x.shape[1]], hidden_path * back[x.shape[1] :], dc * f
    return {"x": dx, "c0": dc, "h0": dh, "W": dW}


LSTM = Family(
    "lstm",
    draw(x=(4, 3), c0=(2,), h0=(2,), W=(5, 8)),
    lstm,
    lstm_vjp,
    "x c0 h0 W",
    (
        Bug(
            "last_cell_ignored",
            "missing term",
            lambda g, **k: lstm_vjp(g, **k, last_cell=False),
            source="deeplearning4j/deeplearning4j#8838",
        ),
        Bug(
            "gates_swapped",
            "swapped",
            lambda g, **k: lstm_vjp(g, **k, order="fiou"),
            source="lhnguyen102/cuTAGI#77",
        ),
        Bug("cell_path_cut", "missing term", lambda g, **k: lstm_vjp(g, **k, cell_path=0.0)),
        Bug(
            "hidden_path_cut",
            "missing term",
            lambda g, **k: lstm_vjp(g, **k, hidden_path=0.0),
            source="ooples/AiDotNet#722",
        ),
        Bug(
            "forget_gate_with_new_cell",
            "off by one",
            lambda g, **k: lstm_vjp(g, **k, forget_with_new=True),
        ),
    ),
)


def gru(h, x, Wz, Wr, Wn):
    xh = np.concatenate([x, h], 1)
    z, r = logistic(xh @ Wz), logistic(xh @ Wr)
    n = np.tanh(np.concatenate([x, r * h], 1) @ Wn)
    return (1 - z) * n + z * h


def gru_vjp(g, h, x, Wz, Wr, Wn, *, reset_path=True, gate_sign=1.0, skip=1.0) -> Arrays:
    c = x.shape[1]
    xh = np.concatenate([x, h], 1)
    z, r = logistic(xh @ Wz), logistic(xh @ Wr)
    xr = np.concatenate([x, r * h], 1)
    n = np.tanh(xr @ Wn)
    dn = g * (1 - z) * (1 - n * n)
    dz = gate_sign * g * (h - n) * z * (1 - z)
    dxr = dn @ Wn.T
    dr = dxr[:, c:] * h * r * (1 - r) * reset_path
    dxh = dz @ Wz.T + dr @ Wr.T
    return {
        "h": skip * g * z + dxh[:, c:] + dxr[:, c:] * r,
        "x": dxh[:, :c] + dxr[:, :c],
        "Wz": xh.T @ dz,
        "Wr": xh.T @ dr,
        "Wn": xr.T @ dn,
    }


GRU = Family(
    "gru_cell",
    draw(h=(3, 4), x=(3, 2), Wz=(6, 4), Wr=(6, 4), Wn=(6, 4)),
    gru,
    gru_vjp,
    "h x Wz Wr Wn",
    (
        Bug(
            "reset_gate_detached", "missing term", lambda g, **k: gru_vjp(g, **k, reset_path=False)
        ),
        Bug("update_gate_sign", "sign", lambda g, **k: gru_vjp(g, **k, gate_sign=-1.0)),
        Bug("skip_left_out", "missing term", lambda g, **k: {"h": gru_vjp(g, **k, skip=0.0)["h"]}),
        Bug(
            "gates_swapped",
            "swapped",
            lambda g, **k: {"Wz": gru_vjp(g, **k)["Wr"], "Wr": gru_vjp(g, **k)["Wz"]},
        ),
        Bug(
            "unreset_state",
            "wrong factor",
            lambda g, **k: {"Wn": gru_vjp(g, **k)["Wn"] * 1.1},
        ),
    ),
)


def scan(a, x):
    """h_t = a_t h_{t-1} + x_t, a diagonal state space."""
    h, states = np.zeros_like(x[0]), []
    for decay, step in zip(a, x, strict=True):
        h = decay * h + step
        states.append(h)
    return np.stack(states)


def scan_vjp(g, a, x, *, shift=1) -> Arrays:
    h = scan(a, x)
    carry, da, dx = np.zeros_like(x[0]), np.zeros_like(a), np.zeros_like(x)
    for t in reversed(range(len(x))):
        carry = carry + g[t]
        dx[t] = carry
        before = t - shift
        da[t] = carry * (h[before] if before >= 0 else 0)
        carry = carry * a[t]
    return {"a": da, "x": dx}


SCAN = Family(
    "linear_recurrence",
    draw(a=uniform(6, 3, low=0.2, high=0.95), x=(6, 3)),
    scan,
    scan_vjp,
    "a x",
    (
        Bug(
            "state_not_shifted",
            "off by one",
            lambda g, a, x: {"a": scan_vjp(g, a, x, shift=0)["a"]},
        ),
        Bug(
            "decay_of_next_step",
            "off by one",
            lambda g, a, x: {"x": scan_vjp(g, np.roll(a, -1, axis=0), x)["x"]},
        ),
        Bug("decay_constant", "zero gradient", lambda g, a, x: {"a": np.zeros_like(a)}),
    ),
    (Right("long", draw(a=uniform(400, 20, low=0.5, high=0.99), x=(400, 20)), tags="large"),),
)


# -------------------------------------------------------------------------------- dynamic programs
def alignment(s):
    """log-sum-exp over all monotone paths through a score table (a small CTC)."""
    a = np.full(s.shape, -np.inf, s.dtype)
    for t in range(s.shape[0]):
        for j in range(s.shape[1]):
            came = (
                [a[t - 1, j], a[t - 1, j - 1] if j else -np.inf]
                if t
                else [0.0 if j == 0 else -np.inf]
            )
            a[t, j] = s[t, j] + np.logaddexp.reduce(came)
    return a[-1, -1]


def alignment_vjp(g, s) -> Arrays:
    forward = _tables(s)
    backward = _tables(s[::-1, ::-1])[::-1, ::-1]
    return {"s": (g * np.exp(forward + backward - s - forward[-1, -1])).astype(s.dtype)}


def _tables(s):
    a = np.full(s.shape, -np.inf, s.dtype)
    a[0, 0] = s[0, 0]
    for t in range(1, len(s)):
        shifted = np.concatenate([[-np.inf], a[t - 1, :-1]]).astype(s.dtype)
        a[t] = s[t] + np.logaddexp(a[t - 1], shifted)
    return a


def _hard_path(g, s):
    """The best path instead of the posterior."""
    p = alignment_vjp(np.ones_like(s[0, 0]), s)["s"]
    return g * (p == p.max(1, keepdims=True))


ALIGNMENT = Family(
    "alignment_paths",
    draw(s=(6, 4)),
    alignment,
    alignment_vjp,
    "s",
    (
        Bug(
            "softmax_assumed",
            "missing term",
            lambda g, s: {"s": g * (alignment_vjp(1.0, s)["s"] - softmax(s)).astype(s.dtype)},
            source="pytorch/pytorch#52241",
        ),
        Bug(
            "cotangent_ignored",
            "cotangent ignored",
            lambda g, s: {"s": alignment_vjp(np.ones_like(g), s)["s"]},
            source="pytorch/pytorch#11750",
        ),
        Bug("best_path", "wrong function", lambda g, s: {"s": _hard_path(g, s).astype(s.dtype)}),
        Bug(
            "emission_counted_twice",
            "factor",
            lambda g, s: {"s": alignment_vjp(g, s)["s"] * np.exp(s)},
            source="pytorch/pytorch#82545",
        ),
    ),
    (
        Right("sharp", draw(s=normal(6, 4, scale=20)), tags="saturated"),
        Right("square", draw(s=(4, 4)), tags="constant_paths"),
    ),
)


def warped(d):
    """Soft dynamic time warping of a cost table, γ = 0.5."""
    return _warped_table(d)[-1, -1]


def _warped_table(d):
    r = np.full((d.shape[0] + 1, d.shape[1] + 1), np.inf, d.dtype)
    r[0, 0] = 0
    for i in range(1, r.shape[0]):
        for j in range(1, r.shape[1]):
            before = np.array([r[i - 1, j], r[i, j - 1], r[i - 1, j - 1]])
            r[i, j] = d[i - 1, j - 1] - 0.5 * np.logaddexp.reduce(-before / 0.5)
    return r


def warped_vjp(g, d, *, diagonal=1.0) -> Arrays:
    r = _warped_table(d)
    e = np.zeros((d.shape[0] + 2, d.shape[1] + 2), d.dtype)
    e[d.shape[0], d.shape[1]] = 1
    for i in reversed(range(1, d.shape[0] + 1)):
        for j in reversed(range(1, d.shape[1] + 1)):
            for di, dj in ((1, 0), (0, 1), (1, 1)):
                if i + di <= d.shape[0] and j + dj <= d.shape[1]:
                    soft = r[i + di, j + dj] - d[i + di - 1, j + dj - 1] - r[i, j]
                    weight = diagonal if di == dj else 1.0
                    e[i, j] += weight * e[i + di, j + dj] * np.exp(soft / 0.5)
    return {"d": g * e[1:-1, 1:-1]}


WARPING = Family(
    "soft_time_warping",
    draw(d=uniform(4, 5, high=2)),
    warped,
    warped_vjp,
    "d",
    (
        Bug("diagonal_left_out", "missing term", lambda g, d: warped_vjp(g, d, diagonal=0.0)),
        Bug("transposed", "transpose", lambda g, d: {"d": warped_vjp(g, d.T)["d"].T[::-1]}),
    ),
)


# ------------------------------------------------------------------------- integrators and filters
def field(y, k):
    return np.stack([y[1], -k[0] * np.sin(y[0]) - k[1] * y[1]])


def field_vjp(g, y, k):
    dy = np.stack([-k[0] * np.cos(y[0]) * g[1], g[0] - k[1] * g[1]])
    return dy, np.array([-np.sin(y[0]) * g[1], -y[1] * g[1]])


STEP = 0.1


def runge_kutta(y, k):
    """Four steps of the classical method."""
    for _ in range(4):
        a = field(y, k)
        b = field(y + STEP / 2 * a, k)
        c = field(y + STEP / 2 * b, k)
        d = field(y + STEP * c, k)
        y = y + STEP / 6 * (a + 2 * b + 2 * c + d)
    return y


def runge_kutta_vjp(g, y, k, *, weights=(1, 2, 2, 1), half=0.5) -> Arrays:
    starts = [y]
    for _ in range(3):
        starts.append(_one_step(starts[-1], k))
    dk = np.zeros_like(k)
    for start in reversed(starts):
        points = [start]
        for share in (STEP / 2, STEP / 2, STEP):
            points.append(start + share * field(points[-1], k))
        total, carried = g.copy(), np.zeros_like(g)
        for n, share in zip((3, 2, 1, 0), (0.0, STEP, STEP * half, STEP * half), strict=True):
            bar = STEP / 6 * weights[n] * g + share * carried
            carried, dkn = field_vjp(bar, points[n], k)
            total, dk = total + carried, dk + dkn
        g = total
    return {"y": g.astype(y.dtype), "k": dk.astype(k.dtype)}


def _one_step(y, k):
    a = field(y, k)
    b = field(y + STEP / 2 * a, k)
    c = field(y + STEP / 2 * b, k)
    return y + STEP / 6 * (a + 2 * b + 2 * c + field(y + STEP * c, k))


def _euler_vjp(g, y, k):
    dy, dk = g, np.zeros_like(k)
    for _ in range(4):
        by, bk = field_vjp(STEP * dy, y, k)
        dy, dk = dy + by, dk + bk
    return {"y": dy.astype(y.dtype), "k": dk.astype(k.dtype)}


INTEGRATOR = Family(
    "runge_kutta",
    draw(y=(2,), k=uniform(2, low=0.5, high=1.5)),
    runge_kutta,
    runge_kutta_vjp,
    "y k",
    (
        Bug("euler_adjoint", "other approximation", _euler_vjp),
        Bug(
            "stage_weights_equal",
            "wrong constant",
            lambda g, y, k: runge_kutta_vjp(g, y, k, weights=(1.5,) * 4),
        ),
        Bug(
            "parameters_of_last_step",
            "missing term",
            lambda g, y, k: {"k": runge_kutta_vjp(g, y, k)["k"] / 4},
        ),
        Bug(
            "full_for_half_step",
            "wrong factor",
            lambda g, y, k: runge_kutta_vjp(g, y, k, half=1.0),
            tags="subtle",
        ),
    ),
)


def rendered(density, colour):
    """Volume rendering along a ray: Σ T_i (1 − e^{−σ_i}) c_i."""
    alpha = 1 - np.exp(-density)
    through = np.concatenate([np.ones_like(density[:1]), np.cumprod(1 - alpha)[:-1]])
    return (through * alpha) @ colour


def rendered_vjp(g, density, colour, *, occlusion=1.0) -> Arrays:
    alpha = 1 - np.exp(-density)
    through = np.concatenate([np.ones_like(density[:1]), np.cumprod(1 - alpha)[:-1]])
    weight = through * alpha
    value = colour @ g
    behind = np.cumsum((weight * value)[::-1])[::-1] - weight * value
    return {
        "density": through * (1 - alpha) * value - occlusion * behind,
        "colour": weight[:, None] * g,
    }


RENDERING = Family(
    "volume_rendering",
    draw(density=uniform(8, high=0.8), colour=uniform(8, 3)),
    rendered,
    rendered_vjp,
    "density colour",
    (
        Bug(
            "occlusion_left_out",
            "missing term",
            lambda g, density, colour: {
                "density": rendered_vjp(g, density, colour, occlusion=0.0)["density"]
            },
        ),
        Bug(
            "occlusion_sign",
            "sign",
            lambda g, density, colour: {
                "density": rendered_vjp(g, density, colour, occlusion=-1.0)["density"]
            },
        ),
        Bug(
            "transmittance_unshifted",
            "off by one",
            lambda g, density, colour: {
                "colour": (np.cumprod(np.exp(-density)) * (1 - np.exp(-density)))[:, None] * g
            },
        ),
    ),
    (
        Right(
            "opaque",
            draw(density=uniform(8, low=20, high=60), colour=uniform(8, 3)),
            tags="saturated",
        ),
    ),
)


def fixed_point(w, x):
    """z = tanh(z ∘ w + x), solved by iteration."""
    z = np.zeros_like(x)
    for _ in range(80):
        z = np.tanh(z * w + x)
    return z


def fixed_point_vjp(g, w, x, *, implicit=1.0) -> Arrays:
    z = fixed_point(w, x)
    s = 1 - z * z
    u = g * s / (1 - implicit * s * w)
    return {"w": u * z, "x": u}


IMPLICIT = Family(
    "fixed_point",
    draw(w=uniform(5, low=-0.6, high=0.6), x=(5,)),
    fixed_point,
    fixed_point_vjp,
    "w x",
    (
        Bug(
            "one_iteration", "missing term", lambda g, w, x: fixed_point_vjp(g, w, x, implicit=0.0)
        ),
        Bug("sign_of_the_solve", "sign", lambda g, w, x: fixed_point_vjp(g, w, x, implicit=-1.0)),
    ),
)


def kalman(m, p, a, y):
    """Filters a scalar random walk; returns the means."""
    means = []
    for seen in y:
        p = a * a * p + 0.1
        gain = p / (p + 0.5)
        m = a * m + gain * (seen - a * m)
        p = (1 - gain) * p
        means.append(m)
    return np.stack(means)


def kalman_vjp(g, m, p, a, y, *, gain_path=1.0) -> Arrays:
    kept, mm, pp = [], m, p
    for seen in y:
        prior = a * a * pp + 0.1
        gain = prior / (prior + 0.5)
        kept.append((mm, pp, prior, gain))
        mm, pp = a * mm + gain * (seen - a * mm), (1 - gain) * prior
    dm, dp, da, dy = np.zeros_like(m), np.zeros_like(p), np.zeros_like(a), np.zeros_like(y)
    for t in reversed(range(len(y))):
        mm, pp, prior, gain = kept[t]
        dm = dm + g[t]
        dgain = gain_path * (dm * (y[t] - a * mm) - dp * prior)
        dprior = dp * (1 - gain) + dgain * 0.5 / (prior + 0.5) ** 2
        dy[t] = dm * gain
        da = da + dm * (1 - gain) * mm + dprior * 2 * a * pp
        dm, dp = dm * a * (1 - gain), dprior * a * a
    return {"m": dm, "p": dp, "a": da, "y": dy}


KALMAN = Family(
    "kalman_filter",
    draw(m=(), p=uniform(low=0.5, high=2), a=uniform(low=0.7, high=0.99), y=(5,)),
    kalman,
    kalman_vjp,
    "m p a y",
    (
        Bug("gain_detached", "missing term", lambda g, **k: kalman_vjp(g, **k, gain_path=0.0)),
        Bug("innovation_sign", "sign", lambda g, **k: {"y": -kalman_vjp(g, **k)["y"]}),
    ),
)


def masked_mean(x, m):
    return (x * m[..., None]).sum(1) / m.sum(1, keepdims=True)


MASKED_MEAN = Family(
    "masked_mean_over_time",
    draw(x=(3, 5, 2), m=fixed([[1.0, 1, 1, 0, 0], [1, 1, 1, 1, 1], [1, 0, 0, 0, 0]])),
    lambda x, m: masked_mean(x, m.astype(x.dtype)),
    lambda g, x, m: {"x": (g[:, None] * (m / m.sum(1, keepdims=True)).astype(x.dtype)[..., None])},
    "x",
    (
        Bug(
            "full_length",
            "wrong count",
            lambda g, x, m: {"x": g[:, None] * m.astype(x.dtype)[..., None] / x.shape[1]},
        ),
        Bug(
            "padding_gets_gradient",
            "mask missing",
            lambda g, x, m: {
                "x": np.broadcast_to(
                    g[:, None] / m.sum(1)[:, None, None].astype(x.dtype), x.shape
                ).copy()
            },
        ),
    ),
)

ZONEOUT = Family(
    "zoneout_given_mask",
    draw(x=(5, 4), h=(4,), m=coins(5, 4)),
    lambda x, h, m: _zoned(x, h, m),
    lambda g, x, h, m: _zoned_vjp(g, x, h, m),
    "x h",
    (
        Bug(
            "mask_of_first_step",
            "stale mask",
            lambda g, x, h, m: _zoned_vjp(g, x, h, np.broadcast_to(m[0], m.shape)),
            source="lmnt-com/haste#43",
        ),
        Bug("mask_inverted", "mask inverted", lambda g, x, h, m: _zoned_vjp(g, x, h, 1 - m)),
    ),
)


def _zoned(x, h, m):
    states = []
    for step, keep in zip(x, m, strict=True):
        h = keep * h + (1 - keep) * np.tanh(step + h)
        states.append(h)
    return np.stack(states)


def _zoned_vjp(g, x, h, m):
    states = [h]
    for step, keep in zip(x, m, strict=True):
        states.append(keep * states[-1] + (1 - keep) * np.tanh(step + states[-1]))
    dx, dh = np.zeros_like(x), np.zeros_like(h)
    for t in reversed(range(len(x))):
        dh = dh + g[t]
        dx[t] = dh * (1 - m[t]) * (1 - np.tanh(x[t] + states[t]) ** 2)
        dh = dh * m[t] + dx[t]
    return {"x": dx, "h": dh}


FAMILIES = (
    ATTENTION,
    ROTARY,
    RNN,
    LSTM,
    GRU,
    SCAN,
    ALIGNMENT,
    WARPING,
    INTEGRATOR,
    RENDERING,
    IMPLICIT,
    KALMAN,
    MASKED_MEAN,
    ZONEOUT,
)
