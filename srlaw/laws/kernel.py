"""One step of variable projection for many small least-squares problems, and what its columns are made of, compiled.

Loops over numbers, not arrays, since every kind of array expression would add to the seconds that compiling takes once.
"""

from __future__ import annotations

import math

import numba
import numpy as np


@numba.njit(cache=True)
def tails(order, s, series):
    """`srlaw.laws.forms.exp_tail`: g and g′ at each s of shape ``(n,)``, near 0 by their `series` in −s, by Horner."""
    g, slope = np.empty_like(s), np.empty_like(s)
    for i in range(len(s)):
        z = s[i]
        if abs(z) < 0.5:
            g[i] = slope[i] = 0.0
            for j in range(len(series)):
                g[i] = series[j, 0] - z * g[i]
                slope[i] = series[j, 1] - z * slope[i]
            continue
        first = -math.expm1(-z) / z
        by_z = (math.exp(-z) - first) / z
        g[i], slope[i] = first, by_z
        if order == 2:
            g[i] = (1 - first) / z
            slope[i] = -(by_z + g[i]) / z
    return g, slope


@numba.njit(cache=True)
def projected(phi, dphi, y, root, rank):
    """Objective, gradient and Gauss–Newton matrix of the residual left when the linear coefficients are solved.

    The weighted columns are scaled to length 1 and made orthogonal by Gram and Schmidt's procedure, each twice, which
    keeps them orthogonal to rounding. The Jacobian is Golub and Pereyra's.

    Args:
        phi: basis ``(R, n, k)``; dphi: its derivatives ``(R, q, n, k)``; y: responses and root: square roots of the
            weights, ``(R, n)``; rank: length below which what is left of a column counts as nothing.

    Returns:
        rss ``(R,)``, slope ``(R, q)``, hessian ``(R, q, q)``, and ``(R,)`` whether the basis has full rank; where it
        has not, the others are not set.
    """
    repeats, n, k = phi.shape
    q = dphi.shape[1]
    rss, slope, hessian = np.zeros(repeats), np.zeros((repeats, q)), np.zeros((repeats, q, q))
    full = np.ones(repeats, np.bool_)
    basis, upper, norms = np.empty((k, n)), np.zeros((k, k)), np.empty(k)
    left, coef, inside = np.empty(n), np.empty(k), np.empty(k)
    jacobian = np.empty((q, n))
    for r in range(repeats):
        for c in range(k):
            size = 0.0
            for i in range(n):
                basis[c, i] = phi[r, i, c] * root[r, i]
                size += basis[c, i] * basis[c, i]
            norms[c] = math.sqrt(size)
            if norms[c] == 0.0:
                full[r] = False
                break
            for i in range(n):
                basis[c, i] /= norms[c]
            for d in range(c):
                upper[d, c] = 0.0
            for _ in range(2):
                for d in range(c):
                    along = 0.0
                    for i in range(n):
                        along += basis[d, i] * basis[c, i]
                    upper[d, c] += along
                    for i in range(n):
                        basis[c, i] -= along * basis[d, i]
            rest = 0.0
            for i in range(n):
                rest += basis[c, i] * basis[c, i]
            upper[c, c] = math.sqrt(rest)
            if not upper[c, c] > rank:
                full[r] = False
                break
            for i in range(n):
                basis[c, i] /= upper[c, c]
        if not full[r]:
            continue
        for i in range(n):
            left[i] = y[r, i] * root[r, i]
        for c in range(k):
            along = 0.0
            for i in range(n):
                along += basis[c, i] * left[i]
            coef[c] = along
            for i in range(n):
                left[i] -= along * basis[c, i]
        for c in range(k - 1, -1, -1):
            for d in range(c + 1, k):
                coef[c] -= upper[c, d] * coef[d]
            coef[c] /= upper[c, c]
        for i in range(n):
            rss[r] += left[i] * left[i]
        for c in range(k):
            coef[c] /= norms[c]
        for j in range(q):
            for c in range(k):
                inside[c] = 0.0
            for i in range(n):
                moved = 0.0
                for c in range(k):
                    moved += dphi[r, j, i, c] * coef[c]
                    inside[c] -= dphi[r, j, i, c] * root[r, i] * left[i]
                jacobian[j, i] = moved * root[r, i]
            for c in range(k):  # of the transposed inverse: forward substitution
                inside[c] /= norms[c]
                for d in range(c):
                    inside[c] -= upper[d, c] * inside[d]
                inside[c] /= upper[c, c]
            for c in range(k):
                along = 0.0
                for i in range(n):
                    along += basis[c, i] * jacobian[j, i]
                inside[c] += along
            for i in range(n):
                inner = 0.0
                for c in range(k):
                    inner += basis[c, i] * inside[c]
                jacobian[j, i] = inner - jacobian[j, i]
        for j in range(q):
            for i in range(n):
                slope[r, j] += jacobian[j, i] * left[i]
            for d in range(j + 1):
                total = 0.0
                for i in range(n):
                    total += jacobian[j, i] * jacobian[d, i]
                hessian[r, j, d] = total
                hessian[r, d, j] = total
    return rss, slope, hessian, full


@numba.njit(cache=True)
def solved(matrix, right):
    """x of ``matrix x = right`` for each of R small systems, by elimination with partial pivoting.

    Args:
        matrix: ``(R, q, q)``, of full rank; right: ``(R, q)``.
    """
    repeats, q = right.shape
    out, a = np.empty((repeats, q)), np.empty((q, q + 1))
    for r in range(repeats):
        for i in range(q):
            for j in range(q):
                a[i, j] = matrix[r, i, j]
            a[i, q] = right[r, i]
        for c in range(q):
            pivot = c
            for i in range(c + 1, q):
                if abs(a[i, c]) > abs(a[pivot, c]):
                    pivot = i
            for j in range(c, q + 1):
                kept = a[c, j]
                a[c, j] = a[pivot, j]
                a[pivot, j] = kept
            for i in range(c + 1, q):
                factor = a[i, c] / a[c, c]
                for j in range(c, q + 1):
                    a[i, j] -= factor * a[c, j]
        for c in range(q - 1, -1, -1):
            x = a[c, q]
            for j in range(c + 1, q):
                x -= a[c, j] * out[r, j]
            out[r, c] = x / a[c, c]
    return out
