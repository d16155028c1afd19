"""What is known about each data set that `srlaw.datasets.load` can fetch by name, and how its files are read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from srlaw.datasets.layout import Layout
from srlaw.sequences import Sequences

_HARPER = (
    "F. M. Harper and J. A. Konstan. The MovieLens Datasets: History and Context. "
    "ACM Transactions on Interactive Intelligent Systems 5(4), 2015."
)
_GAO = "C. Gao et al. KuaiRand: An Unbiased Sequential Recommendation Dataset with Randomly Exposed Videos. CIKM 2022."
_MCAULEY = (
    "J. McAuley, C. Targett, Q. Shi and A. van den Hengel. Image-Based Recommendations on Styles and "
    "Substitutes. SIGIR 2015."
)


@dataclass(frozen=True)
class Dataset:
    """A published data set.

    Attributes:
        name: what `load` takes.
        title: what a table calls it.
        url: where the official file lies; None for data made here.
        checksum: ``"md5:…"`` or ``"sha256:…"`` of the file at `url`; None for data made here.
        licence: terms of use, one sentence.
        citation: the publication to cite.
        files: the files that are read, as paths inside the official archive.
        layout: how they are written; None for data made here.
        users, items, events: counts after loading, where they are certain.
    """

    name: str
    title: str
    url: str | None
    checksum: str | None
    licence: str
    citation: str
    files: tuple[str, ...] = ()
    layout: Layout | None = None
    users: int | None = None
    items: int | None = None
    events: int | None = None

    @property
    def filename(self) -> str:
        """Name of the official file, the last part of `url`."""
        return PurePosixPath(self.url or self.name).name

    def compare(self, sequences: Sequences) -> str:
        """One sentence: whether `sequences` has the published counts, and where it differs."""
        found = sequences.summary()
        pairs = [("users", self.users, found["users"]), ("items", self.items, found["items"])]
        pairs.append(("events", self.events, found["tokens"]))
        known = [(what, expected, count) for what, expected, count in pairs if expected is not None]
        different = [f"{count} {what} instead of {expected}" for what, expected, count in known if count != expected]
        if not known:
            return f"{self.name}: no counts are published."
        return f"{self.name}: {', '.join(different)}." if different else f"{self.name}: counts as published."


_SAME = {"user": "user", "item": "item", "rating": "rating", "time": "time"}

_DATASETS = (
    Dataset(
        name="ml-1m",
        title="MovieLens-1M",
        url="https://files.grouplens.org/datasets/movielens/ml-1m.zip",
        checksum="md5:c4d9eecfca2ab87c1945afe126590906",
        licence="GroupLens terms: research use with acknowledgement; no redistribution without permission.",
        citation=_HARPER,
        files=("ml-1m/ratings.dat",),
        layout=Layout(_SAME, ":", ("user", "", "item", "_", "rating", "__", "time")),
        users=6040,
        items=3706,
        events=1_000_209,
    ),
    Dataset(
        name="ml-100k",
        title="MovieLens-100K",
        url="https://files.grouplens.org/datasets/movielens/ml-100k.zip",
        checksum="md5:0e33842e24a9c977be4e0107933c0723",
        licence="GroupLens terms: research use with acknowledgement; no redistribution without permission.",
        citation=_HARPER,
        files=("ml-100k/u.data",),
        layout=Layout(_SAME, "\t", ("user", "item", "rating", "time")),
        users=943,
        items=1682,
        events=100_000,
    ),
    Dataset(
        name="kuairand-pure",
        title="KuaiRand-Pure",
        url="https://zenodo.org/records/10439422/files/KuaiRand-Pure.tar.gz",
        checksum="md5:0820331067a3784d9691136f772b35a7",
        licence="CC BY-SA 4.0.",
        citation=_GAO,
        files=(
            "KuaiRand-Pure/data/log_standard_4_08_to_4_21_pure.csv",
            "KuaiRand-Pure/data/log_standard_4_22_to_5_08_pure.csv",
        ),
        # The two standard logs, every exposure, clicked or not. The randomly exposed videos are left out: they are
        # 1,186,059 events, 43 a user, and with them nearly every history would fill s_max = 25, where the paper's
        # Table 1 has a mean length of 20.72. Its 1,058,511 tokens at s_max = 100 fit the 1,436,609 events of these.
        layout=Layout({"user": "user_id", "item": "video_id", "time": "time_ms"}),
        users=27_285,
        items=7_551,
        events=1_436_609,
    ),
    Dataset(
        name="amazon-books",
        title="Amazon Books 2014, 5-core",
        url="https://snap.stanford.edu/data/amazon/productGraph/categoryFiles/ratings_Books.csv",
        # The host publishes no checksum; this one is recorded by other public loaders of the same address.
        checksum="sha256:87d923ddac2aacf40c1d0e0e056dbf4bf69c9c7d41852c6b434e781e759c0707",
        licence="No licence stated; offered by the authors for research, with citation.",
        citation=_MCAULEY,
        files=("ratings_Books.csv",),
        # Users and items with at least five events, repeated until stable, as in the published 5-core. The paper's
        # tokens and mean lengths give some 695,000 users: one pass of the filter, not repeated, leaves that many.
        layout=Layout(_SAME, ",", ("user", "item", "rating", "time"), core=5),
        users=603_668,
        items=367_982,
        events=8_898_041,
    ),
    Dataset(
        name="synthetic",
        title="Synthetic Markov chains",
        url=None,
        checksum=None,
        licence="Generated by this package, under its licence.",
        citation="None.",
    ),
)

REGISTRY: dict[str, Dataset] = {dataset.name: dataset for dataset in _DATASETS}
