"""Blocks: any network is a layer of a chain, whose inside is known by its pullback alone."""

from functools import partial

import jax
import jax.numpy as jnp
import pytest

import jaxbrain as jb
from jaxbrain.learning import chain
from jaxbrain.learning.forward import draw_label
from tests.tables import MECHANISMS, RULES, most_slow
from tests.theory import CE, distance, problem

pytestmark = pytest.mark.x64

new_key = partial(jax.random.key, 4)
TANH = jb.elementwise(jnp.tanh)


def _init(key, x):
    kernel = jax.random.normal(key, (x.shape[-1], 6), x.dtype) / 3
    return {"inside": [kernel], "gain": jnp.ones((), x.dtype)}


def _apply(params, x, *, key=None):
    return x + params["gain"] * jnp.sin(x @ params["inside"][0])


KINDS = {
    "residual": jb.residual(jb.serial(jb.dense(6), TANH)),
    "parallel": jb.parallel(jb.dense(2), jb.serial(jb.dense(4), TANH)),
    "nested": jb.serial(jb.dense(5), TANH, jb.dense(6)),
    "own": jb.Network(_init, _apply),
}
# a rule that needs more than the pullback of a block says what is missing
NEEDS = {
    "symmetric weights: layer 2, .* is not a linear coupling": {
        "equilibrium_propagation", "random_sign_equilibrium_propagation", "contrastive_hebbian",
        "centered_equilibrium_propagation", "holomorphic_equilibrium_propagation",
    },
    "inverts every layer.*layer 2, .* cannot be inverted": {"gait_propagation"},
    "must be linear in its input and have one kernel": {"weight_mirror"},
}  # fmt: skip
REFUSING = {name: message for message, names in NEEDS.items() for name in names}


def with_block(*blocks):
    return jb.serial(jb.dense(6), TANH, *blocks, jb.dense(3))


ALL = with_block(*(block for kind in KINDS.values() for block in (kind, TANH)))


def traced(name, net):
    """The rule on a batch, traced."""
    rule = RULES[name].make(net, CE)
    x, y = jnp.ones((4, 5)), jnp.arange(4) % 3
    params = net.init(jax.random.key(0), x[0])
    state = rule.init(jax.random.key(1), params, x[0])
    call = partial(rule.grads, key=jax.random.key(2))
    grads = jax.eval_shape(call, params, state, x, y)[1]
    assert jax.tree.map(jnp.shape, grads) == jax.tree.map(jnp.shape, params)


TAKING = most_slow(sorted(RULES.keys() - REFUSING.keys()), MECHANISMS)


@pytest.mark.parametrize(
    "kinds", [("residual", "own"), pytest.param(("parallel", "nested"), marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("name", TAKING)
def test_every_rule_takes_blocks(name, kinds):
    traced(name, with_block(*(KINDS[kind] for kind in kinds)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", sorted(REFUSING))
def test_a_rule_that_needs_more_of_a_block_says_what(name, kind):
    with pytest.raises(ValueError, match=f"(?s){name}.*{REFUSING[name]}"):
        traced(name, with_block(KINDS[kind]))


def test_a_layer_of_several_outputs_is_refused():
    pair = jb.parallel(jb.dense(2), jb.dense(2), combine=tuple)
    net = with_block(pair, jb.elementwise(jnp.concatenate))
    traced("backprop", net)
    with pytest.raises(ValueError, match=r"must return one array.*parallel.*join its outputs"):
        traced("feedback_alignment", net)


def test_the_mirror_of_a_residual_layer_is_its_kernel():
    layer, x = jb.residual(jb.dense(4)), jnp.ones(4)
    params = layer.init(new_key(), x)
    seen = jb.learning.feedback.learned.mirror(jax.random.key(1), layer, params, x, samples=2000)
    assert distance(seen["kernel"], params["kernel"]) < 0.2


def test_tokens_are_found_in_blocks():
    inner = jb.serial(jb.embed(5, 3), jb.flatten())
    for make in (jb.learning.pepita, jb.learning.forward_forward):
        with pytest.raises(ValueError, match="takes tokens"):
            make(with_block(inner), CE)
    assert not chain.has_weights(jb.residual(jb.parallel(jb.flatten(), TANH)))
    assert chain.has_weights(jb.residual(jb.with_precision(jb.serial(TANH, jb.dense(3)), "f4")))


class Block:
    """A function of weights and input ``[batch, ...]``: a layer, and activations after it."""

    def __init__(self, layers):
        self.layers = layers

    def layer(self, p, a):
        return jax.vmap(partial(self.layers[0].apply, p))(a)

    def after(self, a):
        for layer in self.layers[1:]:
            a = jax.vmap(partial(layer.apply, ()))(a)
        return a

    def __call__(self, p, a):
        return self.after(self.layer(p, a))


def functions(net, params):
    """The blocks of a network and the weights of each."""
    return [(Block(net.layers[start:stop]), params[start]) for start, stop in chain.blocks(params)]


def pulled(f, p, a, signal):
    """The gradient of the weights of a block for a signal at its output, and the one below."""
    return jax.vjp(f, p, a)[1](signal)


def in_place(params, grads):
    """The gradients of the blocks, in the structure of params."""
    grads = list(grads)
    return tuple(grads.pop(0) if jax.tree.leaves(p) else () for p in params)


class Hand:
    """The blocks of a network on a batch: inputs, outputs, the error of the output."""

    def __init__(self, net, params, x, y):
        self.net, self.params, self.x, self.y = net, params, x, y
        self.parts = functions(net, params)
        self.a = [x]
        for f, p in self.parts:
            self.a.append(f(p, self.a[-1]))
        self.error = jax.grad(lambda o: jnp.mean(jax.vmap(CE)(o, y)))(self.a[-1])

    def by_signals(self, signals):
        rows = zip(self.parts, self.a, signals, strict=False)
        return [pulled(f, p, a, s)[0] for (f, p), a, s in rows]

    def through(self, feedback):
        """Signals carried through the blocks with other weights."""
        signals, above = [self.error], self.error
        for (f, p), (_, b), a in zip(
            self.parts[:0:-1], feedback[:0:-1], self.a[-2:0:-1], strict=True
        ):
            above = jax.vjp(f.after, f.layer(p, a))[1](above)[0]
            above = jax.vjp(partial(f.layer, b), a)[1](above)[0]
            signals.insert(0, above)
        return signals


def feedback_alignment(hand, rule, state):
    return hand.by_signals(hand.through(functions(hand.net, state)))


def kolen_pollack(hand, rule, state):
    kernels = jax.tree.map(lambda b, w: b if w.ndim > 1 else w, state.feedback, hand.params)
    grads = feedback_alignment(hand, rule, kernels)
    weights = [p for _, p in hand.parts]
    return jax.tree.map(lambda g, w: g + 0.1 * w if w.ndim > 1 else g, grads, weights)


def direct_feedback_alignment(hand, rule, state):
    return hand.by_signals([*(hand.error @ b for b in state), hand.error])


def predictive_coding(hand, rule, state, nudge=0.1, step=0.2, steps=7):
    z = hand.a[1:]
    for _ in range(steps):
        errors = [a - f(p, b) for (f, p), b, a in zip(hand.parts, [hand.x, *z], z, strict=False)]
        pull = [pulled(*hand.parts[i], z[i - 1], errors[i])[1] for i in range(1, len(z))]
        pull.append(-nudge * jax.vmap(jax.grad(CE))(z[-1], hand.y))
        z = [a - step * (e - d) for a, e, d in zip(z, errors, pull, strict=True)]
    inputs = [hand.x, *z]
    return [
        pulled(f, p, a, -(b - f(p, a)) / nudge / len(a))[0]
        for (f, p), a, b in zip(hand.parts, inputs, z, strict=False)
    ]


def local_losses(hand, rule, state):
    def of(readout):
        def loss(h):
            o = h.reshape(len(h), -1) @ readout[1]["kernel"] + readout[1]["bias"][None]
            return jnp.mean(jax.vmap(CE)(o, hand.y))

        return loss

    errors = [jax.grad(of(r))(a) for r, a in zip(state.params, hand.a[1:], strict=False)]
    return hand.by_signals([*errors, hand.error])


def pepita(hand, rule, state):
    modulated = hand.x + len(hand.x) * hand.error @ state
    second = Hand(hand.net, hand.params, modulated, hand.y)
    grads = []
    for i, (f, p) in enumerate(hand.parts[:-1]):
        signal = (hand.a[i + 1] - second.a[i + 1]) / len(hand.x)
        grads.append(pulled(f.layer, p, second.a[i], signal)[0])
    return [*grads, second.by_signals([*hand.a[1:-1], second.error])[-1]]


def difference_target_propagation(hand, rule, state):
    """All activations are elementwise, of the block below its inverse."""
    n, step = len(hand.x), 0.1
    last = pulled(*hand.parts[-1], hand.a[-2], hand.error)[1]
    errors, offset = [hand.error, last], -step * n * last
    for j in reversed(range(len(state.params))):
        (f, _), v = hand.parts[j + 1], state.params[j]

        def inverse(u, f=f, v=v, j=j):
            u = pulled(f.layer, v["layer"], hand.a[j + 1], u)[1] + v["bias"][None]
            return jnp.tanh(u)

        offset = inverse(hand.a[j + 2] + offset) - inverse(hand.a[j + 2])
        errors.append(-offset / (step * n))
    return hand.by_signals(errors[::-1])


def next_label(key, logits, label):
    return (label + 1) % 3


def forward_forward(hand, rule, state):
    """Each hidden block by its own goodness, its input held; the readout under a neutral label."""
    labels = jax.nn.one_hot(jnp.stack([hand.y, (hand.y + 1) % 3]), 3)
    grads = [jax.tree.map(jnp.zeros_like, p) for _, p in hand.parts]

    def squares(a):
        return jnp.mean(a**2, axis=1, keepdims=True)

    for sign, label in zip((-1, 1), labels, strict=True):
        a = jax.vmap(draw_label)(hand.x, label)
        for i, (f, p) in enumerate(hand.parts[:-1]):
            a = a / jnp.sqrt(squares(a) + 1e-8) if i else a
            local = partial(_fit, f, a, sign)
            grads[i] = jax.tree.map(jnp.add, grads[i], jax.grad(local)(p))
            a = f(p, a)
    a = jax.vmap(draw_label)(hand.x, jnp.full((len(hand.x), 3), 1 / 3))
    for i, (f, p) in enumerate(hand.parts[:-1]):
        a = f(p, a / jnp.sqrt(squares(a) + 1e-8) if i else a)
    f, p = hand.parts[-1]
    a = a / jnp.sqrt(squares(a) + 1e-8)
    grads[-1] = jax.grad(lambda p: jnp.mean(jax.vmap(CE)(f(p, a), hand.y)))(p)
    return grads


def _fit(f, a, sign, p):
    goodness = jnp.mean(f(p, a) ** 2, axis=1)
    return jnp.mean(jax.nn.softplus(sign * 40.0 * (goodness - 0.5)))


def ones(key, shape, dtype):
    return jnp.ones(shape, dtype)


def node_perturbation(hand, rule, state, scale=0.3):
    """Noise of 1 at every unit: its own input and the change of the loss of each example."""

    a = hand.x
    for f, p in hand.parts:
        a = f.after(f.layer(p, a) + scale)
    change = (jax.vmap(CE)(a, hand.y) - jax.vmap(CE)(hand.a[-1], hand.y)) / scale / len(a)
    grads = []
    for (f, p), below in zip(hand.parts, hand.a, strict=False):
        z = f.layer(p, below)
        grads.append(pulled(f.layer, p, below, change[:, None] * jnp.ones_like(z))[0])
    return grads


# with options that leave nothing to chance
EXACT = {
    feedback_alignment: {},
    kolen_pollack: {"decay": 0.1},
    direct_feedback_alignment: {},
    predictive_coding: {"nudge": 0.1, "step_size": 0.2, "steps": 7},
    local_losses: {},
    forward_forward: {"negatives": next_label},
    pepita: {},
    difference_target_propagation: {"noise": 0.0},
    node_perturbation: {"sampler": ones, "scale": 0.3},
}


QUICK = (direct_feedback_alignment, difference_target_propagation)


@pytest.mark.parametrize(
    "by_hand",
    [pytest.param(f, marks=() if f in QUICK else pytest.mark.slow) for f in EXACT],
    ids=lambda f: f.__name__,
)
def test_the_gradient_of_a_block_is_its_pullback_of_the_signal_of_the_rule(by_hand):
    params, x, y = problem(ALL, CE, n=4)
    rule = getattr(jb.learning, by_hand.__name__)(ALL, CE, **EXACT[by_hand])
    state = rule.init(new_key(), params, x[0])

    @jax.jit
    def both(params, y):
        got = rule.grads(params, state, x, y, key=jax.random.key(5))[1]
        return got, in_place(params, by_hand(Hand(ALL, params, x, y), rule, state))

    got, want = both(params, y)
    for mine, his in zip(got, want, strict=True):
        assert not jax.tree.leaves(mine) or distance(mine, his) < 1e-9
    assert distance(got, both(params, (y + 1) % 3)[1]) > 0.01  # the control: other targets
