"""The reach of `benchmarks.motor` in hand-written JAX, and in MotorNet.

In the hand-written body a quantity of a joint is ``[batch]`` and of the muscles ``[6, batch]``, so
that the trials are contiguous in memory. The weights have the layout of jaxbrain.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks import measure
from jaxbrain.motor import TaskInput

UNITS, DELAY, SUBSTEPS, DT = 128, 5, 2, 0.01
RATE = 1e-3

sigmoid = jax.nn.sigmoid


class Job(NamedTuple):
    """One implementation: fresh state, one finished update, the loss of a state, the movement.

    Forward moves the arm with the initial weights, without a gradient.
    """

    label: str
    prepare: Callable[[], Any]
    step: Callable[[Any], Any]
    loss: Callable[[Any], float]
    forward: Callable[[], Any]


def column(*values: float) -> jax.Array:
    return jnp.asarray(values, jnp.float32)[:, None]


FORCE = (838.0, 1207.0, 1422.0, 1549.0, 414.0, 603.0)
TENDON = (0.039, 0.066, 0.172, 0.187, 0.204, 0.217)
OPTIMAL = (0.134, 0.140, 0.092, 0.093, 0.137, 0.127)
L1, L2 = 0.309, 0.333
SQUARE = 1.82 * 0.135**2 + 0.051 + 1.43 * (0.165**2 + L1**2) + 0.057
COUPLING = 1.43 * L1 * 0.165
FOREARM = 1.43 * 0.165**2 + 0.057
LIMITS = ((0.0, 2.356194490192345), (0.0, 2.705260340591211))
STIFFNESS, DAMPING, GIVE = 1000.0, 10.0, 0.1


class Body(NamedTuple):
    """Angles and velocities of shoulder and elbow ``[batch]``, activations ``[6, batch]``."""

    q1: jax.Array
    q2: jax.Array
    w1: jax.Array
    w2: jax.Array
    a: jax.Array


def geometry(s: Body) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """Lengths, velocities and moment arms about shoulder and elbow ``[6, batch]``."""
    p = s.q1 - jnp.pi / 2
    r1 = column(-0.03, 0.03, 0, 0, -0.03, 0.03)
    first = column(0, 0, -0.014, 0.025, -0.016, 0.03)
    second = column(0, 0, -4e-3, -2.2e-3, -5.7e-3, -3.2e-3)
    rest = column(0.151, 0.2322, 0.2859, 0.2355, 0.3329, 0.2989)
    length = rest + r1 * p + (first + second * s.q2) * s.q2
    r2 = first + 2 * second * s.q2
    return length, r1 * s.w1 + r2 * s.w2, r1, r2


def positive(x: jax.Array) -> jax.Array:
    return jnp.where(x > 0, x, 0.0)


def tension(a: jax.Array, lengths: jax.Array, velocities: jax.Array) -> jax.Array:
    """Thelen's muscle on a rigid tendon ``[6, batch]``."""
    optimal = column(*OPTIMAL)
    x, v = positive(lengths - column(*TENDON)) / optimal, velocities / (optimal * 10)
    s = (1 + 3 * a) / 4
    down, up = jnp.minimum(v, 0), positive(v)
    shortening = positive(down + s) / (s - 4 * down)
    lengthening = (0.4 * s + 14 * up) / (0.4 * s + 10 * up)
    curve = jnp.where(v > 0, lengthening, shortening)
    passive = jnp.expm1(5 * positive(x - 1) / 0.6) / np.expm1(5.0)
    return column(*FORCE) * (a * jnp.exp(-((x - 1) ** 2) / 0.45) * curve + passive)


def stop(q: jax.Array, w: jax.Array, limits: tuple[float, float]) -> jax.Array:
    beyond = q - jnp.clip(q, *limits)
    grip = 1 - 1 / (1 + (beyond / GIVE) ** 2) ** 2
    return -grip * (STIFFNESS * beyond + DAMPING * w)


def within(u: jax.Array) -> jax.Array:
    u = jnp.where(u < 0, 0.0, u)
    return jnp.where(u > 1, 1.0, u)


def flow(s: Body, u: jax.Array, f: jax.Array) -> Body:
    """The derivative of a body under excitations ``[6, batch]`` and a force ``[2, batch]``."""
    lengths, velocities, r1, r2 = geometry(s)
    pull = tension(s.a, lengths, velocities)
    far_x, far_y = L2 * jnp.cos(s.q1 + s.q2), L2 * jnp.sin(s.q1 + s.q2)
    x, y = L1 * jnp.cos(s.q1) + far_x, L1 * jnp.sin(s.q1) + far_y
    h = COUPLING * jnp.sin(s.q2)
    t1 = f[1] * x - f[0] * y - (pull * r1).sum(0)
    t2 = f[1] * far_x - f[0] * far_y - (pull * r2).sum(0)
    t1 = t1 + h * (2 * s.w1 + s.w2) * s.w2 + stop(s.q1, s.w1, LIMITS[0])
    t2 = t2 - h * s.w1**2 + stop(s.q2, s.w2, LIMITS[1])
    bend = COUPLING * jnp.cos(s.q2)
    m11, m12, m22 = SQUARE + 2 * bend, FOREARM + bend, FOREARM
    determinant = m11 * m22 - m12**2
    factor = 0.5 + 1.5 * within(s.a)
    tau = jnp.where(u > s.a, 0.015 * factor, 0.05 / factor)
    return Body(s.w1, s.w2, (m22 * t1 - m12 * t2) / determinant,
                (m11 * t2 - m12 * t1) / determinant, (u - s.a) / tau)  # fmt: skip


def unrolled(s: Body, u: jax.Array, f: jax.Array) -> Body:
    """A step of the body: Runge-Kutta of order four, every stage written out."""
    dt, u = DT / SUBSTEPS, within(u)
    for _ in range(SUBSTEPS):
        one = flow(s, u, f)
        two = flow(ahead(s, dt / 2, one), u, f)
        three = flow(ahead(s, dt / 2, two), u, f)
        four = flow(ahead(s, dt, three), u, f)
        mean = jax.tree.map(lambda a, b, c, d: (a + 2 * (b + c) + d) / 6, one, two, three, four)
        s = ahead(s, dt, mean)
    return s


def looped(s: Body, u: jax.Array, f: jax.Array, slope_of: Callable = flow) -> Body:
    """The same with one compiled stage."""
    dt, u = DT / SUBSTEPS, within(u)
    far = jnp.asarray([0.5, 0.5, 1.0, 0.0] * SUBSTEPS) * dt
    weight = jnp.asarray([1.0, 2.0, 2.0, 1.0] * SUBSTEPS) * dt / 6
    last = jnp.asarray([0.0, 0.0, 0.0, 1.0] * SUBSTEPS)

    def stage(carry: tuple, now: tuple) -> tuple:
        start, moved, here = carry
        far, weight, last = now
        slope = slope_of(here, u, f)
        moved = ahead(moved, weight, slope)
        start = ahead(start, last, moved)
        here = ahead(start, far, slope)
        return (start, jax.tree.map(lambda m: (1 - last) * m, moved), here), None

    nothing = jax.tree.map(jnp.zeros_like, s)
    return jax.lax.scan(stage, (s, nothing, s), (far, weight, last))[0][0]


def lean(s: Body, u: jax.Array, f: jax.Array) -> Body:
    """One compiled stage, which the backward pass computes again."""
    return looped(s, u, f, jax.checkpoint(flow))


def ahead(s: Body, dt: Any, slope: Body) -> Body:
    return jax.tree.map(lambda x, k: x + dt * k, s, slope)


def hand(s: Body) -> tuple[jax.Array, jax.Array]:
    """Position and velocity ``[2, batch]``."""
    far_x, far_y = L2 * jnp.cos(s.q1 + s.q2), L2 * jnp.sin(s.q1 + s.q2)
    x, y = L1 * jnp.cos(s.q1) + far_x, L1 * jnp.sin(s.q1) + far_y
    both = s.w1 * jnp.stack([-y, x]) + s.w2 * jnp.stack([-far_y, far_x])
    return jnp.stack([x, y]), both


def senses(s: Body, position: jax.Array) -> jax.Array:
    """``[batch, 14]``"""
    lengths, velocities, _, _ = geometry(s)
    optimal = column(*OPTIMAL)
    stretch = (lengths - column(*TENDON)) / optimal - 1
    return jnp.concatenate([10 * stretch, velocities / optimal, 10 * position]).T


def place(position: jax.Array) -> Body:
    """At rest with the hand at ``[2, batch]``."""
    x, y = position
    q2 = jnp.arccos((x**2 + y**2 - L1**2 - L2**2) / (2 * L1 * L2))
    q1 = jnp.arctan2(y, x) - jnp.arctan2(L2 * jnp.sin(q2), L1 + L2 * jnp.cos(q2))
    return Body(q1, q2, 0 * q1, 0 * q1, jnp.zeros((6, len(q1))))


def move(
    params: Any, scene: TaskInput, advance: Callable, gates: Callable
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Positions and velocities ``[time, 2, batch]`` and commands ``[time, 6, batch]``.

    The scene comes ``[batch, time, ...]`` and is turned once.
    """
    gru, ((readout, _)) = params
    body = place(scene.start[:, 0].T)
    batch = len(body.q1)
    line = jnp.broadcast_to(senses(body, hand(body)[0]), (DELAY, batch, 14))
    turned = jnp.moveaxis(scene.force, 0, 2), jnp.moveaxis(scene.field, 0, 3)
    world = jnp.moveaxis(scene.cue, 1, 0), *turned

    def step(carry: tuple, now: tuple) -> tuple:
        h, u, body, line = carry
        cue, force, field = now
        position, velocity = hand(body)
        f = force + (field * velocity).sum(1)
        past = jnp.concatenate([line, senses(body, position)[None]])
        own = jnp.split(h @ gru["recurrent"], 3, axis=-1)
        heard = jnp.concatenate([cue, past[0]], axis=1)
        seen = jnp.split(heard @ gru["kernel"] + gru["bias"], 3, axis=-1)
        r, z = seen[0] + own[0], seen[1] + own[1]
        h = gates(r, z, seen[2], own[2] + gru["candidate_bias"], h)
        command = sigmoid(h @ readout["kernel"] + readout["bias"]).T
        return (h, command, advance(body, u, f), past[1:]), (position, velocity, u)

    start = jnp.zeros((batch, UNITS)), jnp.zeros((6, batch)), body, line
    return jax.lax.scan(step, start, world)[1]


def cost(moved: tuple, wanted: jax.Array, mask: jax.Array) -> jax.Array:
    """`jaxbrain.motor.reach_loss` with its own weights, over the batch."""
    position, velocity, command = moved
    wanted, mask = jnp.transpose(wanted, (1, 2, 0)), mask.T
    mask = mask * jnp.where(jnp.cumsum(mask == 0, axis=0) == 0, 3.0, 1.0)
    away = jnp.sqrt(((10 * (position - wanted)) ** 2).sum(1) + 1e-4)
    speed = jnp.sqrt((velocity**2).sum(1) + 1e-4)
    graded = (mask * (away + 0.5 * speed)).sum(0) / mask.sum(0)
    rate = jnp.diff(command, axis=0) / DT
    return graded.mean() + 0.02 * (command**2).mean() + 5e-5 * (rate**2).mean()


def update_of(advance: Callable, gates: Callable) -> Callable:
    """An update with Adam, ``(params, opt_state, scene, wanted, mask) -> ...`` and the loss."""
    optimizer = optax.adam(RATE)

    def loss(p: Any, scene: TaskInput, wanted: jax.Array, mask: jax.Array) -> jax.Array:
        return cost(move(p, scene, advance, gates), wanted, mask)

    def update(p: Any, opt: Any, scene: TaskInput, wanted: jax.Array, mask: jax.Array) -> tuple:
        value, grads = jax.value_and_grad(loss)(p, scene, wanted, mask)
        updates, opt = optimizer.update(grads, opt, p)
        return optax.apply_updates(p, updates), opt, value

    return update


def by_hand(label: str, advance: Callable, gates: Callable) -> Callable[[Any, Any], Job]:
    """A jitted update with Adam, and the movement alone."""

    def make(params: Any, data: tuple) -> Job:
        scene, (wanted, mask) = data
        optimizer = optax.adam(RATE)
        update = jax.jit(update_of(advance, gates))
        forward = jax.jit(lambda p, scene: move(p, scene, advance, gates))

        def step(state: tuple) -> tuple:
            return jax.block_until_ready(update(*state[:2], scene, wanted, mask))

        return Job(
            label,
            lambda: (params, optimizer.init(params), 0.0),
            step,
            lambda state: float(step(state)[2]),
            lambda: jax.block_until_ready(forward(params, scene)),
        )

    return make


def gradient(params: Any, data: tuple, advance: Callable, gates: Callable) -> Any:
    """Gradient of the hand-written program, with which that of jaxbrain is compared."""
    scene, (wanted, mask) = data
    return jax.jit(jax.grad(lambda p: cost(move(p, scene, advance, gates), wanted, mask)))(params)


def motornet(batch: int) -> Job:
    """RigidTendonArm26 with PolicyGRU, with its own weights, random targets and integrator.

    Euler's method at 10 ms; the same delay of the sensory feedback and the same terms of the loss.
    """
    import motornet as mn
    import torch

    torch.set_num_threads(measure.threads())
    torch.manual_seed(0)
    body = mn.effector.RigidTendonArm26(muscle=mn.muscle.RigidTendonHillMuscle())
    late = DELAY * DT
    env = mn.environment.RandomTargetReach(
        effector=body, max_ep_duration=1.0, proprioception_delay=late, vision_delay=late
    )
    policy = mn.policy.PolicyGRU(env.observation_space.shape[0], UNITS, env.n_muscles, "cpu")
    optimizer = torch.optim.Adam(policy.parameters(), RATE)

    def moved() -> tuple:
        seen, _ = env.reset(options={"batch_size": batch})
        h, hands, commands = policy.init_hidden(batch), [], []
        ended = False
        while not ended:
            u, h = policy(seen, h)
            seen, _, ended, _, info = env.step(u, deterministic=True)
            hands.append(info["states"]["cartesian"])
            commands.append(u)
        return torch.stack(hands), torch.stack(commands)

    def value() -> Any:
        hands, u = moved()
        away = ((10 * (hands[..., :2] - env.goal)) ** 2).sum(-1)
        speed = (hands[..., 2:] ** 2).sum(-1)
        graded = ((away + 1e-4).sqrt() + 0.5 * (speed + 1e-4).sqrt())[-30:].mean()
        rate = u.diff(dim=0) / DT
        return graded + 0.02 * (u**2).mean() + 5e-5 * (rate**2).mean()

    def step(state: Any) -> Any:
        optimizer.zero_grad()
        value().backward()
        optimizer.step()
        return state

    def forward() -> Any:
        with torch.no_grad():
            return moved()

    return Job(
        "MotorNet, PolicyGRU and Arm26", lambda: None, step, lambda _: value().item(), forward
    )
