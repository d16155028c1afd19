"""Variable projection for many fits of one law at once: the linear coefficients are solved inside.

The R fits share the arguments x and differ in responses Y ``(R, n)`` and weights W ``(R, n)``: panels of one
design, bootstrap resamples, left-out points (weight 0) and different starts are all batches. A search has
two stages, both deterministic: every point of the law's grid is projected (`screen`), then the best local
minima are polished by a damped Gauss–Newton iteration on the projected residual (`polish`).
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import minimum_filter

from srlaw.laws.forms import SMALLEST_EXPONENT
from srlaw.laws.problem import SAME, TIGHT, Problem, Solutions, twins

RANK = 1e-11  # relative size below which a direction of the basis counts as absent
PROBE, ITERATIONS = 8, 200  # steps before and after the starts are thinned out
NO_EFFECT = 1e-8  # a coordinate of θ that moves the fit by less than this part of the residual is left alone


def solve(phi: np.ndarray, y: np.ndarray, root: np.ndarray | None):
    """Weighted least squares for each fit, columns scaled, rank-deficient directions set to their minimum norm.

    Args:
        phi: ``(R, n, k)``; y: ``(R, n)``; root: square roots of the weights ``(R, n)``, or None.

    Returns:
        coefficients ``(R, k)``, orthonormal basis Q of the weighted columns ``(R, n, k)`` (zero columns where
        the rank is short), weighted residuals ``(R, n)``, and M ``(R, k, k)``: the pseudo-inverse is Mᵀ Qᵀ.
    """
    a = phi if root is None else phi * root[..., None]
    b = y if root is None else y * root
    norms = np.linalg.norm(a, axis=1)
    norms = np.where(norms > 0, norms, 1.0)
    a = a / norms[:, None, :]
    q, r = np.linalg.qr(a)
    diagonal = np.abs(np.diagonal(r, axis1=1, axis2=2))
    if diagonal.min(initial=1.0) > RANK:
        m = np.linalg.inv(r).transpose(0, 2, 1)
    else:
        q, s, vt = np.linalg.svd(a, full_matrices=False)
        keep = s > RANK * s[:, :1]
        q, m = q * keep[:, None, :], vt / np.where(keep, s, 1.0)[:, :, None]
    m = m / norms[:, None, :]
    qb = np.einsum("rnk,rn->rk", q, b)
    return np.einsum("rjk,rj->rk", m, qb), q, b - np.einsum("rnk,rk->rn", q, qb), m


def beginnings(problem: Problem, y: np.ndarray, weights: np.ndarray | None, count: int) -> np.ndarray:
    """The `count` grid points of lowest objective for one response ``(1, n)``: ``(count, q)``."""
    return screen(problem, y, weights, count, None)[0]


def screen(problem: Problem, y: np.ndarray, weights: np.ndarray | None, starts: int, points: np.ndarray | None):
    """The `starts` best beginnings for each fit: local minima of the grid first, then the lowest points.

    Returns:
        θ of shape ``(R, starts, q)``.
    """
    from srlaw.laws.kernel import solved  # numba takes a second to import, which only who fits needs

    grid = problem.points if points is None else points
    grid = grid.reshape(int(np.prod(grid.shape[:-1])), grid.shape[-1])
    phi, _ = problem.law.basis(grid, problem.u, problem.centre)
    q = solve(phi, np.zeros(phi.shape[:2]), None)[1]
    if weights is None:
        flat = q.transpose(0, 2, 1).reshape(-1, q.shape[1])
        rss = (y**2).sum(1)[:, None] - ((y @ flat.T) ** 2).reshape(len(y), len(grid), -1).sum(2)
    else:
        pairs = np.einsum("gnk,gnl->gkln", q, q).reshape(-1, q.shape[1])
        flat = q.transpose(0, 2, 1).reshape(-1, q.shape[1])
        k, size = q.shape[2], len(grid)
        rss = np.empty((len(y), size))
        for i in range(0, len(y), 100):
            w, wy = weights[i : i + 100], weights[i : i + 100] * y[i : i + 100]
            gram = (w @ pairs.T).reshape(-1, size, k, k) + 1e-12 * np.eye(k)
            right = (wy @ flat.T).reshape(-1, size, k)
            found = solved(gram.reshape(-1, k, k), right.reshape(-1, k)).reshape(right.shape)
            fitted = (found * right).sum(-1)
            rss[i : i + 100] = (wy * y[i : i + 100]).sum(1)[:, None] - fitted
    rank = rss
    if points is None:
        cells = rss.reshape(len(y), *problem.points.shape[:-1])
        least = cells.min(-1, keepdims=True)
        around = minimum_filter(least, size=(1, *[3] * (cells.ndim - 2), 1), mode="nearest")
        bottom = (around == least) & (cells == least)
        rank = np.where(bottom.reshape(rss.shape), rss - 2 * np.abs(rss).max(1, keepdims=True), rss)
    starts = min(starts, len(grid))
    best = np.argpartition(rank, starts - 1, axis=1)[:, :starts]
    return grid[np.take_along_axis(best, np.argsort(np.take_along_axis(rank, best, 1), axis=1), 1)]


def _evaluate(problem: Problem, theta, y, root):
    """Objective, gradient and Gauss–Newton matrix of the projected residual (Golub and Pereyra's Jacobian)."""
    from srlaw.laws.kernel import projected

    phi, dphi = problem.law.basis(theta, problem.u, problem.centre)
    assert dphi is not None  # as of every law with a basis of its own, and no other comes here
    weights = np.ones_like(y) if root is None else root
    # arrays of another layout would be compiled for once more
    phi, dphi, y, weights = map(np.ascontiguousarray, (phi, dphi, y, weights))
    rss, slope, hessian, full = projected(phi, dphi, y, weights, RANK)
    if not full.all():
        short = ~full
        some = None if root is None else root[short]
        rss[short], slope[short], hessian[short] = _of_short_rank(phi[short], dphi[short], y[short], some)
    return rss, slope, hessian


def _of_short_rank(phi, dphi, y, root):
    """The same where columns of the basis depend on each other, by singular values."""
    coef, q, residual, m = solve(phi, y, root)
    if root is not None:
        dphi = dphi * root[:, None, :, None]
    moved = np.einsum("rjnk,rk->rjn", dphi, coef)
    outside = np.einsum("rnk,rjn->rjk", q, moved)
    turned = np.einsum("rkl,rjl->rjk", m, np.einsum("rjnk,rn->rjk", dphi, residual))
    jacobian = np.einsum("rnk,rjk->rjn", q, outside - turned) - moved
    slope = np.einsum("rjn,rn->rj", jacobian, residual)
    return (residual**2).sum(1), slope, np.einsum("rjn,rin->rji", jacobian, jacobian)


def _cosine(problem: Problem, theta, rss, slope, hessian):
    """Largest cosine between residual and Jacobian column over coordinates free to move; the free mask."""
    held = ((theta <= problem.low) & (slope > 0)) | ((theta >= problem.high) & (slope < 0))
    held |= problem.low == problem.high
    effect = np.sqrt(np.maximum(np.diagonal(hessian, axis1=1, axis2=2), 0))
    size = np.sqrt(rss)[:, None]
    held |= effect <= NO_EFFECT * size
    cosine = np.where(held, 0.0, np.abs(slope) / np.where(held, 1.0, effect * size))
    return cosine.max(1, initial=0.0), ~held


def polish(problem: Problem, theta: np.ndarray, y: np.ndarray, root: np.ndarray | None, iterations: int, tight=TIGHT):
    """Levenberg–Marquardt on θ within the box, R problems side by side; each stops on its own gradient.

    Returns:
        θ ``(R, q)``, objective (weighted residual sum of squares) ``(R,)``, the cosine of the gradient test.
    """
    from srlaw.laws.kernel import solved

    theta = np.clip(np.array(theta, float), problem.low, problem.high)
    rss, slope, hessian = _evaluate(problem, theta, y, root)
    cosine, free = _cosine(problem, theta, rss, slope, hessian)
    floor = 1e-28 * (y**2 if root is None else (y * root) ** 2).sum(1)
    damping, grow = np.full(len(theta), 1e-3), np.full(len(theta), 2.0)
    live = np.flatnonzero((cosine > tight) & (rss > floor))
    for _ in range(iterations):
        if not len(live) or not theta.shape[1]:
            break
        mask = free[live]
        matrix = hessian[live] * (mask[:, :, None] & mask[:, None, :])
        diagonal = np.diagonal(matrix, axis1=1, axis2=2)
        lift = damping[live, None] * np.maximum(diagonal, 1e-9 * diagonal.max(1, keepdims=True)) + ~mask + 1e-300
        step = -solved(matrix + lift[:, :, None] * np.eye(theta.shape[1]), slope[live] * mask)
        trial = np.clip(theta[live] + np.clip(step, -3, 3), problem.low, problem.high)
        new = _evaluate(problem, trial, y[live], None if root is None else root[live])
        better = new[0] < rss[live]
        won, lost = live[better], live[~better]
        theta[won] = trial[better]
        for old, fresh in zip((rss, slope, hessian), new, strict=True):
            old[won] = fresh[better]
        damping[won], grow[won] = np.maximum(damping[won] / 5, 1e-12), 2.0
        damping[lost], grow[lost] = damping[lost] * grow[lost], grow[lost] * 2
        cosine[won], free[won] = _cosine(problem, theta[won], rss[won], slope[won], hessian[won])
        live = live[(cosine[live] > tight) & (rss[live] > floor[live]) & (damping[live] < 1e15)]
    return theta, rss, cosine


def _distinct(theta: np.ndarray, rss: np.ndarray, keep: int) -> np.ndarray:
    """Per fit, the `keep` starts of lowest objective, those equal to a lower one (to 1e-6) last: ``(R, keep)``."""
    order = rss.argsort(1)
    low = np.take_along_axis(rss, order, 1)
    repeated = np.zeros_like(low, bool)
    repeated[:, 1:] = low[:, 1:] <= low[:, :-1] * (1 + SAME)
    return np.take_along_axis(order, np.argsort(repeated, axis=1, kind="stable"), 1)[:, :keep]


def search(problem: Problem, y: np.ndarray, weights=None, starts: int = 12, points=None, tight=TIGHT):
    """Global least squares for each row of `y`: screen, probe 4 × `starts`, polish `starts`, keep the best.

    `y` has shape ``(R, n)`` and excludes the law's offset; `points` ``(…, q)`` replaces the law's grid, and then
    nothing is probed; `tight` is the gradient test to reach. Returns `Solutions`.
    """
    root = None if weights is None else np.sqrt(weights)
    repeats, q = len(y), len(problem.low)
    theta = screen(problem, y, weights, (4 if points is None else 1) * starts if q else 1, points)

    def descend(theta, iterations):
        spread = np.repeat(np.arange(repeats), theta.shape[1])
        wide = None if root is None else root[spread]
        found = polish(problem, theta.reshape(len(spread), q), y[spread], wide, iterations, tight)
        return [values.reshape(*theta.shape[:2], *values.shape[1:]) for values in found]

    if theta.shape[1] > starts:
        theta, rss, _ = descend(theta, PROBE)
        theta = np.take_along_axis(theta, _distinct(theta, rss, starts)[..., None], 1)
    theta, rss, cosine = descend(theta, ITERATIONS)
    best = rss.argmin(1)[:, None]
    low = np.take_along_axis(rss, best, 1)
    total = (y**2 if root is None else (y * root) ** 2).sum(1)
    same = rss <= low * (1 + SAME) + 1e-14 * total[:, None]
    every, theta = theta, np.take_along_axis(theta, best[..., None], 1)[:, 0]
    each_cosine, cosine = cosine, np.take_along_axis(cosine, best, 1)[:, 0]
    vanishing = np.isin(problem.law.search, problem.law.vanishing) & (problem.low != problem.high)
    limit = vanishing & (np.abs(theta) <= SMALLEST_EXPONENT)
    theta = np.where(limit, np.where(theta < 0, -1, 1) * SMALLEST_EXPONENT, theta)
    bound = (problem.low != problem.high) & ~limit & ((theta <= problem.low) | (theta >= problem.high))
    phi, _ = problem.law.basis(theta, problem.u, problem.centre)
    coef, _, residual, _ = solve(phi, y, root)
    twin = twins(every, same & (each_cosine <= problem.law.loose), theta)
    flags = limit.any(1), bound.any(1), twin
    return Solutions(theta, coef, (residual**2).sum(1), cosine, same.sum(1), *flags, rss.shape[1])
