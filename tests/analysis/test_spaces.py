"""Principal components and similarities of populations against NumPy, scikit-learn and SciPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import spatial
from sklearn.cross_decomposition import CCA
from sklearn.decomposition import PCA

from jaxbrain.analysis import cca, cka, pca, procrustes, svcca

pytestmark = pytest.mark.x64

RNG = np.random.default_rng(0)


def activities(samples=30, units=5, others=7):
    """Two populations that share some of what they say."""
    shared = RNG.normal(size=(samples, 3))
    a, b = (shared @ RNG.normal(size=(3, n)) for n in (units, others))
    return a + RNG.normal(size=a.shape) + 3, b + RNG.normal(size=b.shape) - 2


def turned(n):
    return np.linalg.qr(RNG.normal(size=(n, n)))[0]


@pytest.mark.parametrize("shape", [(30, 6), (5, 6, 4), (8, 20)])
def test_principal_components_are_those_of_scikit_learn(shape):
    data = RNG.normal(size=shape) * np.arange(1.0, shape[-1] + 1) + 5
    rows = data.reshape(-1, shape[-1])
    found, truth = pca(data, 3), PCA(3, svd_solver="full").fit(rows)
    np.testing.assert_allclose(found.mean, truth.mean_, rtol=1e-10)
    np.testing.assert_allclose(found.variance, truth.explained_variance_, rtol=1e-10)
    np.testing.assert_allclose(found.explained, truth.explained_variance_ratio_, rtol=1e-10)
    same = np.sign((found.directions * truth.components_).sum(axis=1))[:, None]
    np.testing.assert_allclose(found.directions, same * truth.components_, atol=1e-9)
    scores = truth.transform(rows).reshape(*shape[:-1], 3) * same[:, 0]
    np.testing.assert_allclose(found.scores, scores, atol=1e-8)


def test_signs_do_not_depend_on_the_sign_of_the_data():
    data = RNG.normal(size=(30, 6))
    found, other = pca(data, 4), pca(-data, 4)
    np.testing.assert_allclose(found.directions, other.directions, atol=1e-9)
    largest = np.abs(found.directions).argmax(axis=1)
    assert (np.take_along_axis(np.asarray(found.directions), largest[:, None], 1) > 0).all()
    silent = pca(np.ones((4, 3)), 2)
    assert float(silent.explained.sum()) == 0


def hsic(gram, other):
    n = len(gram)
    center = np.eye(n) - 1 / n
    return np.trace(gram @ center @ other @ center) / (n - 1) ** 2


@pytest.mark.parametrize("samples", [30, 9])
def test_cka_is_that_of_hsic(samples):
    """More samples than units and fewer: two ways to compute it."""
    a, b = activities(samples)
    k, m = a @ a.T, b @ b.T
    truth = hsic(k, m) / np.sqrt(hsic(k, k) * hsic(m, m))
    assert float(cka(a, b)) == pytest.approx(truth, rel=1e-10)
    assert float(cka(a, b * 1e-200)) == pytest.approx(truth, rel=1e-10)


def test_cka_keeps_to_rotations_and_scales():
    a, b = activities()
    value = float(cka(a, b))
    assert float(cka(4 * a @ turned(5) + 1, b @ turned(7))) == pytest.approx(value, rel=1e-10)
    assert float(cka(a, a)) == pytest.approx(1, rel=1e-12)
    skewed = b @ np.diag(np.arange(1.0, 8) ** 2)
    assert abs(float(cka(a, skewed)) - value) > 0.01
    assert float(cka(RNG.normal(size=(3000, 5)), RNG.normal(size=(3000, 7)))) < 0.01
    assert float(cka(np.ones((6, 2)), RNG.normal(size=(6, 2)))) == 0


def test_procrustes_is_zero_for_what_was_turned_and_no_more():
    a, _ = activities()
    rotation = turned(5)
    found = procrustes(a, 7 * a @ rotation.T + 2)
    assert float(found.distance) < 1e-14
    np.testing.assert_allclose(found.rotation, rotation, atol=1e-10)
    assert float(procrustes(a, a @ np.diag([1, 1, 1, 1, 3.0])).distance) > 0.05
    assert float(procrustes(a, np.pad(a @ rotation, ((0, 0), (0, 2)))).distance) < 1e-14


def test_procrustes_allows_reflections():
    a, _ = activities()
    mirror = np.diag([1.0, 1, 1, 1, -1])
    for rotation in (turned(5), turned(5) @ mirror, mirror):
        assert float(procrustes(a, a @ rotation.T).distance) < 1e-14
    assert np.linalg.det(procrustes(a, a @ mirror).rotation) == pytest.approx(-1)


def test_procrustes_is_that_of_scipy_and_a_metric():
    a, b = activities(others=5)
    distance = float(procrustes(a, b).distance)
    disparity = spatial.procrustes(a, b)[2]  # with the best scale: 1 - (tr S)^2
    assert 1 - (1 - distance**2 / 2) ** 2 == pytest.approx(disparity, rel=1e-10)
    assert float(procrustes(b, a).distance) == pytest.approx(distance, rel=1e-10)
    _, c = activities()
    assert procrustes(c, a).rotation.shape == (5, 7)
    sides = [float(procrustes(x, y).distance) for x, y in ((a, b), (b, c), (a, c))]
    assert max(sides) <= sum(sides) - max(sides)


def test_canonical_correlations_are_those_of_the_definition():
    a, b = activities()
    bases = [np.linalg.qr(x - x.mean(axis=0))[0] for x in (a, b)]
    truth = np.linalg.svd(bases[0].T @ bases[1], compute_uv=False)
    found = cca(a, b)
    np.testing.assert_allclose(found, truth, rtol=1e-9)
    x, y = CCA(1, scale=False, tol=1e-12, max_iter=5000).fit(a, b).transform(a, b)
    assert float(found[0]) == pytest.approx(np.corrcoef(x[:, 0], y[:, 0])[0, 1], rel=1e-6)
    mixed = cca(a @ RNG.normal(size=(5, 5)), b @ RNG.normal(size=(7, 7)) + 1)
    np.testing.assert_allclose(mixed, truth, rtol=1e-8)
    assert np.abs(cca(a, RNG.permutation(b)) - truth).max() > 0.1


def test_directions_in_which_nothing_varies_do_not_correlate():
    a, b = activities()
    doubled = np.concatenate([a, a[:, :1]], axis=1)
    found = cca(doubled, b)
    np.testing.assert_allclose(found[:5], cca(a, b), rtol=1e-8)
    assert float(found[5]) < 1e-8
    assert float(cca(np.ones((9, 2)), b[:9, :2]).max()) == 0


@pytest.mark.slow
def test_svcca_is_cca_of_principal_components():
    a, b = activities(samples=12, units=20, others=25)
    scores = [PCA(3, svd_solver="full").fit_transform(x) for x in (a, b)]
    np.testing.assert_allclose(svcca(a, b, 3), cca(*scores), rtol=1e-8)
    noise = np.concatenate([a, 1e-3 * RNG.normal(size=(12, 9))], axis=1)
    np.testing.assert_allclose(svcca(noise, b, 3), svcca(a, b, 3), rtol=1e-3)


@pytest.mark.slow
def test_they_can_be_compiled_mapped_and_in_single_precision():
    a, b = (jnp.asarray(x) for x in activities(others=5))
    several = jnp.stack([b, 2 * b @ jnp.asarray(turned(5)), a])

    def measures(a, b):
        return cka(a, b), procrustes(a, b).distance, cca(a, b), svcca(a, b, 2)

    found = jax.jit(jax.vmap(measures, in_axes=(None, 0)))(a, several)
    for values, alone in zip(found, measures(a, several[0]), strict=True):
        np.testing.assert_allclose(values[0], alone, rtol=1e-9)
    np.testing.assert_allclose(found[1][2], 0, atol=1e-12)
    slope = jax.jit(jax.grad(lambda b: cka(a, b)))(b)
    step = 1e-6 * np.asarray(a)
    expected = float(cka(a, b + step) - cka(a, b - step)) / 2
    assert float(jnp.sum(slope * step)) == pytest.approx(expected, rel=1e-5)
    single = jax.jit(measures)(a.astype(jnp.float32), b.astype(jnp.float32))
    for value, truth in zip(single, measures(a, b), strict=True):
        assert value.dtype == jnp.float32
        np.testing.assert_allclose(value, truth, rtol=1e-4)


@pytest.mark.parametrize("function", [cka, procrustes, cca])
def test_other_samples_are_refused(function):
    with pytest.raises(ValueError, match="of the same samples"):
        function(np.ones((5, 2)), np.ones((6, 2)))
    with pytest.raises(ValueError, match="b must be finite"):
        function(np.ones((5, 2)), np.full((5, 2), np.nan))


def test_what_has_too_few_samples_is_refused():
    with pytest.raises(ValueError, match="components must be at most 3"):
        pca(np.ones((3, 5)), 4)
    with pytest.raises(ValueError, match="more samples than units"):
        cca(np.ones((5, 5)), np.ones((5, 2)))
    with pytest.raises(ValueError, match="data must have at least 2 axes"):
        pca(np.ones(5), 1)
    with pytest.raises(TypeError, match="data must be real"):
        pca(1j * np.ones((5, 2)), 1)
