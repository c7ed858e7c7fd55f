"""Cells: everything with a state in time. A cell is one step; `unroll` makes a network of it."""

from jaxbrain.cells import surrogate
from jaxbrain.cells.areas import Areas, conduction_delays, dale, modular
from jaxbrain.cells.composition import bidirectional, residual, stack
from jaxbrain.cells.continuous import ctrnn, leaky_rnn
from jaxbrain.cells.encoding import latency_encode, leaky_integrator, poisson_encode, rate_readout
from jaxbrain.cells.gated import (
    lstm,
    lstm_peephole,
    min_gru,
    minimal_gated,
    parallel_min_gru,
    ugrnn,
)
from jaxbrain.cells.linear import linear_recurrent, parallel_linear_recurrent
from jaxbrain.cells.prospective import prospective_neurons
from jaxbrain.cells.quadratic import (
    CHATTERING,
    FAST_SPIKING,
    INTRINSICALLY_BURSTING,
    LOW_THRESHOLD_SPIKING,
    REGULAR_SPIKING,
    Izhikevich,
    Quadratic,
    izhikevich,
)
from jaxbrain.cells.recurrent import elman, gru
from jaxbrain.cells.spiking import Adaptive, Membrane, alif, lif, subtract, to_zero
from jaxbrain.cells.stages import SequenceStep, TwoStageStep
from jaxbrain.cells.structured import (
    connected,
    delayed,
    excitatory_inhibitory,
    low_rank,
    signed_weights,
)
from jaxbrain.cells.unrolling import last, learned_carry, masked, scan, unroll, valid_steps

__all__ = [
    "CHATTERING",
    "FAST_SPIKING",
    "INTRINSICALLY_BURSTING",
    "LOW_THRESHOLD_SPIKING",
    "REGULAR_SPIKING",
    "Adaptive",
    "Areas",
    "Izhikevich",
    "Membrane",
    "Quadratic",
    "SequenceStep",
    "TwoStageStep",
    "alif",
    "bidirectional",
    "conduction_delays",
    "connected",
    "ctrnn",
    "dale",
    "delayed",
    "elman",
    "excitatory_inhibitory",
    "gru",
    "izhikevich",
    "last",
    "latency_encode",
    "leaky_integrator",
    "leaky_rnn",
    "learned_carry",
    "lif",
    "linear_recurrent",
    "low_rank",
    "lstm",
    "lstm_peephole",
    "masked",
    "min_gru",
    "minimal_gated",
    "modular",
    "parallel_linear_recurrent",
    "parallel_min_gru",
    "poisson_encode",
    "prospective_neurons",
    "rate_readout",
    "residual",
    "scan",
    "signed_weights",
    "stack",
    "subtract",
    "surrogate",
    "to_zero",
    "ugrnn",
    "unroll",
    "valid_steps",
]


def __dir__() -> list[str]:
    return __all__
