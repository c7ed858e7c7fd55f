"""Faults in cells: recurrent, gated, linear, spiking, structured, and cells made of cells."""

from tests.faults import Fault

CELLS = "jaxbrain/cells"
FAULTS = [
    Fault(
        "GRU: the update gate and its complement are swapped", f"{CELLS}/recurrent.py",
        "return (1 - z) * jnp.tanh(n + jax.nn.sigmoid(r) * own) + z * h",
        "return z * jnp.tanh(n + jax.nn.sigmoid(r) * own) + (1 - z) * h",
        "tests/cells/test_recurrent.py",
    ),
    Fault(
        "GRU: the reset gate multiplies the input too", f"{CELLS}/recurrent.py",
        "jnp.tanh(n + jax.nn.sigmoid(r) * own)", "jnp.tanh(jax.nn.sigmoid(r) * (n + own))",
        "tests/cells/test_recurrent.py",
    ),
    Fault(
        "LSTM: the forget bias is not added", f"{CELLS}/gated.py",
        ".add(value)", ".add(0.0)",
        "tests/cells/test_gated.py",
    ),
    Fault(
        "LSTM: the forget bias goes to the input gate", f"{CELLS}/gated.py",
        "recurrent_init, bias_init), 1, forget_bias)\n\n    def init(",
        "recurrent_init, bias_init), 0, forget_bias)\n\n    def init(",
        "tests/cells/test_gated.py",
    ),
    Fault(
        "peephole LSTM: the output gate has the peephole of the forget gate", f"{CELLS}/gated.py",
        "_output(o + p[2] * c, c)", "_output(o + p[1] * c, c)",
        "tests/cells/test_gated.py",
    ),
    Fault(
        "minimal gated unit: the gate does not reset", f"{CELLS}/gated.py",
        "(f * carry) @ for_candidate", "carry @ for_candidate",
        "tests/cells/test_gated.py",
    ),
    Fault(
        "minGRU at once: the composition of two steps takes the gate of the early one",
        f"{CELLS}/gated.py",
        "late[0] * early[1] + late[1]", "early[0] * early[1] + late[1]",
        "tests/cells/test_gated.py",
    ),
    Fault(
        "minGRU: gate and complement are swapped", f"{CELLS}/gated.py",
        "return sigmoid(-z), sigmoid(z) * n", "return sigmoid(z), sigmoid(-z) * n",
        "tests/cells/test_gated.py",
    ),
    Fault(
        "elementwise functions: the derivative by one argument is left out",
        f"{CELLS}/pointwise.py",
        "sum(terms[1:], terms[0])", "sum(terms[2:], terms[0])",
        "tests/cells/test_pointwise.py",
    ),
    Fault(
        "CTRNN: the noise does not scale with the root of the step", f"{CELLS}/continuous.py",
        "return after + jnp.sqrt(2 * leak)", "return after + 2 * leak",
        "tests/cells/test_continuous.py",
    ),
    Fault(
        "rate network: the noise of the current is scaled as that of the rate",
        f"{CELLS}/continuous.py",
        "jnp.sqrt(2 / a)", "jnp.sqrt(2 * a)",
        "tests/cells/test_continuous.py",
    ),
    Fault(
        "rate network: a learned leak is taken for a time constant", f"{CELLS}/continuous.py",
        "return jnp.log(dt) - jnp.log(tau - dt)", "return jnp.log(tau - dt) - jnp.log(dt)",
        "tests/cells/test_continuous.py",
    ),
    Fault(
        "another time constant compiles a program of its own", "jaxbrain/core/config.py",
        "{float, jax.Array} <= members <= _NUMERIC", "members == {float, jax.Array}",
        "tests/cells/test_continuous.py::test_another_tau_compiles_nothing_and_is_another_network",
    ),
    Fault(
        "linear recurrent unit: the input is not normalized by the root", f"{CELLS}/linear.py",
        '"gain": jnp.log1p(-squared) / 2', '"gain": jnp.log1p(-squared)',
        "tests/cells/test_linear.py",
    ),
    Fault(
        "linear recurrent unit: radii are uniform, not their squares", f"{CELLS}/linear.py",
        "squared = min_radius**2 + (max_radius**2 - min_radius**2) * squared",
        "squared = (min_radius + (max_radius - min_radius) * squared) ** 2",
        "tests/cells/test_linear.py",
    ),
    Fault(
        "linear recurrent unit at once: a late step is not turned", f"{CELLS}/linear.py",
        "_plus(_times(a2, b1), b2)", "_plus(_times(a1, b1), b2)",
        "tests/cells/test_linear.py",
    ),
    Fault(
        "LIF: the membrane is reset at the spike and again a step later", f"{CELLS}/spiking.py",
        "return Membrane(v, spikes), spikes",
        "return Membrane(reset(v, spikes, top), spikes), spikes",
        "tests/cells/test_spiking.py",
    ),
    Fault(
        "ALIF: the adaptation has the time constant of the membrane", f"{CELLS}/spiking.py",
        "retention(tau_adaptation, dt,", "retention(tau, dt,",
        "tests/cells/test_spiking.py",
    ),
    Fault(
        "ALIF: a spike lowers the threshold", f"{CELLS}/spiking.py",
        "(v - rest - as_number(beta, v) * adaptation) / rest",
        "(v - rest + as_number(beta, v) * adaptation) / rest",
        "tests/cells/test_spiking.py",
    ),
    Fault(
        "surrogates: a membrane at the threshold does not spike", f"{CELLS}/surrogate.py",
        "return (v >= 0).astype(v.dtype)", "return (v > 0).astype(v.dtype)",
        "tests/cells/test_surrogate.py",
    ),
    Fault(
        "surrogates: the normal density lacks its width", f"{CELLS}/surrogate.py",
        "/ (sigma * math.sqrt(2 * math.pi))", "/ math.sqrt(2 * math.pi)",
        "tests/cells/test_surrogate.py",
    ),
    Fault(
        "Izhikevich: the recovery takes half a step", f"{CELLS}/quadratic.py",
        "u = u + time * a * (b * v - u)", "u = u + time / 2 * a * (b * v - u)",
        "tests/cells/test_quadratic.py",
    ),
    Fault(
        "latency code: a spike is one step early", f"{CELLS}/encoding.py",
        "jnp.maximum(jnp.ceil(time / as_number(dt, x)), 1)",
        "jnp.maximum(jnp.floor(time / as_number(dt, x)), 1)",
        "tests/cells/test_encoding.py",
    ),
    Fault(
        "Poisson code: rates are per step, whatever the step", f"{CELLS}/encoding.py",
        "chance = rates.astype(fine) * jnp.asarray(dt).astype(fine)",
        "chance = rates.astype(fine)",
        "tests/cells/test_encoding.py",
    ),
    Fault(
        "rate readout: the rate is per step", f"{CELLS}/encoding.py",
        "return jnp.mean(x, axis=0) / as_number(dt, x)", "return jnp.mean(x, axis=0)",
        "tests/cells/test_encoding.py",
    ),
    Fault(
        "low rank: the vectors m and n are swapped", f"{CELLS}/structured.py",
        '(activation(carry) @ params["n"]) @ params["m"].T',
        '(activation(carry) @ params["m"]) @ params["n"].T',
        "tests/cells/test_structured.py",
    ),
    Fault(
        "Dale's law: the line of a delayed network starts at zero, not at rest",
        f"{CELLS}/structured.py",
        "jnp.broadcast_to(activation(state)[None], (longest - 1, units))",
        "jnp.zeros((longest - 1, units), state.dtype)",
        "tests/cells/test_structured.py",
    ),
    Fault(
        "Dale's law: the sign is that of the postsynaptic unit", f"{CELLS}/structured.py",
        "jnp.asarray(signs).astype(dtype)[:, None]", "jnp.asarray(signs).astype(dtype)[None]",
        "tests/cells/test_structured.py",
    ),
    Fault(
        "Dale's law: inhibition is balanced the wrong way round", f"{CELLS}/structured.py",
        "excitation / jnp.where(both, inhibition, 1)",
        "inhibition / jnp.where(both, excitation, 1)",
        "tests/cells/test_structured.py",
    ),
    Fault(
        "delays between units are one step short", f"{CELLS}/structured.py",
        "past[d - 1] @", "past[max(d - 2, 0)] @",
        "tests/cells/test_structured.py",
    ),
    Fault(
        "a delay line is one step short", f"{CELLS}/structured.py",
        "lambda old: old[0], line)", "lambda old: old[0], after)",
        "tests/cells/test_structured.py",
    ),
    Fault(
        "a mask cuts the first gate alone", f"{CELLS}/structured.py",
        'return {**params, "recurrent": recurrent * kept}',
        'return {**params, "recurrent": recurrent.at[:, :units].multiply(kept[:, :units])}',
        "tests/cells/test_structured.py",
    ),
    Fault(
        "areas: synapses to inhibitory units are cut, not those from them", f"{CELLS}/areas.py",
        "(signs[:, None] < 0) & (area", "(signs[None] < 0) & (area",
        "tests/cells/test_areas.py",
    ),
    Fault(
        "a learned carry is not used", f"{CELLS}/unrolling.py",
        'return params["carry"]', 'return cell.carry(params["cell"], x)',
        "tests/cells/test_unrolling.py",
    ),
    Fault(
        "a masked cell goes on in the padding", f"{CELLS}/unrolling.py",
        "lambda new, old: jnp.where(valid, new, old), after, carry)",
        "lambda new, old: jnp.where(valid, new, old), after, (after[0], carry[1]))",
        "tests/cells/test_unrolling.py",
    ),
    Fault(
        "every step of a sequence meets the same noise", f"{CELLS}/unrolling.py",
        "jax.random.fold_in(key, t)", "jax.random.fold_in(key, 0)",
        "tests/cells/test_unrolling.py",
    ),
    Fault(
        "blocks: in reverse the rest of a sequence comes last", f"{CELLS}/unrolling.py",
        "parts.insert(0, jax.tree.map(", "parts.append(jax.tree.map(",
        "tests/cells/test_unrolling.py",
    ),
    Fault(
        "valid steps: one step of the padding counts", f"{CELLS}/unrolling.py",
        "        < length[..., None]\n", "        <= length[..., None]\n",
        "tests/cells/test_unrolling.py",
    ),
    Fault(
        "both directions run forward", f"{CELLS}/composition.py",
        "unroll(backward, block=block, reverse=True)", "unroll(backward, block=block)",
        "tests/cells/test_composition.py",
    ),
    Fault(
        "a shortcut adds the output of the cell twice", f"{CELLS}/composition.py",
        "return carry, x.astype(y.dtype) + y", "return carry, y + y",
        "tests/cells/test_composition.py",
    ),
    Fault(
        "prospective neurons: the rate looks ahead by the time of the membrane",
        f"{CELLS}/prospective.py",
        "state + _times(ahead, state) * slope", "state + _times(tau, state) * slope",
        "tests/cells/test_prospective.py",
    ),
    Fault(
        "prospective neurons: the rate looks ahead from after the step", f"{CELLS}/prospective.py",
        "return state + as_number(dt, state) * slope, state +",
        "return (after := state + as_number(dt, state) * slope), after +",
        "tests/cells/test_prospective.py",
    ),
    Fault(
        "prospective neurons: times of another shape are broadcast", f"{CELLS}/prospective.py",
        "if shape_of(time) not in ((), current.shape):", "if False:",
        "tests/cells/test_prospective.py",
    ),
]  # fmt: skip
