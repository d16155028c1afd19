"""The synthetic logs of sweep C: ``python data/sweeps/populations.py [FOLDER]`` writes them to FOLDER, `populations`.

Four populations whose entropy rates are known, and two of the third one's with planted duplicates that leave the
number of events as it is: each of the first half of the users twice, or each event twice in histories of half the
length. One history a line, as `srlaw.datasets.load` reads ``.txt``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from srlaw.datasets.synthetic import population

SIZES = {"users": 2000, "items": 500, "mean_length": 60.0}
RATES = {"1": {"branching": 2, "follow": 0.95}, "2": {"branching": 8, "follow": 0.9}}
RATES |= {"3": {"branching": 8, "follow": 0.7}, "4": {"branching": 8, "follow": 0.4}}


def histories() -> dict[str, list[np.ndarray]]:
    """Name of each log and its histories."""
    out = {}
    for name, chain in RATES.items():
        drawn = population(seed=0, **SIZES, **chain).sample()
        out[f"population-{name}"] = [drawn.catalogue[drawn[user]] for user in range(drawn.n_users)]
    plain = out["population-3"]
    half = plain[: len(plain) // 2]
    out["population-3-users-twice"] = half + half
    out["population-3-events-twice"] = [np.repeat(items, 2)[: len(items)] for items in plain]
    return out


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, lines in histories().items():
        text = "".join(f"{user} {' '.join(map(str, items))}\n" for user, items in enumerate(lines))
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "populations"))
