"""Measurements out of the vector graphics of a 3-D scatter that matplotlib drew: nothing is read by eye.

Such a PDF has every corner, grid line and marker with six decimals of a point. The three panes show seven corners of
the box, which fix the camera; the numbers at the grid lines fix the scale of each axis. A marker lies on the picture of
one vertical line of the box whose x and y are whole numbers; how high it lies there is the measurement.

``python -m srlaw.recover FOLDER`` writes ``performance_law_grid.csv`` and ``recovery.csv``, every marker of the four
figures of the authors' repository that lie in FOLDER, in ``data/paper`` anew.
"""

import re
import sys
from itertools import pairwise, permutations
from pathlib import Path

import numpy as np
import polars as pl

from srlaw.errors import InputError
from srlaw.files import readable_file, repository

TOLERANCE = 1e-5  # points of 1/72 inch: twenty times what the sixth decimal can hide
BOX = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 0]], float)
FIGURES = {f"{law}Law_{name}": f"{name.lower()}10" for law in ("Performance", "Scaling") for name in ("HR", "NDCG")}
# of the panels, in the order of Figures 3 and 5: the only thing that the files do not say
DATASETS = dict(enumerate(["ml-1m"] * 3 + ["amazon-books"] * 2 + ["kuairand-pure"] * 3 + ["huawei-music"] * 2, 1))


def shapes(path: Path) -> list[tuple]:
    """What the first page draws, in order: ``line``, ``area`` or ``dot`` with points ``(n, 2)``, or ``text``."""
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        content = PdfReader(readable_file(path, "a PDF that matplotlib drew")).pages[0].get_contents()
    except (PyPdfError, IndexError) as error:
        raise InputError(f"{path.name} cannot be read as a PDF; give one that matplotlib drew") from error
    found, drawn = [], []
    for operands, operator in content.operations if content is not None else ():
        if operator in (b"m", b"l", b"c"):
            drawn.append((operator, operands[-2:]))
        elif operator in (b"S", b"f", b"B") and drawn:
            steps, at = zip(*drawn, strict=True)
            kind = "line" if operator == b"S" else "area" if b"l" in steps else "dot"
            found, drawn = [*found, (kind, np.array(at, float))], []
        elif operator in (b"Tj", b"TJ"):
            parts = operands[0] if operator == b"TJ" else operands
            found.append(("text", "".join(part for part in parts if isinstance(part, str))))
    return found


def corners(panes: list[tuple]) -> np.ndarray | None:
    """`BOX` on the page ``(7, 2)``, if these are the panes of one: the corner of all three, those of two, of one."""
    if [(kind, len(at)) for kind, at in panes] != [("area", 4)] * 3:
        return None
    x, y, z = ({tuple(corner) for corner in at} for _, at in panes)
    sets = [x & y & z, (y & z) - x, (x & z) - y, (x & y) - z, x - y - z, y - x - z, z - x - y]
    return np.array([min(one) for one in sets]) if all(len(one) == 1 for one in sets) else None


def camera(box: np.ndarray, page: np.ndarray) -> tuple[np.ndarray, float]:
    """The projection ``(3, 4)`` of the box ``(n, 3)`` to the page ``(n, 2)`` by linear least squares, its RMS error."""
    centre, size = page.mean(axis=0), page.std()
    at, flat = np.column_stack([box, np.ones(len(box))]), (page - centre) / size
    rows = [np.hstack([at * (i == 0), at * (i == 1), -flat[:, [i]] * at]) for i in (0, 1)]
    shape = np.linalg.svd(np.vstack(rows), full_matrices=False)[2][-1].reshape(3, 4)
    view = np.array([[size, 0, centre[0]], [0, size, centre[1]], [0, 0, 1]]) @ shape
    seen = at @ view.T
    return view, float(np.sqrt(np.mean((seen[:, :2] / seen[:, 2:] - page) ** 2)))


def along(view: np.ndarray, start: np.ndarray, axis: int, page: np.ndarray) -> tuple[np.ndarray, ...]:
    """Where the line along an axis from ``start (…, 3)`` passes ``page (…, 2)``: how far from the start in the box, at
    what distance on the page, and how many points on the page a unit of the box is there."""
    seen = start @ view[:, :3].T + view[:, 3]
    known, slope = seen[..., :2] - page * seen[..., 2:], page * view[2, axis] - view[:2, axis]
    far = (known * slope).sum(-1) / (slope * slope).sum(-1)
    depth = np.abs(seen[..., 2] + far * view[2, axis])
    return far, np.linalg.norm(known - far[..., None] * slope, axis=-1) / depth, np.linalg.norm(slope, axis=-1) / depth


def solved(place: str, box: np.ndarray, part: list[tuple]) -> tuple[np.ndarray, np.ndarray, float]:
    """Camera, limits of the axes ``(3, 2)`` and root mean square error in points of what is drawn in one box."""
    lines = np.array([at for kind, at in part if (kind, len(at)) == ("line", 3)]).reshape(-1, 3, 2)
    paths = [(axis, np.eye(3)[[a, 0, b]] * [[1], [0], [1]]) for a, axis, b in permutations(range(3))]
    tried = [along(camera(BOX, box)[0], path, axis, lines) for axis, path in paths]
    best = np.argmin([miss.max(axis=1) for _, miss, _ in tried], axis=0)  # along a pane, over an edge, along a pane
    far, axes = np.choose(best, [far.mean(axis=1) for far, _, _ in tried]), np.array([axis for axis, _ in paths])[best]
    texts = [(before, words) for before, (kind, words) in pairwise(part) if kind == "text"]
    ticks = [words for (kind, at), words in texts if (kind, len(at)) == ("line", 2)]
    plain = all(re.fullmatch(r"[\d.]+", tick) for tick in ticks) and not any(words[:2] == "1e" for _, words in texts)
    if not plain or len(ticks) != len(lines) or np.bincount(axes, minlength=3).min() < 2:
        raise InputError(f"the axes of {place} have no plain positive number at each grid line; nothing else is read")
    values = np.array(ticks, float)
    slopes, lows = np.array([np.polyfit(far[axes == axis], values[axes == axis], 1) for axis in range(3)]).T
    even = np.eye(3)[axes] * ((values - lows[axes]) / slopes[axes])[:, None]
    known = np.array([path for _, path in paths])[best] + even[:, None]
    view, rms = camera(np.vstack([BOX, *known]), np.vstack([box, *lines]))
    if rms > TOLERANCE:
        raise InputError(f"the axes of {place} are not even, or no camera shows them so; nothing else is read")
    return view, np.column_stack([lows, lows + slopes]), rms


def points(path: Path) -> pl.DataFrame:
    """A row a marker: ``panel`` (from 1), ``text`` in it, whole ``x`` and ``y``, ``z`` and its standard error, and in
    points the panel's ``rms``, the marker's distance from its vertical line (``miss``) and from any other (``next``).

    Raises:
        InputError: a file that is no PDF, without such a figure, or with one that is not understood to the last digit.
    """
    drawn, rows = shapes(path), []
    starts = [(i, box) for i in range(len(drawn)) if (box := corners(drawn[i : i + 3])) is not None]
    for panel, ((start, box), (end, _)) in enumerate(pairwise([*starts, (len(drawn), BOX)]), 1):
        part, place = drawn[start + 3 : end], f"panel {panel} of {path.name}"
        view, limits, rms = solved(place, box, part)
        whole = [np.arange(np.ceil(low), min(high, low + 1500)) for low, high in np.sort(limits[:2], axis=1)]
        cells = np.stack(np.meshgrid(*whole), axis=-1).reshape(-1, 2)
        floor = np.column_stack([(cells - limits[:2, 0]) / np.diff(limits[:2]).T, np.zeros(len(cells))])
        text = " | ".join(words for kind, words in part if kind == "text")
        for centre in (at[1:].mean(axis=0) for kind, at in part if kind == "dot"):
            far, miss, unit = along(view, floor, 2, centre)
            miss = np.append(np.where((far < 0) | (far > 1), np.inf, miss), [np.inf, np.inf])
            best, other = np.argpartition(miss, (0, 1))[:2]
            if not miss[best] <= TOLERANCE < miss[other]:
                raise InputError(f"a marker in {place} is not over one pair of whole numbers; nothing else is read")
            z, error = limits[2] @ [1 - far[best], far[best]], rms * np.ptp(limits[2]) / unit[best]
            rows.append((panel, text, *map(int, cells[best]), z, error, rms, miss[best], miss[other]))
    if not rows:
        raise InputError(f"{path.name} has no 3-D scatter of round markers on its first page; give one by matplotlib")
    return pl.DataFrame(rows, ["panel", "text", "x", "y", "z", "error", "rms", "miss", "next"], orient="row")


def figures(folder: Path) -> pl.DataFrame:
    """`points` of the authors' figures, with the names of `srlaw.paper.grid` and its order, and ``figure, metric``."""
    found = [points(folder / f"{name}.pdf").with_columns(figure=pl.lit(name)) for name in FIGURES]
    every = pl.concat(found).sort("figure", "panel", "y", "x").rename({"x": "n_layers", "y": "d_emb"})
    dataset, metric = pl.col("panel").replace_strict(DATASETS), pl.col("figure").replace_strict(FIGURES)
    s_max = pl.col("text").str.extract(r"Length = (\d+)").cast(int)
    return every.with_columns(dataset=dataset, s_max=s_max, metric=metric)


if __name__ == "__main__":
    try:
        every, data = figures(Path(*sys.argv[1:])), repository("data", "paper")
    except InputError as error:
        sys.exit(str(error))
    every.drop("panel", "text", "metric").write_csv(data / "recovery.csv", float_precision=12)
    law, keys = every.filter(pl.col("figure").str.starts_with("Performance")), ["dataset", "s_max", "n_layers", "d_emb"]
    law.pivot("metric", index=keys, values="z").write_csv(data / "performance_law_grid.csv", float_precision=4)
