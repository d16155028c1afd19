"""The engine for a Huber loss of log residuals of E + A/N^α + B/D^β, in log-sum-exp form (Hoffmann et al., approach 3).

ln prediction = ln(e^e + e^{a − α u} + e^{b − β v}), u and v centred logarithms. The loss has kinks and a narrow
valley where quasi-Newton methods stop early, so each fit takes damped Newton steps with the exact Hessian,
first with a wide δ, then with the one asked for, within a box: exponents above 0 and below 10, no term below e^−30 of
the mean response. R fits (starts, resamples) run side by side.
"""

from __future__ import annotations

import numpy as np

from srlaw.laws.problem import SAME, Problem, Solutions, twins

STAGES = (100.0, 10.0, 1.0)  # δ is reached through these multiples of it
TIGHT = 1e-8
ITERATIONS = 200
TERM = (-30.0, 5.0)  # ln of a term at the centre of the data, beside ln of the mean response


def log_prediction(phi: np.ndarray, u: np.ndarray, v: np.ndarray):
    """ln prediction and the shares of its three terms, each ``(R, n)``, at φ = (e, a, b, α, β) ``(R, 5)``."""
    terms = [phi[:, [0]] + 0 * u, phi[:, [1]] - phi[:, [3]] * u, phi[:, [2]] - phi[:, [4]] * v]
    top = np.maximum(np.maximum(terms[0], terms[1]), terms[2])
    parts = [np.exp(term - top) for term in terms]
    total = sum(parts)
    return top + np.log(total), [part / total for part in parts]


def objective(phi, log_y, u, v, weights, delta) -> np.ndarray:
    """Σ weights · Huber_δ(ln y − ln prediction), ``(R,)``."""
    size = np.abs(log_y - log_prediction(phi, u, v)[0])
    return (weights * np.where(size <= delta, size**2 / 2, delta * (size - delta / 2))).sum(1)


def _derivatives(phi, log_y, u, v, weights, delta):
    """Gradient ``(R, 5)``, Hessian ``(R, 5, 5)`` and the scale of the gradient test ``(R, 5)``."""
    predicted, (s1, s2, s3) = log_prediction(phi, u, v)
    residual = log_y - predicted
    pull = weights * np.clip(residual, -delta, delta)
    slope = np.stack([s1, s2, s3, -u * s2, -v * s3], -1)
    gradient = -np.einsum("rn,rni->ri", pull, slope)
    curved = weights * (np.abs(residual) < delta) + pull
    hessian = np.matmul(slope.transpose(0, 2, 1), curved[..., None] * slope)
    own = [(pull * s1)[..., None], pull * s2, pull * s3]
    hessian[:, 0, 0] -= own[0].sum((1, 2))
    for row, (weight, z) in enumerate(((own[1], u), (own[2], v)), start=1):
        hessian[:, row, row] -= weight.sum(1)
        hessian[:, row, row + 2] += (weight * z).sum(1)
        hessian[:, row + 2, row] += (weight * z).sum(1)
        hessian[:, row + 2, row + 2] -= (weight * z**2).sum(1)
    return gradient, hessian, delta * np.einsum("rn,rni->ri", weights, np.abs(slope)) + 1e-300


def newton(phi, log_y, u, v, weights, delta, low, high):
    """Minimise from each φ ``(R, 5)`` within `low` and `high`; `log_y` and `weights` are ``(R, n)``.

    Returns:
        φ, objective ``(R,)``, gradient test ``(R,)``: the largest |gradient| relative to one-sided pull, of the
        coordinates that no bound holds.
    """
    phi = np.clip(phi, low, high)
    for stage in STAGES:
        value = objective(phi, log_y, u, v, weights, stage * delta)
        test, damping = np.full(len(phi), np.inf), np.full(len(phi), 1e-3)
        live = np.arange(len(phi))
        for _ in range(ITERATIONS if stage == 1 else 30):
            part = log_y[live], u, v, weights[live], stage * delta
            gradient, hessian, scale = _derivatives(phi[live], *part)
            held = ((phi[live] <= low) & (gradient > 0)) | ((phi[live] >= high) & (gradient < 0))
            gradient = np.where(held, 0.0, gradient)
            hessian = np.where(held[:, :, None] | held[:, None, :], held[:, :, None] * np.eye(5), hessian)
            test[live] = (np.abs(gradient) / scale).max(1)
            size = np.sqrt(np.maximum(np.abs(np.diagonal(hessian, axis1=1, axis2=2)), 1e-300))
            values, vectors = np.linalg.eigh(hessian / size[:, :, None] / size[:, None, :])
            lifted = np.maximum(np.abs(values), 1e-12) + damping[live, None]
            turned = np.einsum("rij,ri->rj", vectors, gradient / size)
            step = -np.einsum("rij,rj->ri", vectors, turned / lifted) / size
            trial = np.clip(phi[live] + np.clip(step, -2, 2), low, high)
            after = objective(trial, *part)
            better = after < value[live]
            phi[live[better]], value[live[better]] = trial[better], after[better]
            damping[live] = np.where(better, np.maximum(damping[live] / 6, 1e-14), damping[live] * 4)
            live = live[(test[live] > TIGHT) & (damping[live] < 1e12)]
            if not len(live):
                break
    return phi, value, test


def starts(y, u, v, count: int, delta: float) -> np.ndarray:
    """The `count` best of a grid of exponents with least-squares coefficients made positive: ``(count, 5)``."""
    alpha, beta = (g.ravel() for g in np.meshgrid(*2 * [np.array([0.05, 0.15, 0.3, 0.45, 0.65, 0.9, 1.3])]))
    columns = np.stack([np.ones((len(alpha), len(u))), np.exp(-np.outer(alpha, u)), np.exp(-np.outer(beta, v))], -1)
    coef = np.einsum("gkn,n->gk", np.linalg.pinv(columns), y)
    phi = np.column_stack([np.log(np.maximum(coef, 1e-3 * np.mean(y))), alpha, beta])
    cost = objective(phi, np.log(y)[None], u, v, np.ones((1, len(y))), 100 * delta)
    return phi[cost.argsort()[:count]]


def beginnings(problem: Problem, y: np.ndarray, weights: np.ndarray | None, count: int) -> np.ndarray:
    """The `count` best of `starts` for one response ``(1, n)``: ``(count, 5)``."""
    u, v = problem.u.values()
    return starts(y[0], u, v, count, problem.law.delta)


def search(problem: Problem, y, weights=None, starts: int = 12, points=None, tight=TIGHT) -> Solutions:
    """See `srlaw.laws.problem`; the objective is the summed Huber loss, and the gradient test always `TIGHT`."""
    u, v = problem.u.values()
    weights = np.ones_like(y) if weights is None else weights
    begin = beginnings(problem, y[:1], None, starts) if points is None else points
    level = np.log(y.mean())
    low, high = (
        np.array([level + edge] * 3 + list(box[3:]))
        for edge, box in zip(TERM, (problem.low, problem.high), strict=True)
    )
    repeat = np.repeat(np.arange(len(y)), len(begin))
    found = newton(np.tile(begin, (len(y), 1)), np.log(y)[repeat], u, v, weights[repeat], problem.law.delta, low, high)
    phi, value, test = (part.reshape(len(y), len(begin), *part.shape[1:]) for part in found)
    rows, best = np.arange(len(y)), value.argmin(1)
    theta, least = phi[rows, best], value[rows, best]
    same = value <= least[:, None] * (1 + SAME)
    at_end = (theta <= low) | (theta >= high)
    vanished = theta[:, 3:] <= low[3:]
    return Solutions(
        theta, np.ones((len(y), 1)), least, test[rows, best], same.sum(1), np.asarray(vanished.any(1)),
        np.asarray((at_end & ~np.pad(vanished, ((0, 0), (3, 0)))).any(1)),
        twins(phi, same & (test <= problem.law.loose), theta), len(begin),
    )  # fmt: skip


def named(phi: np.ndarray, centre_u: float, centre_v: float) -> dict[str, np.ndarray]:
    """E, A, B, alpha, beta from φ in centred logarithms, each ``(R,)``."""
    e, a, b, alpha, beta = phi.T
    scale = np.exp(a + alpha * centre_u), np.exp(b + beta * centre_v)
    return {"E": np.exp(e), "A": scale[0], "B": scale[1], "alpha": alpha, "beta": beta}
