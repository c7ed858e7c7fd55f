"""Faults in losses, in what a loss takes, in metrics, weights and callbacks."""

from tests.faults import Fault

LOSSES, OUTPUTS = "jaxbrain/losses.py", "jaxbrain/learning/outputs.py"
FAULTS = [
    Fault(
        "a probability of zero gives an infinite loss", LOSSES,
        "jnp.log(jnp.maximum(p, jnp.finfo(jnp.result_type(p)).tiny))", "jnp.log(p)",
        "tests/test_losses.py",
    ),
    Fault(
        "the smallest probability is a large one", LOSSES,
        "jnp.maximum(p, jnp.finfo(jnp.result_type(p)).tiny)", "jnp.maximum(p, 1e-7)",
        "tests/test_losses.py",
    ),
    Fault(
        "the loss of probabilities forgets the answer no", LOSSES,
        "_log(probability) + (1 - target) * _log(1 - probability)", "_log(probability)",
        "tests/test_losses.py",
    ),
    Fault(
        "traced probabilities need not have sum 1", LOSSES,
        "jnp.where(inside & whole, loss, jnp.nan)", "jnp.where(inside, loss, jnp.nan)",
        "tests/test_losses.py",
    ),
    Fault(
        "a weighted loss forgets the weight", LOSSES,
        "return value * jnp.asarray(target.weight).astype(jnp.result_type(value))", "return value",
        "tests/test_losses.py",
    ),
    Fault(
        "a sigmoid before a loss from logits is not found", OUTPUTS,
        "return self.low >= 0 and self.high <= 1", "return self.low > 0 and self.high < 1",
        "tests/learning/test_outputs.py",
    ),
    Fault(
        "a sigmoid in a nested chain is not found", OUTPUTS,
        "if make in (composition.serial, stack):", "if make in (stack,):",
        "tests/learning/test_outputs.py",
    ),
    Fault(
        "a loss within a loss is not found", OUTPUTS,
        'elif "loss" in parameters or "score" in parameters:', 'elif "score" in parameters:',
        "tests/learning/test_outputs.py",
    ),
    Fault(
        "online rules take any loss", "jaxbrain/learning/online/rule.py",
        "    require_matching_loss(name, readout, loss)\n", "",
        "tests/learning/test_outputs.py",
    ),
]  # fmt: skip
