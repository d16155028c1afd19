"""The compiled step of variable projection against plain linear algebra."""

from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from srlaw.laws.forms import exp_tail
from srlaw.laws.kernel import projected, solved
from srlaw.laws.project import RANK, _of_short_rank

SHAPES = st.tuples(st.integers(1, 4), st.integers(6, 20), st.integers(1, 4), st.integers(1, 4), st.integers(0, 2**32))


def drawn(repeats, n, k, q, seed):
    rng = np.random.default_rng(seed)
    root = rng.uniform(0, 2, (repeats, n))
    root[:, 0] = 0  # a point that is left out
    return (rng.normal(size=shape) for shape in ((repeats, n, k), (repeats, q, n, k), (repeats, n))), root


@given(SHAPES)
def test_it_is_what_singular_values_give(shape):
    (phi, dphi, y), root = drawn(*shape)
    *found, full = projected(phi, dphi, y, root, RANK)
    assert full.all()
    for mine, theirs in zip(found, _of_short_rank(phi, dphi, y, root), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-8, atol=1e-8)


def test_its_slope_is_that_of_differences():
    """Half the derivative of the objective along the curve phi + t·dphi."""
    (phi, dphi, y), root = drawn(3, 12, 3, 2, 5)
    _, slope, _, _ = projected(phi, dphi, y, root, RANK)
    for j in range(2):
        ends = [projected(phi + t * dphi[:, j], dphi, y, root, RANK)[0] for t in (-1e-6, 1e-6)]
        assert slope[:, j] == pytest.approx((ends[1] - ends[0]) / 4e-6, rel=1e-5)


def test_columns_that_depend_on_each_other_are_told_apart():
    (phi, dphi, y), root = drawn(4, 9, 3, 2, 7)
    phi[1, :, 2] = phi[1, :, 0] - 2 * phi[1, :, 1]
    phi[2, :, 1] = 0
    phi[3, 1:, 2] = 0  # what is left of the column has no weight
    assert projected(phi, dphi, y, root, RANK)[3].tolist() == [True, False, False, False]


@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 2**32))
def test_small_systems_are_solved(repeats, q, seed):
    rng = np.random.default_rng(seed)
    matrix, right = rng.normal(size=(repeats, q, q)), rng.normal(size=(repeats, q))
    matrix[:, 0, 0] = 0 if q > 1 else 1  # so that rows must be exchanged
    expected = np.linalg.solve(matrix, right[..., None])[..., 0]
    condition = np.linalg.cond(matrix).max()
    np.testing.assert_allclose(solved(matrix, right), expected, rtol=1e-12 * condition, atol=1e-13 * condition)


@given(st.sampled_from([1, 2]), st.lists(st.floats(-60, 60), min_size=1, max_size=9))
def test_tails_are_what_eighty_digits_give(order, s):
    found = np.stack(exp_tail(order, np.array(s)), -1)
    with localcontext(prec=80):
        for z, pair in zip(s, found.tolist(), strict=True):
            z = Decimal(max(z, 1e-20, key=abs))  # the limit at 0 to all digits of a float
            first = (1 - (-z).exp()) / z
            second, slope = (1 - first) / z, ((-z).exp() - first) / z
            expected = (first, slope) if order == 1 else (second, -(slope + second) / z)
            assert pair == pytest.approx([float(one) for one in expected], rel=1e-13, abs=0)


def test_tails_keep_their_shape():
    assert [one.shape for one in exp_tail(2, np.ones((3, 4)))] == [(3, 4)] * 2
    assert [one.shape for one in exp_tail(1, np.array(0.3))] == [()] * 2
