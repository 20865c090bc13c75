"""What the names of arrays in code tell: data, weights, gradients, rates, sizes."""

import re
from collections.abc import Mapping


def plain(name: str) -> str:
    """Returns a name in small letters without underscores."""
    return name.replace("_", "").lower()


_FRONTS = (
    *("d", "grad", "gradient", "delta", "nabla", "dld", "dl", "g", "dlossd", "dloss", "gradof"),
    *("djd", "dj", "dcd", "dc", "ded", "de", "partial", "dcostd", "gradientof", "gradwrt", "g"),
    *(
        "gradients",
        "grads",
        "deltas",
        "dcostw",
        "dlosswrt",
        "derivative",
        "deriv",
        "sumd",
        "totald",
    ),
    *("newd", "avggrad"),
)
_BACKS = ("grad", "gradient", "g", "grads", "gradients", "delta", "derivative", "deriv", "bar")
_KINDS: Mapping[str, str] = {
    **dict.fromkeys(("w", "weight", "weights", "ws", "theta", "thetas"), "w"),
    **dict.fromkeys(("b", "bias", "biases", "bs"), "b"),
    **dict.fromkeys(("k", "kernel", "kernels", "filter", "filters"), "k"),
    **dict.fromkeys(("x", "input", "inputs", "inp", "xin"), "x"),
}


def kin(name: str) -> str:
    """Returns a name with its synonyms made one: weights1 is w1."""
    p = plain(name)
    head = re.match(r"[a-z]*", p)
    word = head[0] if head else p
    return _KINDS.get(word, word) + p[len(word) :]


def gradient_of(name: str, parameter: str) -> bool:
    """Whether a name is that of the gradient of a parameter: dW, grad_W, W_grad.

    >>> gradient_of("dL_dW", "W"), gradient_of("weights_gradient", "weights")
    (True, True)
    >>> gradient_of("nabla_w", "weights"), gradient_of("d_bias", "b")
    (True, True)
    >>> gradient_of("delta", "W"), gradient_of("db", "W")
    (False, False)
    """
    p, g = plain(parameter), plain(name)
    if not p or not g or p == g:
        return False
    known = (p, kin(parameter)) if len(p) > 1 or kin(parameter) == p else (p,)
    for front in _FRONTS:
        if g.startswith(front) and len(g) > len(front):
            rest = g[len(front) :]
            if rest in known or kin(rest) == kin(parameter):
                return True
    for back in _BACKS:
        if g.endswith(back) and len(g) > len(back):
            rest = g[: -len(back)]
            if rest in known or kin(rest) == kin(parameter):
                return True
    return False


def is_gradient(name: str) -> bool:
    """Whether a name is that of a gradient of something.

    >>> [is_gradient(n) for n in ("dW1", "grad", "d_hidden", "delta2", "data", "depth")]
    [True, True, True, True, False, False]
    """
    p = plain(name)
    if re.fullmatch(r"(grads?|gradients?|deltas?\d*|nabla\w*|grad\w+|\w+grads?)", p):
        return True
    if re.fullmatch(r"[dg][A-Za-z]*_[dg]\w+|g_\w+", name):  # dj_dw, dL_dW, g_out
        return True
    return re.fullmatch(r"d(_\w+|[A-Z]\w*|[a-z]?\d*|out|[xywbhzac]\w?\d*)", name) is not None


GRADIENTS = frozenset("grads gradients grad gradient g dparams nabla derivatives".split())
"""Containers of gradients."""

DATA = frozenset(
    """
    x a aprev input inputs z data xt inputdata inp s v u features image images img imgs xbatch
    xtrain batch sample samples xin datax inputarray layerinput prevlayer xb value values vector
    """.split()
)
HIDDEN = frozenset(
    """
    prevh hprev h h0 a0 hidden hiddenstate state previous hidprev prevstate hstart prevhidden
    cprev prevc c c0 cell cellstate memory ctprev htprev hp cp
    """.split()
)
TARGETS = frozenset(
    """
    y t ytrue target targets label labels ytarget truth ybatch ytrain groundtruth desired expected
    expectedoutput gt yt yb onehot yonehot ys truelabels actual tn correct ytruth ylabels answer
    """.split()
)
OUTPUTS = frozenset(
    """
    ypred yhat output out a2 a3 o prediction predictedvalues predictions pred preds p probs prob
    al logits scores outputs yout ypredicted h activations predicted result yp probabilities f3 z3
    ahat yhats
    """.split()
)
COTANGENTS = frozenset(
    """
    dout dy dl grad gradoutput outputgradient upstream dz da dvalues gradout outputgrad gradient
    delta error dh ds dupstream upstreamgrad upstreamgradient dnext dloss topdiff gout outgrad
    ybar gradoutputs outputerror dldy dldout doutput grady dlda dldz eta accumgrad nextgrad
    upstreamgradients incominggrad incoming gy backgrad gradsoutput outputdelta nextdelta
    dedy dldoutput gradnext gradout grads outerror d loss_gradient lossgradient lossgrad
    """.split()
)
_RATES = frozenset(
    "lr learningrate eta alpha stepsize rate learnrate lrate step epsilonlr learning".split()
)
_GUARDS = frozenset("eps epsilon tiny smallnumber delta1e".split())
_PENALTIES = frozenset(
    "reg lam lambd lambda lambdaa l2 weightdecay reglambda l2reg regularization wd lmbda lmbd "
    "regstrength l2lambda decayrate lambda1 lambda2 regularizationstrength lamb".split()
)
_COUNTS = frozenset(
    "epochs nepochs numepochs iterations niter niters numiterations steps nsteps maxiter numiters "
    "nsteps numsteps maxepochs epoch iters niterations nepoch".split()
)
_BATCHES = frozenset("batchsize minibatchsize bs nbatch".split())
_KERNEL = frozenset(
    "kernelsize filtersize f k poolsize ksize size pool kernel window fs hf wf poolh poolw "
    "poolheight poolwidth kh kw filterh filterw filterheight filterwidth".split()
)
_KEPT = re.compile(r"p|keep|\w*drop\w*|\w*keepprob\w*|pkeep|prob")
_ON = frozenset("training train istraining istrain trainflag isrecompute usebias bias".split())
_OFF = frozenset("verbose printcost plot debug printloss showloss isplot test shuffle".split())
_MANY = frozenset(
    """
    sizes layers layersizes layerdims dims hiddensizes architecture hiddendims layersdims structure
    hiddenlayers layerssizes netdims nodes neurons shape units layernodes hiddensizelist topology
    """.split()
)
_STORES = frozenset("params parameters param theta weights model network net p".split())

_WEIGHT = re.compile(r"w(?!h$|hh$|aa$)\w*|weights?\d*|theta\d*|kernels?|filters?|u[a-z]\d*|v[a-z]")
_RECURRENT = re.compile(r"wh|whh|waa|u|uh|wrec|ws|wr|hidweights|wah|whhh")
_BIAS = re.compile(r"b|b\d|bias(es)?\d*|b[a-z]{1,2}\d?|bias[a-z]{1,2}|intercept")
_SIZE = re.compile(
    r"n(in|out|x|h|y|a|hidden|input|output|inputs|outputs|features|units|classes|hid|neurons|inp)"
    r"|(input|output|hidden|in|out)(size|dim|features|units|nodes|shape|channels|layer|neurons|n)?"
    r"|(d|h|hidden)(in|out|model|hidden|k|v|ff)?|fan(in|out)|num\w+|\w+(size|dim|dims|units|channels)"
    r"|units|nodes|dim|features|vocab\w*|in|m|inputs?n|outputs?n|n|filters|din|dout|hiddenunits"
    r"|innodes|outnodes|hiddennodes|nfilters|classes|hiddenlayers?size|neurons"
)


def role(name: str) -> str:
    """Returns what an argument is by its name: data, weight, …; "" where that is not known."""
    p = plain(name)
    if name == "V":  # where v is a velocity, or an input
        return "weight"
    tables = (
        *((DATA, "data"), (HIDDEN, "hidden"), (TARGETS, "target"), (_RATES, "rate")),
        *((_GUARDS, "guard"), (_PENALTIES, "penalty"), (_COUNTS, "count"), (_BATCHES, "batch")),
        *((frozenset(("gamma", "beta")), "scale"),),
    )
    for known, kind in tables:
        if p in known:
            return kind
    if _RECURRENT.fullmatch(p):
        return "recurrent"
    if _BIAS.fullmatch(p):
        return "bias"
    return "weight" if _WEIGHT.fullmatch(p) else ""


def setting(name: str) -> str:
    """Returns what a setting is by its name, of a class above all: a size, a flag, …."""
    p = plain(name)
    tables = (
        *((_RATES, "rate"), (_GUARDS, "guard"), (_PENALTIES, "penalty"), (_COUNTS, "count")),
        *((_BATCHES, "batch"), (_KERNEL, "kernel"), (_ON, "on"), (_OFF, "off")),
        *((_MANY, "sizes"),),
    )
    for known, kind in tables:
        if p in known:
            return kind
    if _KEPT.fullmatch(p):
        return "kept"
    if p in {"stride", "strides", "stridesize", "strideh", "stridew", "s"}:
        return "stride"
    if p in {"pad", "padding", "padsize", "p"}:
        return "pad"
    if p in {"momentum", "mu", "rho", "decay", "beta1", "beta2", "b1", "b2", "beta"}:
        return "share"
    return "size" if _SIZE.fullmatch(p) else ""


def is_settings(name: str) -> bool:
    """Whether a name is that of a dictionary of settings: conv_param, config, hparams."""
    p = plain(name)
    return (
        re.fullmatch(r"\w+params?|config\w*|cfg|options|opts|\w*hyper\w*|hparams\w*|settings", p)
        is not None
    )


def is_store(name: str) -> bool:
    """Whether a name is that of a container of parameters."""
    return plain(name) in _STORES


def is_cache(name: str) -> bool:
    """Whether a name is that of what a forward pass keeps for its backward pass."""
    p = plain(name)
    return any(word in p for word in ("cache", "ctx", "context", "saved", "memory", "memo", "tape"))
