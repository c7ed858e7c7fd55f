"""Values that constructors take as arguments, and functions that know what they were made from."""

import jax
import jax.numpy as jnp

import jaxbrain as jb
from tests.tables.values import column

surrogate, perturb, motor = jb.cells.surrogate, jb.motor.perturbations, jb.motor
boltzmann = jb.learning.generative.boltzmann

# the first word is the name of the constructor
TASKS = {
    "adding": lambda: jb.tasks.adding(steps=9),
    "copy": lambda: jb.tasks.copy(symbols=3, items=4, delay_steps=5),
    "flip_flop": lambda: jb.tasks.flip_flop(bits=2, steps=7, probability=0.3),
    "sequence_memory": lambda: jb.tasks.sequence_memory(locations=5, items=2, noise=0.1),
    "delayed_match": lambda: jb.tasks.delayed_match(stimuli=3, delay_steps=3),
    "evidence_accumulation": lambda: jb.tasks.evidence_accumulation(cues=3, noise=0.1),
    "context_integration": lambda: jb.tasks.context_integration(coherences=(0.1, 0.4)),
    "sine_generation": lambda: jb.tasks.sine_generation(frequencies=3, steps=8),
    "center_out": lambda: motor.tasks.center_out(distance=0.08),
    "delayed_reach": lambda: motor.tasks.delayed_reach(plant=motor.arm26()),
    "random_target": lambda: motor.tasks.random_target(radius=0.05),
    "curl_field_task": lambda: motor.tasks.curl_field_task(strength=2.0),
    "perturbed_reach": lambda: motor.tasks.perturbed_reach(force=3.0),
    "emg_generation": lambda: motor.tasks.emg_generation(dt=0.02),
}
PARTS = {
    "point_mass": lambda: motor.point_mass(mass=2.0),
    "two_link_arm": lambda: motor.two_link_arm(dt=0.005),
    "muscled_arm": lambda: motor.muscled_arm(
        motor.ARM26_SKELETON, motor.ARM26_MUSCLES, motor.body.arm26_length
    ),
    "arm26": lambda: motor.arm26(hill=motor.hill.mujoco_hill()),
    "thelen_hill": lambda: motor.hill.thelen_hill(vmax=8.0),
    "kistemaker_hill": lambda: motor.hill.kistemaker_hill(slack=1.3),
    "mujoco_hill": lambda: motor.hill.mujoco_hill(),
    "bernoulli": lambda: boltzmann.bernoulli(),
    "gaussian of units": lambda: boltzmann.gaussian(0.5),
    "symmetric_feedback": lambda: jb.learning.online.symmetric_feedback(),
    "random_feedback": lambda: jb.learning.online.random_feedback(),
    "adaptive_feedback": lambda: jb.learning.online.adaptive_feedback(decay=0.1),
    "holographic_reduced": lambda: jb.memory.holographic_reduced(8),
    "fourier_holographic_reduced": lambda: jb.memory.fourier_holographic_reduced(8),
    "multiply_add_permute": lambda: jb.memory.multiply_add_permute(8),
    "polynomial": lambda: jb.memory.polynomial(3),
    "rectified_polynomial": lambda: jb.memory.rectified_polynomial(3),
    "exponential": lambda: jb.memory.exponential(),
    "hierarchy": lambda: jb.memory.hierarchy(
        {"v": jb.memory.lagrangians.identity, "h": jb.memory.lagrangians.softmax},
        ((("v", "h"), jb.memory.bilinear),),
    ),
    "ridge_decoder": lambda: jb.analysis.ridge_decoder(lags=(0, 2)),
    "recurrent_decoder": lambda: jb.analysis.recurrent_decoder(jb.cells.gru(3), epochs=2),
}
FUNCTIONS = {
    "triangle": lambda: surrogate.triangle(gain=0.2),
    "fast_sigmoid": lambda: surrogate.fast_sigmoid(scale=5.0),
    "arctan": lambda: surrogate.arctan(),
    "gaussian": lambda: surrogate.gaussian(),
    "boxcar": lambda: surrogate.boxcar(),
    "heat_bath": lambda: jb.memory.heat_bath(0.1),
    "hidden_layer": lambda: jb.memory.hidden_layer(jb.memory.lagrangians.relu),
    "elastic_penalty": lambda: jb.memory.elastic_penalty(anchor(), strength=2.0),
    "full_elastic_penalty": lambda: jb.memory.full_elastic_penalty(jnp.ones(2), jnp.eye(2)),
    "graded": lambda: jb.tasks.graded(jb.losses.mse),
    "graded_step": lambda: jb.tasks.graded_step(jb.losses.mse),
    "weighted": lambda: jb.losses.weighted(jb.losses.mse),
    "over_dataset": lambda: jb.metrics.over_dataset(jb.losses.mse),
    "above": lambda: jb.metrics.above(0.5),
    "path_length": lambda: motor.path_length(motor.MOTORNET, [[(1, 0.1, 0.0), (2, 0.1, 0.0)]]),
    "reach_loss": lambda: motor.reach_loss(effort_weight=0.1),
    "constant_force": lambda: perturb.constant_force([1.0, 0.0]),
    "viscous_field": lambda: perturb.viscous_field(jnp.eye(2)),
    "curl_field": lambda: perturb.curl_field(4.0),
    "force_channel": lambda: perturb.force_channel(jnp.zeros(2), jnp.ones(2)),
    "perturb_sensory_feedback": lambda: perturb.perturb_sensory_feedback(0.1),
    "together": lambda: perturb.together(perturb.curl_field(1.0), perturb.set_gain(0.5)),
    "during": lambda: perturb.during(perturb.curl_field(1.0), 2, 5),
    "on_controller": lambda: perturb.on_controller(jnp.negative, part=("cortex",)),
    "set_gain": lambda: perturb.set_gain(0.1),
    "silence": lambda: perturb.silence(2),
    "stimulate": lambda: perturb.stimulate(2, 0.3),
    "angles_to": lambda: jb.analysis.angles_to(rule(), rule(), (jnp.ones((2, 3)), jnp.ones(2))),
}


def no_traces(params, carry, x):
    return ()


def no_gradient(traces, step):
    return jnp.zeros_like(step.params)


def lose_traces(traces, step):
    return ()


def anti_hebb(w, carry, pre, post, modulator):
    return carry, -pre[:, None] * post[None]


ONLINE_RULES = {
    name: lambda make=getattr(jb.learning, name), cell=cell: make(cell, jb.dense(2), jb.losses.mse)
    for name, cell in {
        "rtrl": jb.cells.gru(3),
        "snap": jb.cells.gru(3),
        "rtrl_diagonal": jb.cells.linear_recurrent(3),
        "eprop": jb.cells.lif(3),
        "rflo": jb.cells.leaky_rnn(3),
        "uoro": jb.cells.elman(3),
        "kf_rtrl": jb.cells.elman(3),
        "one_step_backprop": jb.cells.elman(3),
    }.items()
}
ONLINE_RULES["online_rule"] = lambda: jb.learning.online.online_rule(
    "mine", jb.cells.elman(3), jb.dense(2), jb.losses.mse,
    jb.learning.online.Influence(no_traces, no_gradient, lose_traces),
)  # fmt: skip
PLASTICITIES = {
    **{
        name: getattr(jb.learning.plasticity, name)
        for name in ("hebb", "oja", "sanger", "oja_subspace", "bcm", "covariance", "delta",
                     "perceptron", "soft_hebb", "pair_stdp", "triplet_stdp",
                     "reward_modulated_stdp")
    },
    "modulated": lambda: jb.learning.plasticity.modulated(jb.learning.plasticity.hebb(), tau=9.0),
    "local_rule": lambda: jb.learning.plasticity.local_rule("anti_hebb", anti_hebb),
}  # fmt: skip
NETWORKS_OF_RULES = {
    "goodness_network": lambda: jb.learning.forward.goodness_network(
        jb.serial(jb.dense(4), jb.dense(3)), draw=jb.learning.forward.overlay_label
    ),
    "standardized_network": lambda: jb.learning.forward.standardized_network(
        jb.serial(jb.dense(4), jb.dense(3))
    ),
    "linear_readout": lambda: jb.learning.targets.linear_readout(
        jax.ShapeDtypeStruct((4, 2), "float32"), jax.ShapeDtypeStruct((3,), "float32")
    ),
}
OTHER_RULES = {
    "over_time": lambda: jb.learning.over_time(ONLINE_RULES["rtrl"]()),
    "generalized_latent_equilibrium": lambda: jb.learning.generalized_latent_equilibrium(
        jb.cells.stack(jb.cells.prospective_neurons(jb.dense(2))), jb.losses.mse, nudge=0.1
    ),
    "plastic": lambda: jb.learning.plasticity.plastic(jb.dense(2), jb.learning.plasticity.oja()),
    "plastic_in_time": lambda: jb.learning.plasticity.plastic_in_time(
        jb.serial(jb.dense(2)), jb.learning.plasticity.pair_stdp()
    ),
    "wake_sleep": lambda: jb.learning.wake_sleep(
        jb.learning.generative.helmholtz.helmholtz_machine(3)
    ),
    "contrastive_divergence": lambda: jb.learning.contrastive_divergence(boltzmann.rbm(3)),
    "persistent_contrastive_divergence": lambda: jb.learning.persistent_contrastive_divergence(
        boltzmann.rbm(3)
    ),
    "with_penalty": lambda: jb.memory.with_penalty(rule(), jb.memory.elastic_penalty(anchor())),
    "with_replay": lambda: jb.memory.with_replay(
        rule(), jb.memory.replay_buffer(4, (jnp.ones(2), jnp.ones(1))), n=2
    ),
    "force": lambda: jb.learning.readout.force(jb.learning.readout.generator(5, 2)),
    "full_force": lambda: jb.learning.readout.full_force(jb.learning.readout.generator(5, 2)),
    "closed_loop": lambda: motor.closed_loop(jb.lift(jb.dense(2)), motor.point_mass()),
    "with_gain": lambda: motor.with_gain(jb.cells.gru(3)),
    "cerebellum": lambda: motor.cerebellum(),
    "forward_model": lambda: motor.forward_model(),
    "laminar_cortex": lambda: motor.laminar_cortex(column(), tau=0.1),
}


def rule():
    return jb.backprop(jb.dense(1), jb.losses.mse)


def anchor():
    return jb.memory.empty_anchor({"kernel": jnp.ones((2, 1))})
