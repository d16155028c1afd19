"""Saved models: the same recommendations in another process, by the reader's own ids; damage and misuse refused."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

import srlaw
from srlaw.datasets import load as read_log
from srlaw.datasets.synthetic import population
from srlaw.errors import InputError
from srlaw.models import HSTUConfig, SASRecConfig
from srlaw.recommender import Recommender, codes_in
from srlaw.saved import FILES, safe_model_folder, save
from srlaw.sequences import Sequences
from srlaw.training import TrainConfig, train

S_MAX = 10


def named(code):
    return f"item «{code}», №{code * 7}"


@pytest.fixture(scope="module")
def data():
    """Histories whose ids are text that is neither short nor plain."""
    plain = population(users=60, items=30, mean_length=12).sample()
    catalogue = np.array([named(code) for code in range(30)])
    return replace(plain, catalogue=catalogue, user_ids=np.array([f"user {u}" for u in range(60)]), name="shop|1")


@pytest.fixture(scope="module")
def made(data):
    trained = train(data, SASRecConfig(30, 1, 8, S_MAX), TrainConfig(epochs=1), progress=False)
    return Recommender.of(trained, data, data="abc")


@pytest.fixture
def folder(made, tmp_path):
    return save(made, tmp_path / "model")


def log_of(data, path):
    users = np.repeat(data.user_ids, data.lengths)
    frame = {"user": users.tolist(), "item": data.catalogue[data.items].tolist(), "time": data.timestamps}
    pl.DataFrame(frame).write_csv(path)
    return path


def test_another_process_recommends_the_same_by_the_readers_ids(made, data, folder, tmp_path):
    log = log_of(data, tmp_path / "log.csv")
    command = [Path(sys.executable).with_name("srlaw"), "recommend", folder, log, "--k", "5", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    theirs = pl.DataFrame(json.loads(done.stdout))
    ours, notes = made.recommend(read_log(log), k=5)
    assert notes == []
    assert theirs.drop("score").equals(ours.drop("score"))
    assert theirs.height == 60 * 5
    assert (theirs["score"] - ours["score"]).abs().max() <= 1e-6
    assert set(theirs["item"]) <= set(data.catalogue.tolist())


def test_scores_are_dot_products_and_the_order_is_that_of_a_plain_loop(made, data):
    table, _ = made.recommend(data, k=30, keep_history=True)
    weight = made.model.items.weight.detach()
    for user in (0, 17, 59):
        items = torch.from_numpy(data[user][-S_MAX:].astype(np.int64))[None]
        batch = srlaw.models.Batch(items, torch.tensor([items.shape[1]]), timestamps=torch.zeros_like(items))
        with torch.no_grad():
            scores = (made.model(batch)[0, -1] @ weight.T).numpy()
        mine = table.filter(pl.col("user") == f"user {user}")
        assert mine["rank"].to_list() == list(range(1, 31))
        assert np.allclose(np.sort(scores)[::-1], mine["score"], atol=1e-5)
        assert mine["item"][0] == named(int(scores.argmax()))


def test_what_a_user_has_had_is_not_offered_unless_asked_for(made, data):
    table, _ = made.recommend(data, k=30)
    for user in range(60):
        had = {named(code) for code in data[user]}
        offered = table.filter(pl.col("user") == f"user {user}")["item"].to_list()
        assert len(offered) == 30 - len(had)
        assert not had & set(offered)


def test_new_users_unknown_items_and_users_without_a_known_one(made, data):
    histories = [[named(3), "a new item", named(4)], ["a new item"], [named(3), named(4)]]
    log = replace(Sequences.from_lists(histories), user_ids=np.array(["x", "y", "z"]))
    table, notes = made.recommend(log, k=3)
    of = {user: part for (user,), part in table.group_by("user")}
    assert of["x"]["item"].to_list() == of["z"]["item"].to_list()
    popular = np.argsort(-np.bincount(data.items, minlength=30), kind="stable")[:3]
    assert of["y"]["item"].to_list() == [named(code) for code in popular]
    assert of["y"]["score"].null_count() == 3
    assert table["score"].null_count() == 3
    assert "2 of 6 events" in notes[0]
    assert "1 users have no item" in notes[1]
    asked, notes = made.recommend(log, k=1, users=["z", "nobody", "z"])
    assert asked["user"].to_list() == ["z", "nobody"]
    assert "the log does not have 1 of the users asked for ('nobody')" in notes[0]
    assert made.recommend(log, k=2, users=["nobody"])[0].height == 2


def test_ids_are_compared_as_text_only_where_one_is_text():
    assert codes_in(np.array([7, 12]), np.array([12, 99], np.uint64)).tolist() == [1, -1]
    assert codes_in(np.array([7, 12]), np.array(["12", "007"])).tolist() == [1, -1]
    assert codes_in(np.array(["007", "7"]), np.array([7])).tolist() == [1]


@pytest.mark.parametrize(
    "catalogue", [np.arange(30) * -5, np.array([2**63 + n for n in range(30)], np.uint64),
                  np.array([f"nul\0{n}\0" for n in range(30)], np.dtypes.StringDType())],
)  # fmt: skip
def test_every_kind_of_id_survives(made, tmp_path, catalogue):
    again = srlaw.load(save(replace(made, catalogue=catalogue), tmp_path / "model"))
    assert again.catalogue.tolist() == catalogue.tolist()
    assert again.popularity.tolist() == made.popularity.tolist()


def test_a_folder_has_the_row_and_a_card_and_nothing_that_is_executed(made, folder):
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    assert srlaw.load(folder).row["data"] == "abc"
    card = (folder / "README.md").read_text()
    assert "trained on shop\\|1" in card
    assert f"{made.row['hr10']:.4f} ± {made.row['hr10_se']:.4f}" in card
    assert "item→next counts" in card
    assert "| `learning\\_rate`" not in card  # names of settings stand as code
    assert "| `learning_rate` | 0.004 |" in card


def test_it_replaces_a_saved_model_and_leaves_nothing_else(made, folder):
    save(made, folder)
    assert [path.name for path in folder.parent.iterdir()] == ["model"]
    (folder.parent / "empty").mkdir()
    save(made, folder.parent / "empty")
    assert srlaw.load(folder.parent / "empty").row["hr10"] == made.row["hr10"]


def test_what_is_no_saved_model_is_never_overwritten(made, folder, tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/README.md").write_text("precious")
    (tmp_path / "file").write_text("precious")
    (tmp_path / "link").symlink_to(folder)
    for name in ("mine", "file", "link"):
        with pytest.raises(InputError, match="is not overwritten"):
            save(made, tmp_path / name)
    (folder / "notes.txt").write_text("precious")
    with pytest.raises(InputError, match="is not overwritten"):
        save(made, folder)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(InputError, match="the working folder"):
        safe_model_folder(Path("."))
    assert (tmp_path / "mine/README.md").read_text() == (tmp_path / "file").read_text() == "precious"
    assert (folder / "notes.txt").read_text() == "precious"


def test_a_failure_while_writing_leaves_the_old_model(made, folder, monkeypatch):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InputError, match="No space left on device"):
        save(replace(made, row=made.row | {"hr10": 1.0}), folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_a_model_that_was_trained_with_times_asks_for_them(data):
    trained = train(data, HSTUConfig(30, 1, 8, S_MAX), TrainConfig(epochs=1), progress=False)
    made = Recommender.of(trained, data)
    with pytest.raises(InputError, match="has no times, which the model was trained with"):
        made.recommend(replace(data, timestamps=None))
    assert made.recommend(data, k=1).table.height == 60


def edit(folder, **changes):
    config = json.loads((folder / "config.json").read_text())
    for key, value in changes.items():
        config[key] = config[key] | value if isinstance(value, dict) else value
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("damage", "part"),
    [
        (lambda f: (f / "config.json").unlink(), "has no file config.json"),
        (lambda f: (f / "weights.safetensors").unlink(), "has no file weights.safetensors"),
        (lambda f: (f / "config.json").write_text("{"), "is not JSON"),
        (lambda f: (f / "config.json").write_text("[" * 100_000), "is not JSON"),
        (lambda f: (f / "config.json").write_text("[]"), "is not of a model of srlaw"),
        (lambda f: edit(f, format="srlaw model 9"), "of the format 'srlaw model 9'"),
        (lambda f: edit(f, model="bert"), "is not a whole model"),
        (lambda f: edit(f, row=5), "is not a whole model"),
        (lambda f: edit(f, sha256={"items.parquet": "0"}), "items.parquet is damaged"),
        (lambda f: edit(f, architecture={"colour": 1}), "is not a whole model"),
        (lambda f: edit(f, architecture={"d_emb": 16}), "are not of one model"),
        (lambda f: edit(f, architecture={"s_max": 11}), "are not of one model"),
        (lambda f: edit(f, architecture={"n_layers": 2**30}), "are not of one model"),
        (lambda f: edit(f, architecture={"s_max": 2**30, "d_emb": 8}), "are not of one model"),
        (lambda f: edit(f, architecture={"n_items": True}), "n_items is True"),
        (lambda f: (f / "weights.safetensors").write_bytes(b"\xff" * 100), "weights.safetensors is damaged"),
        (lambda f: (f / "items.parquet").write_bytes(b"PAR1"), "items.parquet is damaged"),
    ],
)
def test_damage_is_one_sentence(folder, damage, part):
    damage(folder)
    with pytest.raises(InputError, match=part):
        srlaw.load(folder)


def test_files_of_two_models_do_not_go_together(made, folder, tmp_path):
    """Undamaged each, with their own digests, but one catalogue is shorter or has an item twice."""
    for catalogue in (made.catalogue[:29], np.array([*made.catalogue[:29], made.catalogue[0]])):
        other = replace(made, catalogue=catalogue, popularity=made.popularity[: len(catalogue)])
        with pytest.raises(InputError, match="must hold 30 items, each once"):
            srlaw.load(save(other, tmp_path / "other"))


def test_loading_leaves_the_random_state_alone(folder):
    torch.manual_seed(3)
    srlaw.load(folder)
    drawn = torch.rand(2)
    torch.manual_seed(3)
    assert torch.rand(2).tolist() == drawn.tolist()
