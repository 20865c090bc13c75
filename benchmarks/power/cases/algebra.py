"""Linear algebra, contractions, Fourier transforms and complex functions."""

import math

import numpy as np

from benchmarks.power.corpus import Arrays, Bug, Family, Right
from benchmarks.power.draws import complex_normal, decades, draw, normal, positive_definite


def well(n):
    """A matrix far from singular."""
    return lambda rng, dtype: (rng.normal(size=(n, n)) / n + 2 * np.eye(n)).astype(dtype)


def inverse_vjp(g, A) -> Arrays:
    B = np.linalg.inv(A).T
    return {"A": -B @ g @ B}


INVERSE = Family(
    "inverse",
    draw(A=well(4)),
    lambda A: np.linalg.inv(A),
    inverse_vjp,
    "A",
    (
        Bug("sign", "sign", lambda g, A: {"A": -inverse_vjp(g, A)["A"]}),
        Bug(
            "untransposed",
            "transpose",
            lambda g, A: {"A": -np.linalg.inv(A) @ g @ np.linalg.inv(A)},
        ),
        Bug("one_side", "missing factor", lambda g, A: {"A": -np.linalg.inv(A).T @ g}),
    ),
    (
        Right(
            "stiff",
            draw(
                A=lambda rng, dt: (
                    np.diag(10.0 ** np.arange(-3, 3)) + np.tril(rng.normal(size=(6, 6)), -1) * 1e-3
                ).astype(dt)
            ),
            tags="decades float64",
        ),
        Right("float32", dtype="float32"),
    ),
)


def solve_vjp(g, A, b) -> Arrays:
    u = np.linalg.solve(A.T, g)
    return {"A": -u @ np.linalg.solve(A, b).T, "b": u}


SOLVE = Family(
    "solve",
    draw(A=well(4), b=(4, 2)),
    lambda A, b: np.linalg.solve(A, b),
    solve_vjp,
    "A b",
    (
        Bug("untransposed", "transpose", lambda g, A, b: {"b": np.linalg.solve(A, g)}),
        Bug("matrix_sign", "sign", lambda g, A, b: {"A": -solve_vjp(g, A, b)["A"]}),
        Bug("outer_transposed", "transpose", lambda g, A, b: {"A": solve_vjp(g, A, b)["A"].T}),
        Bug(
            "right_side_kept", "wrong factor", lambda g, A, b: {"A": -solve_vjp(g, A, b)["b"] @ b.T}
        ),
        Bug("matrix_constant", "missing", lambda g, A, b: {"A": None}, kind="contract"),
    ),
    (Right("one_by_one", draw(A=lambda rng, dt: np.array([[2.5]], dt), b=(1, 1))),),
)


def log_det(A):
    return np.linalg.slogdet(A)[1]


LOG_DET = Family(
    "log_determinant",
    draw(A=positive_definite(4)),
    log_det,
    lambda g, A: {"A": g * np.linalg.inv(A).T},
    "A",
    (
        Bug(
            "determinant",
            "wrong function",
            lambda g, A: {"A": g * np.linalg.det(A) * np.linalg.inv(A).T},
        ),
        Bug("diagonal_only", "missing term", lambda g, A: {"A": g * np.diag(1 / np.diag(A))}),
        Bug(
            "untransposed", "transpose", lambda g, A: {"A": g * np.linalg.inv(A)}, on="unsymmetric"
        ),
    ),
    (Right("unsymmetric", draw(A=well(4))),),
)


def cholesky(A):
    return np.linalg.cholesky((A + A.T) / 2)


def cholesky_vjp(g, A, *, symmetrised="half") -> Arrays:
    L = cholesky(A)
    P = np.tril(L.T @ g)
    P = P - np.diag(np.diag(P)) / 2
    if symmetrised == "undivided":
        P = np.tril(L.T @ g)
    inverse = np.linalg.inv(L)
    S = inverse.T @ P @ inverse
    if symmetrised == "no":
        return {"A": S}
    if symmetrised == "double":
        return {"A": S + S.T - np.diag(np.diag(S))}
    return {"A": (S + S.T) / 2}


CHOLESKY = Family(
    "cholesky",
    draw(A=positive_definite(4)),
    cholesky,
    cholesky_vjp,
    "A",
    (
        Bug(
            "unsymmetrised",
            "missing term",
            lambda g, A: cholesky_vjp(g, A, symmetrised="no"),
            source="pytorch/pytorch#18825",
        ),
        Bug(
            "off_diagonal_doubled",
            "factor",
            lambda g, A: cholesky_vjp(g, A, symmetrised="double"),
            source="pytorch/pytorch#137284",
        ),
        Bug(
            "diagonal_not_halved",
            "factor",
            lambda g, A: cholesky_vjp(g, A, symmetrised="undivided"),
        ),
        Bug(
            "ghost_of_the_upper_triangle",
            "extra term",
            lambda g, A: {"A": cholesky_vjp(g, A)["A"] + 0.1 * np.triu(g.T, 1)},
            source="jax-ml/jax#40421",
        ),
    ),
)


def lower_cholesky(A):
    """Reads the lower triangle only, as LAPACK does."""
    return np.linalg.cholesky(np.tril(A) + np.tril(A, -1).T)


def lower_cholesky_vjp(g, A) -> Arrays:
    S = cholesky_vjp(g, np.tril(A) + np.tril(A, -1).T)["A"]
    return {"A": np.tril(S) + np.tril(S, -1)}


TRIANGLE = Family(
    "cholesky_of_the_lower_triangle",
    draw(A=positive_definite(4)),
    lower_cholesky,
    lower_cholesky_vjp,
    "A",
    (
        Bug(
            "symmetric_gradient",
            "wrong convention",
            lambda g, A: cholesky_vjp(g, A),
            source="EnzymeAD/Enzyme.jl#1604",
        ),
        Bug("upper_triangle", "transpose", lambda g, A: {"A": lower_cholesky_vjp(g, A)["A"].T}),
    ),
)


def symmetric(A):
    return (A + A.T) / 2


def eigenvalues_vjp(g, A) -> Arrays:
    _, V = np.linalg.eigh(symmetric(A))
    return {"A": (V * g) @ V.T}


EIGENVALUES = Family(
    "eigenvalues",
    draw(A=lambda rng, dt: (symmetric(rng.normal(size=(4, 4))) + np.diag([0, 3, 6, 9])).astype(dt)),
    lambda A: np.linalg.eigvalsh(symmetric(A)),
    eigenvalues_vjp,
    "A",
    (
        Bug("vectors_transposed", "transpose", lambda g, A: {"A": _eigen(A).T * g @ _eigen(A)}),
        Bug(
            "diagonal_only",
            "missing term",
            lambda g, A: {"A": np.diag(np.diag(eigenvalues_vjp(g, A)["A"]))},
        ),
        Bug("descending", "flipped", lambda g, A: eigenvalues_vjp(g[::-1], A)),
    ),
)


def _eigen(A):
    return np.linalg.eigh(symmetric(A))[1]


def projected(A):
    """The projector on the two upper eigenvectors; signs do not matter."""
    V = _eigen(A)[:, -2:]
    return V @ V.T


def projected_vjp(g, A, *, sign=1.0, both=True) -> Arrays:
    w, V = np.linalg.eigh(symmetric(A))
    f = np.zeros(len(w), A.dtype)
    f[-2:] = 1
    gap = w[:, None] - w
    with np.errstate(all="ignore"):
        K = np.where(f[:, None] != f, (f[:, None] - f) / np.where(gap == 0, 1, gap), 0)
    G = (g + g.T) / 2 if both else g
    return {"A": (V @ (sign * K * (V.T @ G @ V)) @ V.T).astype(A.dtype)}


PROJECTOR = Family(
    "spectral_projector",
    draw(A=lambda rng, dt: (symmetric(rng.normal(size=(4, 4))) + np.diag([0, 3, 6, 9])).astype(dt)),
    projected,
    projected_vjp,
    "A",
    (
        Bug("gap_sign", "sign", lambda g, A: projected_vjp(g, A, sign=-1.0)),
        Bug("unsymmetrised", "missing term", lambda g, A: projected_vjp(g, A, both=False)),
        Bug("gap_squared", "wrong power", lambda g, A: {"A": projected_vjp(g, A)["A"] * 0.3}),
    ),
)


def singular_vjp(g, A) -> Arrays:
    U, _, V = np.linalg.svd(A, full_matrices=False)
    return {"A": (U * g) @ V}


SINGULAR = Family(
    "singular_values",
    draw(A=(4, 3)),
    lambda A: np.linalg.svd(A, compute_uv=False),
    singular_vjp,
    "A",
    (
        Bug(
            "of_the_squares",
            "wrong factor",
            lambda g, A: singular_vjp(2 * g * np.linalg.svd(A, compute_uv=False), A),
        ),
        Bug("ascending", "flipped", lambda g, A: singular_vjp(g[::-1], A)),
        Bug(
            "right_vectors_untransposed",
            "transpose",
            lambda g, A: {
                "A": (np.linalg.svd(A, full_matrices=False)[0] * g) @ np.linalg.svd(A)[2].T
            },
        ),
    ),
    (Right("wide", draw(A=(3, 5))),),
)


def orthonormal(A):
    """QR with a positive diagonal of R."""
    Q, R = np.linalg.qr(A)
    s = np.sign(np.diag(R))
    return Q * s, s[:, None] * R


def orthonormal_vjp(g, A, *, residual=1.0, copied=True) -> Arrays:
    gq, gr = g
    Q, R = orthonormal(A)
    M = R @ gr.T - gq.T @ Q
    M = np.tril(M) + np.tril(M, -1).T if copied else M
    inverse = np.linalg.inv(R).T
    full = gq + Q @ M
    if not residual:
        full = Q @ (Q.T @ full)
    return {"A": full @ inverse}


QR = Family(
    "qr",
    draw(A=(4, 3)),
    orthonormal,
    orthonormal_vjp,
    "A",
    (
        Bug(
            "triangle_not_copied", "missing term", lambda g, A: orthonormal_vjp(g, A, copied=False)
        ),
        Bug("projected_away", "missing term", lambda g, A: orthonormal_vjp(g, A, residual=0.0)),
        Bug(
            "second_output_ignored",
            "missing term",
            lambda g, A: orthonormal_vjp((g[0], 0 * g[1]), A),
        ),
    ),
    (Right("square", draw(A=well(3))),),
)


def exponential(A):
    """The matrix exponential as a series of twenty terms."""
    total = term = np.eye(len(A), dtype=A.dtype)
    for n in range(1, 20):
        term = term @ A / n
        total = total + term
    return total


def exponential_vjp(g, A) -> Arrays:
    n = len(A)
    block = np.block([[A.T, g], [np.zeros_like(A), A.T]])
    return {"A": exponential(block)[:n, n:]}


EXPONENTIAL = Family(
    "matrix_exponential",
    draw(A=normal(3, 3, scale=0.5)),
    exponential,
    exponential_vjp,
    "A",
    (
        Bug("as_if_commuting", "wrong function", lambda g, A: {"A": exponential(A).T @ g}),
        Bug("untransposed", "transpose", lambda g, A: exponential_vjp(g, A.T)),
        Bug("elementwise", "wrong function", lambda g, A: {"A": g * np.exp(A)}),
    ),
)

QUADRATIC = Family(
    "quadratic_form_and_trace",
    draw(A=(4, 4), x=(4,)),
    lambda A, x: x @ A @ x + 2 * np.trace(A @ A),
    lambda g, A, x: {"A": g * (np.outer(x, x) + 4 * A.T), "x": g * (A + A.T) @ x},
    "A x",
    (
        Bug("symmetry_assumed", "missing term", lambda g, A, x: {"x": g * 2 * A @ x}),
        Bug("trace_untransposed", "transpose", lambda g, A, x: {"A": g * (np.outer(x, x) + 4 * A)}),
        Bug(
            "trace_half", "missing factor 2", lambda g, A, x: {"A": g * (np.outer(x, x) + 2 * A.T)}
        ),
    ),
)


def triangular_vjp(g, L, b) -> Arrays:
    u = np.linalg.solve(np.tril(L).T, g)
    return {"L": -np.tril(np.outer(u, np.linalg.solve(np.tril(L), b))), "b": u}


TRIANGULAR = Family(
    "triangular_solve",
    draw(L=well(4), b=(4,)),
    lambda L, b: np.linalg.solve(np.tril(L), b),
    triangular_vjp,
    "L b",
    (
        Bug(
            "upper_triangle_filled",
            "mask missing",
            lambda g, L, b: {
                "L": -np.outer(triangular_vjp(g, L, b)["b"], np.linalg.solve(np.tril(L), b))
            },
        ),
        Bug(
            "transposed",
            "transpose",
            lambda g, L, b: {
                "L": -np.tril(
                    np.outer(np.linalg.solve(np.tril(L), b), triangular_vjp(g, L, b)["b"])
                )
            },
        ),
        Bug(
            "unit_diagonal",
            "missing term",
            lambda g, L, b: {"L": np.tril(triangular_vjp(g, L, b)["L"], -1)},
        ),
    ),
)


# ------------------------------------------------------------------------------------ contractions
def contraction(A, B, C):
    return np.einsum("aij,ajk,kl->ail", A, B, C)


def contraction_vjp(g, A, B, C) -> Arrays:
    return {
        "A": np.einsum("ail,ajk,kl->aij", g, B, C),
        "B": np.einsum("ail,aij,kl->ajk", g, A, C),
        "C": np.einsum("ail,aij,ajk->kl", g, A, B),
    }


EINSUM = Family(
    "einsum",
    draw(A=(2, 3, 3), B=(2, 3, 3), C=(3, 3)),
    contraction,
    contraction_vjp,
    "A B C",
    (
        Bug(
            "batch_not_summed",
            "missing reduction",
            lambda g, A, B, C: {"C": np.einsum("il,ij,jk->kl", g[0], A[0], B[0])},
        ),
        Bug(
            "batch_unreduced",
            "missing reduction",
            lambda g, A, B, C: {"C": np.einsum("ail,aij,ajk->akl", g, A, B)},
            kind="contract",
        ),
        Bug(
            "indices_swapped",
            "transpose",
            lambda g, A, B, C: {"B": contraction_vjp(g, A, B, C)["B"].swapaxes(1, 2)},
        ),
        Bug(
            "broadcast_index",
            "wrong shape",
            lambda g, A, B, C: {"A": contraction_vjp(g, A, B, C)["A"][:, :, :1]},
            kind="contract",
            source="HIPS/autograd#376",
        ),
    ),
)

KRONECKER = Family(
    "kronecker",
    draw(A=(3, 3), B=(3, 3)),
    lambda A, B: np.kron(A, B),
    lambda g, A, B: {
        k: np.einsum(f"ikjl,{o}->{i}", g.reshape(3, 3, 3, 3), X)
        for k, i, o, X in (("A", "ij", "kl", B), ("B", "kl", "ij", A))
    },
    "A B",
    (
        Bug(
            "blocks_for_entries",
            "transpose",
            lambda g, A, B: {"A": np.einsum("ikjl,ij->kl", g.reshape(3, 3, 3, 3), B)},
        ),
        Bug(
            "transposed",
            "transpose",
            lambda g, A, B: {"B": np.einsum("ikjl,ij->lk", g.reshape(3, 3, 3, 3), A)},
        ),
    ),
)


def distances(x, y):
    return np.sqrt(((x[:, None] - y) ** 2).sum(-1))


def distances_vjp(g, x, y) -> Arrays:
    d = distances(x, y)
    share = g / np.where(d > 0, d, 1)
    difference = x[:, None] - y
    return {
        "x": (share[..., None] * difference).sum(1),
        "y": -(share[..., None] * difference).sum(0),
    }


DISTANCES = Family(
    "pairwise_distances",
    draw(x=(4, 3), y=(5, 3)),
    distances,
    distances_vjp,
    "x y",
    (
        Bug(
            "squared",
            "wrong power",
            lambda g, x, y: {"x": 2 * (g[..., None] * (x[:, None] - y)).sum(1)},
        ),
        Bug("second_sign", "sign", lambda g, x, y: {"y": -distances_vjp(g, x, y)["y"]}),
        Bug(
            "nan_where_equal",
            "not finite",
            lambda g, x, y: {"x": _unguarded(g, x, y)},
            on="one_pair_equal",
            source="huggingface/sentence-transformers#4033",
        ),
    ),
    (
        Right(
            "one_pair_equal",
            draw(
                x=lambda rng, dt: np.vstack([np.ones((1, 3)), rng.normal(size=(3, 3))]).astype(dt),
                y=lambda rng, dt: np.vstack([np.ones((1, 3)), rng.normal(size=(4, 3))]).astype(dt),
            ),
            tags="kink",
        ),
    ),
)


def _unguarded(g, x, y):
    with np.errstate(all="ignore"):
        return ((g / distances(x, y))[..., None] * (x[:, None] - y)).sum(1)


def expanded(x, y):
    """Squared distances as x² − 2xy + y²: cancels where points are close."""
    return (x * x).sum(1)[:, None] - 2 * x @ y.T + (y * y).sum(1)


GRAM = Family(
    "expanded_distances",
    draw(x=(4, 3), y=(4, 3)),
    expanded,
    lambda g, x, y: {
        "x": 2 * (x * g.sum(1)[:, None] - g @ y),
        "y": 2 * (y * g.sum(0)[:, None] - g.T @ x),
    },
    "x y",
    (
        Bug(
            "cross_term_half",
            "missing factor 2",
            lambda g, x, y: {"x": 2 * x * g.sum(1)[:, None] - g @ y},
        ),
        Bug(
            "cotangent_untransposed",
            "transpose",
            lambda g, x, y: {"y": 2 * (y * g.sum(0)[:, None] - g @ x)},
        ),
    ),
    (
        Right(
            "far_from_the_origin",
            draw(x=normal(4, 3, shift=3e4), y=normal(4, 3, shift=3e4)),
            tags="cancellation float64",
        ),
    ),
)


# ---------------------------------------------------------- complex: ∂L/∂Re + i ∂L/∂Im, as PyTorch
def spectrum(z):
    return np.fft.fft(z)


FOURIER = Family(
    "fft",
    draw(z=complex_normal(3, 6)),
    spectrum,
    lambda g, z: {"z": (np.fft.ifft(g) * g.shape[-1]).astype(z.dtype)},
    "z",
    (
        Bug("normalised", "missing factor", lambda g, z: {"z": np.fft.ifft(g).astype(z.dtype)}),
        Bug("forward_again", "conjugate", lambda g, z: {"z": np.fft.fft(g).astype(z.dtype)}),
        Bug(
            "shifted_by_one",
            "off by one",
            lambda g, z: {"z": np.roll(np.fft.ifft(g) * g.shape[-1], 1, -1).astype(z.dtype)},
        ),
    ),
    (Right("complex64", dtype="float32"), Right("one_point", draw(z=complex_normal(3, 1)))),
)


def real_spectrum(x):
    return np.fft.rfft(x).astype(np.result_type(x, np.complex64))


def real_spectrum_vjp(g, x, *, doubled=False) -> Arrays:
    n = x.shape[-1]
    full = np.zeros((*g.shape[:-1], n), g.dtype)
    full[..., : g.shape[-1]] = g
    if doubled:
        return {"x": (np.fft.irfft(g, n) * n).astype(x.dtype)}
    return {"x": (np.fft.ifft(full).real * n).astype(x.dtype)}


REAL_FOURIER = Family(
    "rfft",
    draw(x=(3, 8)),
    real_spectrum,
    real_spectrum_vjp,
    "x",
    (
        Bug("inverse_for_adjoint", "factor", lambda g, x: real_spectrum_vjp(g, x, doubled=True)),
        Bug("imaginary_lost", "missing term", lambda g, x: real_spectrum_vjp(g.real + 0j * g, x)),
        Bug("conjugated", "conjugate", lambda g, x: real_spectrum_vjp(np.conj(g), x)),
    ),
    (Right("odd_length", draw(x=(3, 7))),),
)

PRODUCT = Family(
    "complex_product",
    draw(a=complex_normal(6), b=complex_normal(6)),
    lambda a, b: a * b,
    lambda g, a, b: {"a": g * np.conj(b), "b": g * np.conj(a)},
    "a b",
    (
        Bug(
            "unconjugated",
            "conjugate",
            lambda g, a, b: {"a": g * b},
            source="pytorch/pytorch#60180",
        ),
        Bug(
            "conjugate_of_everything",
            "conjugate",
            lambda g, a, b: {"a": np.conj(g * np.conj(b)), "b": np.conj(g * np.conj(a))},
            source="jax-ml/jax#9110",
        ),
        Bug(
            "real_part_only",
            "missing term",
            lambda g, a, b: {"b": (g * np.conj(a)).real + 0 * b},
            source="hkaggarwal/modl#4",
        ),
        Bug("cotangent_conjugated", "conjugate", lambda g, a, b: {"b": np.conj(g) * a}),
    ),
    (Right("complex64", dtype="float32"),),
)

POWER = Family(
    "squared_magnitude",
    draw(z=complex_normal(8)),
    lambda z: (z * np.conj(z)).real,
    lambda g, z: {"z": 2 * g * z},
    "z",
    (
        Bug("half", "missing factor 2", lambda g, z: {"z": g * z}, source="pytorch/pytorch#41857"),
        Bug("conjugated", "conjugate", lambda g, z: {"z": 2 * g * np.conj(z)}),
        Bug("imaginary_zero", "missing term", lambda g, z: {"z": 2 * g * z.real + 0 * z}),
    ),
)

MAGNITUDE = Family(
    "magnitude_and_angle",
    draw(z=complex_normal(8)),
    lambda z: np.abs(z) + 0.5 * np.angle(z),
    lambda g, z: {"z": g * (z / np.abs(z) + 0.5j * z / np.abs(z) ** 2).astype(z.dtype)},
    "z",
    (
        Bug(
            "angle_unscaled",
            "missing factor",
            lambda g, z: {"z": g * (z / np.abs(z) + 0.5j * z / np.abs(z))},
        ),
        Bug(
            "angle_sign",
            "sign",
            lambda g, z: {"z": g * (z / np.abs(z) - 0.5j * z / np.abs(z) ** 2)},
        ),
        Bug("angle_left_out", "missing term", lambda g, z: {"z": g * z / np.abs(z)}),
    ),
)

HOLOMORPHIC = Family(
    "complex_exponential",
    draw(z=complex_normal(5, scale=0.7)),
    lambda z: np.exp(z) + z**2,
    lambda g, z: {"z": g * np.conj(np.exp(z) + 2 * z)},
    "z",
    (
        Bug(
            "unconjugated",
            "conjugate",
            lambda g, z: {"z": g * (np.exp(z) + 2 * z)},
            source="FluxML/Zygote.jl#151",
        ),
        Bug("square_half", "missing factor 2", lambda g, z: {"z": g * np.conj(np.exp(z) + z)}),
    ),
    (Right("complex64", dtype="float32"),),
)

RETRIEVAL = Family(
    "phase_retrieval",
    draw(x=complex_normal(4), A=complex_normal(6, 4), b=(6,)),
    lambda x, A, b: np.sum((np.abs(A @ x) ** 2 - b) ** 2) / 4,
    lambda g, x, A, b: {
        "x": g * np.conj(A).T @ ((np.abs(A @ x) ** 2 - b) * (A @ x)),
        "A": g * np.outer((np.abs(A @ x) ** 2 - b) * (A @ x), np.conj(x)),
    },
    "x A",
    (
        Bug(
            "adjoint_not_conjugated",
            "conjugate",
            lambda g, x, A, b: {"x": g * A.T @ ((np.abs(A @ x) ** 2 - b) * (A @ x))},
        ),
        Bug(
            "outer_not_conjugated",
            "conjugate",
            lambda g, x, A, b: {"A": g * np.outer((np.abs(A @ x) ** 2 - b) * (A @ x), x)},
        ),
        Bug(
            "wirtinger_half",
            "missing factor 2",
            lambda g, x, A, b: {"x": g / 2 * np.conj(A).T @ ((np.abs(A @ x) ** 2 - b) * (A @ x))},
        ),
    ),
)

CONJUGATE = Family(
    "real_part_of_conjugate",
    draw(z=complex_normal(7), w=(7,)),
    lambda z, w: np.conj(z) * w,
    lambda g, z, w: {"z": np.conj(g) * w, "w": (np.conj(g) * np.conj(z)).real},
    "z w",
    (
        Bug("unconjugated", "conjugate", lambda g, z, w: {"z": g * w}),
        Bug(
            "complex_gradient_of_real",
            "wrong dtype",
            lambda g, z, w: {"w": np.conj(g) * np.conj(z)},
            kind="contract",
        ),
        Bug("imaginary_dropped", "missing term", lambda g, z, w: {"w": (g.real * z.real)}),
    ),
)

SCALED = Family(
    "wide_diagonal",
    draw(x=(8,), d=decades(8, low=-6, high=6)),
    lambda x, d: x * d,
    lambda g, x, d: {"x": g * d, "d": g * x},
    "x d",
    (
        Bug(
            "small_half_flushed",
            "zeroed block",
            lambda g, x, d: {"x": g * np.where(np.abs(d) < 1, 0, d)},
            tags="decades",
        ),
        Bug(
            "small_ones_doubled",
            "factor",
            lambda g, x, d: {"x": g * np.where(np.abs(d) < 1e-2, 2 * d, d)},
            on="long",
            tags="decades",
        ),
    ),
    (Right("long", draw(x=(60,), d=decades(60, low=-8, high=8)), tags="decades"),),
)


def gamma_like(x):
    """Stirling's series of log Γ."""
    return (x - 0.5) * np.log(x) - x + 0.5 * math.log(2 * math.pi) + 1 / (12 * x)


SPECIAL = Family(
    "stirling_log_gamma",
    draw(x=lambda rng, dt: rng.uniform(1, 6, 9).astype(dt)),
    gamma_like,
    lambda g, x: {"x": g * (np.log(x) - 0.5 / x - 1 / (12 * x * x))},
    "x",
    (
        Bug("log_only", "missing term", lambda g, x: {"x": g * np.log(x)}),
        Bug("last_term", "missing term", lambda g, x: {"x": g * (np.log(x) - 0.5 / x)}),
    ),
)

FAMILIES = (
    INVERSE,
    SOLVE,
    LOG_DET,
    CHOLESKY,
    TRIANGLE,
    EIGENVALUES,
    PROJECTOR,
    SINGULAR,
    QR,
    EXPONENTIAL,
    QUADRATIC,
    TRIANGULAR,
    EINSUM,
    KRONECKER,
    DISTANCES,
    GRAM,
    FOURIER,
    REAL_FOURIER,
    PRODUCT,
    POWER,
    MAGNITUDE,
    HOLOMORPHIC,
    RETRIEVAL,
    CONJUGATE,
    SCALED,
    SPECIAL,
)
