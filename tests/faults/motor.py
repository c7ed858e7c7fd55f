"""Faults in bodies, motor cortex, basal ganglia, cerebellum, closed loops and motor tasks."""

from tests.faults import Fault

BODY, BRAIN = "jaxbrain/motor/body", "jaxbrain/motor/brain"
CONTROL, TASKS = "jaxbrain/motor/control", "jaxbrain/motor/tasks"
OF_BODY, OF_BRAIN = "tests/motor/body", "tests/motor/brain"
OF_CONTROL, OF_TASKS = "tests/motor/control", "tests/motor/tasks"
FAULTS = [
    # ---- bodies
    Fault(
        "a force acts on the joints through the Jacobian, not its transpose", f"{BODY}/links.py",
        "[(x1 + x2) * fy - (y1 + y2) * fx, x2 * fy - y2 * fx]",
        "[-(y1 + y2) * fx - y2 * fy, (x1 + x2) * fx + x2 * fy]",
        f"{OF_BODY}/test_links.py",
    ),
    Fault(
        "inverse kinematics flexes the elbow the other way", f"{BODY}/links.py",
        "[direction - jnp.arctan2(l2", "[direction + jnp.arctan2(l2",
        f"{OF_BODY}/test_links.py",
    ),
    Fault(
        "the centrifugal torque of the elbow has the other sign", f"{BODY}/arm.py",
        "jnp.stack([-h * (2 * w1 + w2) * w2, h * w1**2])",
        "jnp.stack([-h * (2 * w1 + w2) * w2, -h * w1**2])",
        f"{OF_BODY}/test_arm.py",
    ),
    Fault(
        "the upper arm does not carry the mass of the forearm", f"{BODY}/arm.py",
        "m1 * g1**2 + i1 + m2 * l1**2 + forearm", "m1 * g1**2 + i1 + forearm",
        f"{OF_BODY}/test_arm.py",
    ),
    Fault(
        "muscles push", f"{BODY}/muscles.py",
        "torque = torque - matvec(", "torque = torque + matvec(",
        f"{OF_BODY}/test_six_muscles.py",
    ),
    Fault(
        "muscles shorten where they lengthen", f"{BODY}/muscles.py",
        "velocity = pulled.velocities / (", "velocity = -pulled.velocities / (",
        f"{OF_BODY}/test_muscles.py",
    ),
    Fault(
        "a quadratic moment arm lacks its factor of two", f"{BODY}/six_muscles.py",
        "_table(A1, angles) + 2 * _table(A2, angles) * p",
        "_table(A1, angles) + _table(A2, angles) * p",
        f"{OF_BODY}/test_six_muscles.py",
    ),
    Fault(
        "activation rises with the time constant of its fall", f"{BODY}/activation.py",
        "jnp.where(u > a, as_number(rise, a), as_number(fall, a))",
        "jnp.where(u > a, as_number(fall, a), as_number(rise, a))",
        f"{OF_BODY}/test_activation.py",
    ),
    Fault(
        "a high activation rises faster", f"{BODY}/activation.py",
        "as_number(rise, a) * factor, as_number(fall, a) / factor",
        "as_number(rise, a) / factor, as_number(fall, a) * factor",
        f"{OF_BODY}/test_activation.py",
    ),
    Fault(
        "the shortening hyperbola has the other sign", f"{BODY}/hill.py",
        "(fastest - down / shape)", "(fastest + down / shape)",
        f"{OF_BODY}/test_hill.py",
    ),
    Fault(
        "a stage of Runge-Kutta has the wrong weight", f"{BODY}/plant.py",
        "(a + 2 * b + 2 * c + d) / 6", "(a + 2 * b + c + 2 * d) / 6",
        f"{OF_BODY}/test_plant.py",
    ),
    Fault(
        "a stage of the looped Runge-Kutta has the wrong weight", f"{BODY}/plant.py",
        "jnp.asarray([1.0, 2.0, 2.0, 1.0])", "jnp.asarray([1.0, 2.0, 1.0, 2.0])",
        f"{OF_BODY}/test_six_muscles.py",
    ),
    Fault(
        "the elbow moves the hand the other way", f"{BODY}/links.py",
        "[-y * w1 - y2 * w2, x * w1 + x2 * w2]", "[-y * w1 + y2 * w2, x * w1 - x2 * w2]",
        f"{OF_BODY}/test_links.py",
    ),
    # ---- brain
    Fault(
        "the subthalamic nucleus is excited by the pallidum", f"{BRAIN}/nuclei.py",
        "gpe_stn: Number = -1.0", "gpe_stn: Number = 1.0",
        f"{OF_BRAIN}/test_nuclei.py",
    ),
    Fault(
        "dopamine excites D2 and inhibits D1", f"{BRAIN}/nuclei.py",
        "d1=w.cortex_d1 * (1 + dopamine) * x,\n        d2=w.cortex_d2 * (1 - dopamine) * x,",
        "d1=w.cortex_d1 * (1 - dopamine) * x,\n        d2=w.cortex_d2 * (1 + dopamine) * x,",
        f"{OF_BRAIN}/test_nuclei.py",
    ),
    Fault(
        "the gate opens where the ganglia inhibit", f"{BRAIN}/nuclei.py",
        "jnp.clip(1 - inhibition / as_number(threshold, inhibition), 0, 1)",
        "jnp.clip(inhibition / as_number(threshold, inhibition) - 1, 0, 1)",
        f"{OF_BRAIN}/test_nuclei.py",
    ),
    Fault(
        "a channel of the reticular nucleus competes with itself", f"{BRAIN}/selection_loop.py",
        "others = jnp.sum(reticular) - reticular",
        "others = jnp.sum(reticular) + jnp.zeros_like(reticular)",
        f"{OF_BRAIN}/test_selection_loop.py",
    ),
    Fault(
        "an error teaches the latest parallel fibers", f"{BRAIN}/adaptive_filter.py",
        "change = carry.eligible[0]", "change = carry.eligible[-1]",
        f"{OF_BRAIN}/test_adaptive_filter.py",
    ),
    Fault(
        "a forward model compares late feedback with its latest prediction",
        f"{BRAIN}/adaptive_filter.py",
        "dtype) - carry.predicted[0])", "dtype) - carry.predicted[-1])",
        f"{OF_BRAIN}/test_adaptive_filter.py",
    ),
    Fault(
        "the pathways of Weiler lead from columns to rows", f"{BRAIN}/layers.py",
        "WEILER[np.ix_(rows, columns)]", "WEILER[np.ix_(columns, rows)]",
        f"{OF_BRAIN}/test_layers.py",
    ),
    Fault(
        "inhibitory units excite", f"{BRAIN}/cortex.py",
        "unpack(mask), unpack(signs)\n", "unpack(mask), np.abs(unpack(signs))\n",
        f"{OF_BRAIN}/test_cortex.py",
    ),
    Fault(
        "a lesion scales the current of a unit, not its rate", f"{BRAIN}/cortex.py",
        "return carry.gain * activation(carry.state)",
        "return activation(carry.gain * carry.state)",
        f"{OF_BRAIN}/test_cortex.py",
    ),
    Fault(
        "the basal ganglia excite the thalamus", f"{BRAIN}/system.py",
        "current = current - as_number(inhibition", "current = current + as_number(inhibition",
        f"{OF_BRAIN}/test_system.py",
    ),
    # ---- control
    Fault(
        "motor noise is drawn with the key of the sensory noise", f"{CONTROL}/loop.py",
        "_noise(of_command, motor_noise, made)",
        "_noise(None if key is None else jax.random.clone(of_senses), motor_noise, made)",
        f"{OF_CONTROL}/test_loop.py",
    ),
    Fault(
        "motor noise does not grow with the command", f"{CONTROL}/loop.py",
        "command = made + made * _noise(", "command = made + _noise(",
        f"{OF_CONTROL}/test_loop.py",
    ),
    Fault(
        "sensory feedback arrives one step early", f"{CONTROL}/loop.py",
        "(delay_steps, *sensory.shape)", "(max(delay_steps - 1, 0), *sensory.shape)",
        f"{OF_CONTROL}/test_loop.py",
    ),
    Fault(
        "the body moves under the command of this step", f"{CONTROL}/loop.py",
        "action = Action(signals.command, signals.force)",
        "action = Action(command, signals.force)",
        f"{OF_CONTROL}/test_loop.py",
    ),
    Fault(
        "the matrix of a field is transposed", f"{CONTROL}/loop.py",
        "x.field @ hand.velocity", "x.field.T @ hand.velocity",
        f"{OF_CONTROL}/test_loop.py",
    ),
    Fault(
        "a silenced unit still reaches the output", f"{CONTROL}/lesions.py",
        "return WithGain(state, carry.gain), carry.gain * y",
        "return WithGain(state, carry.gain), y",
        f"{OF_CONTROL}/test_lesions.py",
    ),
    Fault(
        "a curl field pushes to the left", f"{CONTROL}/perturbations.py",
        "[jnp.stack([zero, strength]), jnp.stack([-strength, zero])]",
        "[jnp.stack([zero, -strength]), jnp.stack([strength, zero])]",
        f"{OF_CONTROL}/test_perturbations.py",
    ),
    Fault(
        "a force channel runs across the reach", f"{CONTROL}/perturbations.py",
        "jnp.stack([-along[1], along[0]])", "jnp.stack([along[0], along[1]])",
        f"{OF_CONTROL}/test_perturbations.py",
    ),
    Fault(
        "a window of time lasts one step too long", f"{CONTROL}/perturbations.py",
        "(t >= start) & (t < stop)", "(t >= start) & (t <= stop)",
        f"{OF_CONTROL}/test_perturbations.py",
    ),
    Fault(
        "the hold period is not weighted", f"{CONTROL}/cost.py",
        "jnp.where(jnp.arange(len(mask)) < first, hold_weight, 1)", "jnp.ones_like(mask)",
        f"{OF_CONTROL}/test_cost.py",
    ),
    Fault(
        "each gain of the regulator is that of the step before",
        f"{CONTROL}/reference_controllers.py",
        "return Regulator(gains, ", "return Regulator(jnp.roll(gains, 1, axis=0), ",
        f"{OF_CONTROL}/test_reference_controllers.py",
    ),
    Fault(
        "the velocity of minimum jerk is per movement, not per second",
        f"{CONTROL}/reference_controllers.py",
        "30 * s**2 * (1 - s) ** 2 / movement_time,", "30 * s**2 * (1 - s) ** 2,",
        f"{OF_CONTROL}/test_reference_controllers.py",
    ),
    # ---- tasks
    Fault(
        "the longest delay is never drawn", f"{TASKS}/reaching.py",
        "jax.random.randint(of_delay, (), low, high + 1)",
        "jax.random.randint(of_delay, (), low, high)",
        f"{OF_TASKS}/test_reaching.py",
    ),
    Fault(
        "targets crowd at the center of the disc", f"{TASKS}/reaching.py",
        "spread = jnp.sqrt(area)[:, None]", "spread = area[:, None]",
        f"{OF_TASKS}/test_reaching.py",
    ),
    Fault(
        "a push acts along the reach", f"{TASKS}/fields.py",
        "jnp.stack([-jnp.sin(angle), jnp.cos(angle)])",
        "jnp.stack([jnp.cos(angle), jnp.sin(angle)])",
        f"{OF_TASKS}/test_fields.py",
    ),
    Fault(
        "muscle activity makes the opposite torques", f"{TASKS}/muscles.py",
        "torques = -arm26_moment_arms(angles).T", "torques = arm26_moment_arms(angles).T",
        f"{OF_TASKS}/test_muscles.py",
    ),
]  # fmt: skip
