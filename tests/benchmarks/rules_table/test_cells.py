"""The protocol of a cell: seeds, batches, the choice of the rate, divergence, refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from benchmarks.rules_table import cells
from benchmarks.rules_table.columns import Protocol, Splits

NET = jb.dense(10)
PROTOCOL = Protocol((40, 20, 20), 4, batch_size=10, rates=(0.0, 0.1), tuning_seeds=1, seeds=2)


def data(n):
    """Ten classes in ten directions."""
    y = jnp.arange(n) % 10
    return jax.nn.one_hot(y, 10), y


def problem(net=NET, protocol=PROTOCOL, test_shift=0):
    x, y = data(20)
    return cells.Problem(net, Splits(data(40), (x, y), (x, (y + test_shift) % 10)), protocol)


@pytest.fixture(scope="module")
def train():
    """One compiled program for all tests, as the rates are its arguments."""
    return cells.trainer("backprop", problem())


@pytest.fixture
def compiled(train, monkeypatch):
    monkeypatch.setattr(cells, "trainer", lambda *given: train)


@pytest.mark.usefixtures("compiled")
def test_the_rate_is_chosen_on_the_validation_examples_and_reported_on_the_test_examples():
    cell = cells.measured("backprop", problem(test_shift=1))
    assert cell["validation"][1] > 0.9 > 0.5 > cell["validation"][0]
    assert cell["rate"] == 0.1  # on the test examples, whose labels are others, 0.0 is better
    assert max(cell["accuracy"]) < 0.1 and len(cell["accuracy"]) == 2
    assert cell["angles"] == pytest.approx([0, 0, 0], abs=1e-3)


def test_scores_are_means_over_the_seeds_of_a_rate_and_no_seed_of_the_result_tunes():
    protocol = PROTOCOL._replace(rates=(1.0, 2.0, 3.0), tuning_seeds=2, seeds=4)
    rates, seeds = cells.tuning_pairs(protocol)
    assert rates.tolist() == [1, 1, 2, 2, 3, 3]
    assert seeds.tolist() == [4, 5, 4, 5, 4, 5]  # those of the result are 0 to 3
    assert cells.tuning_scores(rates, protocol).tolist() == [1, 2, 3]


def test_the_best_rate_is_the_first_of_the_best_that_did_not_diverge():
    assert cells.best_rate(np.array([0.1, 0.3, 0.3])) == 1
    assert cells.best_rate(np.array([0.1, np.nan, 0.05])) == 0
    assert cells.best_rate(np.array([np.nan, np.nan])) is None


def test_a_training_is_the_one_of_the_library_with_this_rate_and_seed(train):
    found = train(jnp.array([0.1, 0.02]), jnp.array([3, 5]), problem().splits)
    rule, key = jb.backprop(NET, jb.losses.softmax_cross_entropy), cells.key_of(5)
    state, _ = jb.fit(rule, optax.adam(0.02), data(40), key=key, epochs=4, batch_size=10)
    np.testing.assert_allclose(found.params["kernel"][1], state.params["kernel"], rtol=1e-5)


@pytest.mark.usefixtures("compiled")
def test_a_rule_that_diverges_has_no_accuracy():
    hot = problem(protocol=PROTOCOL._replace(rates=(float("inf"), float("nan"))))
    cell = cells.measured("backprop", hot)
    assert cell["validation"] == [None, None] and cell["rate"] is None and cell["accuracy"] == []


def test_a_rule_that_is_refused_says_why():
    block = jb.residual(jb.serial(jb.dense(10)))
    cell = cells.measured("equilibrium_propagation", problem(jb.serial(block, jb.dense(10))))
    assert cell["refused"].startswith("equilibrium_propagation needs symmetric weights")
    assert set(cell) == {"refused", "processor_seconds"}


def test_a_rule_that_costs_more_than_asked_is_left_open():
    assert cells.measured("backprop", problem(), most=2 * 10 * 10 * 10 - 1) is None


def test_every_rule_of_the_library_has_a_row_and_the_optimizer_if_it_asks_for_it():
    assert (*cells.RULES, cells.FLOOR) == cells.NAMES
    net = jb.serial(jb.dense(4), jb.dense(10))
    for name in cells.NAMES:
        assert cells.contender(name, net, 0.1)[0].network
    kolen_pollack = jb.learning.kolen_pollack(net, cells.LOSS, optimizer=optax.adam(0.1))
    assert cells.contender("kolen_pollack", net, 0.1)[0] == kolen_pollack
    assert cells.contender("kolen_pollack", net, 0.2)[0] != kolen_pollack
