"""What names mean before a document says otherwise: tables, no logic."""

from collections.abc import Mapping

from reports.documents.tree import Product

FUNCTIONS: Mapping[str, str] = {
    **{name: name for name in ("exp", "tanh", "sin", "cos", "sqrt", "softmax", "max", "min")},
    "log": "log",
    "ln": "log",
    "lg": "log10",
    "sum": "sum",
    "mean": "mean",
    "abs": "abs",
    "sigmoid": "sigmoid",
    "Sigmoid": "sigmoid",
    "logistic": "sigmoid",
    "Softmax": "softmax",
    "ReLU": "relu",
    "relu": "relu",
    "Relu": "relu",
    "RELU": "relu",
    "Tanh": "tanh",
    "diag": "diag",
    "Diag": "diag",
    "det": "det",
    **dict.fromkeys(("tr", "Tr", "trace", "Trace", "trace"), "trace"),
    "sign": "sign",
    "sgn": "sign",
    "sech": "sech",
    "SoftMax": "softmax",
    "softplus": "softplus",
    **{name: name for name in ("tan", "arctan", "arcsin", "arccos")},
    "cosh": "cosh",
    "sinh": "sinh",
}
"""Words that are functions wherever they stand before an argument."""

NAMED = frozenset(("f", "g", "sigma", "phi", "psi", "varphi", "varsigma", "S", "F", "G", "H"))
"""Symbols that are functions where an opening parenthesis follows."""

LOSSES = frozenset(
    ("L", "LL", "E", "J", "C", "ell", "loss", "Loss", "cost", "Cost", "MSE", "CE", "BCE", "error")
)
"""Symbols whose parenthesis lists what they depend on."""

WEIGHTS = frozenset("WwUbB")
ROLES_OF_WEIGHTS = frozenset("QKVOX")
"""Superscripts that tell weights apart, as in W^Q, and are no powers."""

WORDS = frozenset(
    ("LL", "net", "out", "target", "input", "output", "loss", "Loss", "cost", "error", "grad", "lr")
) | {"MSE", "CE", "BCE", "new", "old", "sigmoid", "softmax", "relu", "ReLU", "tanh", "mean"}
"""Letters in a row that are one name, and no product."""

FONTS = frozenset(
    ("mathbf", "boldsymbol", "bm", "mathrm", "mathit", "mathcal", "mathscr", "mathsf", "mathtt")
) | {"vec", "pmb", "mathbb", "mathfrak", "textbf", "textit", "bf", "rm", "it"}
"""Commands that change the looks of a name and not the name."""

ACCENTS = {"hat": "hat", "widehat": "hat", "bar": "bar", "overline": "bar", "tilde": "tilde"} | {
    "widetilde": "tilde",
    "dot": "dot",
    "check": "check",
}
"""Commands that make another name."""

TEXTS = frozenset(("text", "textrm", "mbox", "textnormal", "operatorname", "operatorname*", "hbox"))

GREEK = frozenset(
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi"
    " pi rho sigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma"
    " Upsilon Phi Psi Omega ell varsigma".split()
)
SAME = {"varepsilon": "epsilon", "varphi": "phi", "vartheta": "theta", "varsigma": "sigma"}
"""Letters that differ in looks only."""

PRODUCTS: Mapping[str, Product] = {
    "cdot": "dot",
    "bullet": "dot",
    "times": "cross",
    "*": "star",
    "ast": "star",
    "odot": "hadamard",
    "circ": "hadamard",
    "otimes": "outer",
    "∗": "star",
}

RELATIONS = {
    "=": "=",
    "equiv": "=",
    "coloneqq": ":=",
    "leftarrow": ":=",
    "gets": ":=",
    "triangleq": "=",
    "approx": "≈",
    "simeq": "≈",
    "cong": "≈",
    "doteq": "≈",
    "thickapprox": "≈",
    "sim": "remark",
    "<": "other",
    ">": "other",
    "le": "other",
    "leq": "other",
    "ge": "other",
    "geq": "other",
    "ne": "remark",
    "neq": "remark",
    "in": "remark",
    "propto": "remark",
    "ll": "other",
    "gg": "other",
    "to": "remark",
    "rightarrow": "remark",
    "mapsto": "remark",
    "subset": "remark",
    "longrightarrow": "remark",
    "lt": "other",
    "gt": "other",
    "xrightarrow": "remark",
    "leqslant": "other",
    "geqslant": "other",
    "notin": "remark",
    "stackrel": "remark",
}
COMPARISONS = {"=": "=", "<": "<", ">": ">", "lt": "<", "gt": ">"} | {
    **dict.fromkeys(("neq", "ne", "not="), "≠"),
    **dict.fromkeys(("le", "leq", "leqslant"), "≤"),
    **dict.fromkeys(("ge", "geq", "geqslant"), "≥"),
}
"""What may stand in the condition of a case."""

OTHERWISE = frozenset(("otherwise", "else", "其他", "其它", "否则", "其余", "ifotherwise"))
JOINING = frozenset(("if", "when", "for", "若", "当", "如果", "where", "时", "and"))
"""Words beside a case without and with a condition."""

STOPS = frozenset(("Rightarrow", "implies", "iff", "Longrightarrow", "therefore", "because"))
STOPS |= {"Leftrightarrow", "quad", "land", "longmapsto"}
"""Commands that end a statement and begin another."""

MATRICES = frozenset(
    ("matrix", "bmatrix", "pmatrix", "Bmatrix", "smallmatrix", "array", "vmatrix", "bsmallmatrix")
)
ROWS = frozenset(
    f"{name}{star}"
    for name in ("equation", "align", "aligned", "alignat", "gather", "gathered", "split")
    for star in ("", "*")
) | {"multline", "multline*", "eqnarray", "eqnarray*", "displaymath", "math", "flalign", "flalign*"}
ROWS |= {"subequations", "alignedat"}

UNREADABLE: Mapping[str, str] = {
    "int": "an integral",
    "lim": "a limit",
    "prod": "a product over an index",
    "mathbb{E}": "an expectation",
    "arg": "an argument of a maximum",
    "binom": "a binomial",
    "oint": "an integral",
    "iint": "an integral",
    "ldots": "dots that leave something out",
    "cdots": "dots that leave something out",
    "dots": "dots that leave something out",
    "vdots": "dots that leave something out",
    "ddots": "dots that leave something out",
    "infty": "infinity",
    "pm": "plus or minus",
    "mp": "minus or plus",
    "dotsc": "dots that leave something out",
    "underbrace": "a brace",
    "overbrace": "a brace",
    "xrightarrow": "an arrow",
}
"""What has no meaning here, in words."""


def of_loss(key: str) -> str:
    """Returns "loss" for the names of a loss, which documents mix; E_1 and E_2 are two losses.

    >>> of_loss("E"), of_loss("L_CE"), of_loss("E_2"), of_loss("z")
    ('loss', 'loss', 'E_2', 'z')
    """
    base, _, script = key.partition("_")
    return "loss" if base in LOSSES and not any(map(str.isdecimal, script)) else key
