"""The committed tables: read in one place, and what is not there is one sentence."""

import pytest

from srlaw import stored
from srlaw.entropy.report import describe_lengths
from srlaw.errors import InputError


def test_stored_tables_agree_with_each_other():
    rows = {row["s_max"]: row for row in stored.statistics("ml-1m").to_dicts()}
    assert list(rows) == [50, 100, 150, 200]
    for s_max, row in rows.items():
        from_lengths = describe_lengths(stored.lengths("ml-1m"), s_max)
        assert (row["users"], row["tokens"]) == (from_lengths["users"], from_lengths["tokens"])
        assert row["apen"] == pytest.approx(from_lengths["apen"])
    none = stored.duplication("ml-1m").filter(share=0.0)
    assert none["apen"].to_list() == pytest.approx([rows[200]["apen"]] * len(none), rel=1e-5)


def test_stored_sweep():
    rows = stored.sweep("ml-1m-two-cores")
    assert sorted(rows["model"]) == ["hstu", "llama", "sasrec"]
    assert rows["key"].n_unique() == 3


@pytest.mark.parametrize("read", [stored.lengths, stored.statistics, stored.duplication, stored.sweep])
@pytest.mark.parametrize("name", ["nothing", "../paper/table1", ""])
def test_what_is_not_stored_is_one_sentence(read, name):
    with pytest.raises(InputError, match=r"data/\w+ has no .*; names that it has are .*ml-1m"):
        read(name)


def test_yardsticks_of_movielens_belong_to_its_stored_sweep():
    found = stored.yardsticks("ml-1m")
    rows = stored.sweep("ml-1m-two-cores")
    assert set(rows["s_max"]) == {found["s_max"]}
    assert set(rows["users"]) == {found["users"]}
    assert set(rows["n_items"]) == {found["n_items"]}
