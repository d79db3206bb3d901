"""Pictures and runs: what is kept, what is freed, what is refused."""

from __future__ import annotations

import pytest
import torch

from nst_core import QueueFullError, RunError, RunInput, Store, StoreError, StyleTransferConfig
from nst_core.image import Picture, encode_png, load_image
from nst_core.store import tables as t


def png(seed: int, height: int = 40, width: int = 60) -> bytes:
    random = torch.Generator().manual_seed(seed)
    return encode_png(Picture(torch.rand((1, 3, height, width), generator=random)))


def inputs(store: Store, *seeds: int) -> list[RunInput]:
    pictures = [store.add_picture(png(seed), f"{seed}.png") for seed in seeds]
    roles = ["content", *["style"] * (len(seeds) - 1)]
    return [
        RunInput(role, max(0, k - 1), picture.sha256, picture.name)  # type: ignore[arg-type]
        for k, (role, picture) in enumerate(zip(roles, pictures, strict=True))
    ]


def end(store: Store, run_id: int) -> None:
    with store.database.write() as connection:
        connection.execute(t.runs.update().where(t.runs.c.id == run_id).values(state="done"))


def test_a_picture_is_kept_with_its_name_size_and_thumbnail(store: Store) -> None:
    data = png(1, 300, 600)
    picture = store.add_picture(data, "a b.png")
    assert (picture.name, picture.width, picture.height) == ("a b.png", 600, 300)
    assert store.read(picture.sha256) == data
    assert load_image(store.read(picture.thumbnail)).size == (128, 256)
    assert store.add_picture(data, "again.png").sha256 == picture.sha256
    assert [p.name for p in store.pictures()] == ["again.png"]


def test_the_library_shows_the_last_chosen_first(store: Store) -> None:
    for seed in (1, 2, 1):
        store.add_picture(png(seed), f"{seed}.png")
    assert [p.name for p in store.pictures()] == ["1.png", "2.png"]


def test_a_run_is_read_back_as_it_was_written(store: Store) -> None:
    config = StyleTransferConfig(beta=3.7e7, steps=7, style_layers="conv1_1=0.5,conv2_1=2")
    run_id = store.add_run(config, inputs(store, 1, 2, 3))
    run = store.run(run_id)
    assert (run.state, run.config, run.steps, run.step) == ("queued", config, 7, 0)
    assert run.content.name == "1.png"
    assert [style.name for style in run.styles] == ["2.png", "3.png"]
    assert run.title == f"Run {run_id}: 1 in 2 + 3"
    assert run.is_active


def test_runs_come_newest_first_and_by_state(store: Store) -> None:
    ids = [store.add_run(StyleTransferConfig(), inputs(store, 1, 2)) for _ in range(3)]
    end(store, ids[1])
    assert [run.id for run in store.runs()] == ids[::-1]
    assert [run.id for run in store.runs(states=["queued"], newest_first=False)] == [ids[0], ids[2]]
    assert store.count("queued") == 2
    assert store.count() == 3


def test_a_picture_that_is_gone_makes_no_run(store: Store) -> None:
    missing = RunInput("content", 0, "0" * 64, "cat.png")
    with pytest.raises(StoreError, match=r"cat\.png is not in the store any more"):
        store.add_run(StyleTransferConfig(), [missing])
    assert store.count() == 0


def test_the_queue_has_a_limit(store: Store) -> None:
    pictures = inputs(store, 1, 2)
    for _ in range(2):
        store.add_run(StyleTransferConfig(), pictures, most_waiting=2)
    with pytest.raises(QueueFullError, match="2 of 2 places are taken"):
        store.add_run(StyleTransferConfig(), pictures, most_waiting=2)
    assert store.count() == 2


def test_deleting_a_run_frees_what_nothing_else_uses(store: Store) -> None:
    shared, mine, other = (store.add_picture(png(seed), f"{seed}.png") for seed in (1, 2, 3))
    ids = []
    for style in (mine, other):
        pair = [RunInput("content", 0, shared.sha256, "c"), RunInput("style", 0, style.sha256, "s")]
        ids.append(store.add_run(StyleTransferConfig(), pair))
        end(store, ids[-1])
    store.delete_run(ids[0])
    with pytest.raises(StoreError, match=r"is not in .* any more"):
        store.read(mine.sha256)
    with pytest.raises(StoreError, match="any more"):
        store.read(mine.thumbnail)
    assert store.read(shared.sha256)
    store.delete_run(ids[1])
    with store.database.read() as connection:
        assert connection.execute(t.files.select()).all() == []
    with pytest.raises(RunError, match=f"no run {ids[0]}"):
        store.run(ids[0])


def test_a_picture_chosen_again_since_outlives_the_run(store: Store) -> None:
    run_id = store.add_run(StyleTransferConfig(), inputs(store, 1, 2))
    end(store, run_id)
    again = store.add_picture(png(1), "1.png")
    store.delete_run(run_id)
    assert [picture.sha256 for picture in store.pictures()] == [again.sha256]


def test_an_active_run_is_not_deleted(store: Store) -> None:
    run_id = store.add_run(StyleTransferConfig(), inputs(store, 1, 2))
    with pytest.raises(RunError, match=f"run {run_id} is queued; cancel it"):
        store.delete_run(run_id)


def test_the_number_of_a_deleted_run_is_never_given_again(store: Store) -> None:
    first = store.add_run(StyleTransferConfig(), inputs(store, 1, 2))
    end(store, first)
    store.delete_run(first)
    assert store.add_run(StyleTransferConfig(), inputs(store, 1, 2)) > first


def test_a_damaged_file_is_said(store: Store) -> None:
    picture = store.add_picture(png(1), "1.png")
    store.files.system.pipe_file(store.files._path(picture.sha256), b"rubbish")
    with pytest.raises(StoreError, match="is damaged"):
        store.read(picture.sha256)


def test_tidying_frees_only_what_is_old_and_unused(store: Store) -> None:
    old, used, fresh = (store.add_picture(png(seed), f"{seed}.png") for seed in (1, 2, 3))
    pair = [RunInput("content", 0, used.sha256, "c"), RunInput("style", 0, used.sha256, "s")]
    store.add_run(StyleTransferConfig(), pair)
    with store.database.write() as connection:
        stale = t.pictures.c.sha256 != fresh.sha256
        connection.execute(t.pictures.update().where(stale).values(chosen_at=0.0))
    store.tidy()
    assert {picture.name for picture in store.pictures()} == {"2.png", "3.png"}
    with pytest.raises(StoreError, match="any more"):
        store.read(old.sha256)


def test_a_name_that_is_no_text_is_kept_as_far_as_it_goes(store: Store) -> None:
    name = "caf\udce9\0 Ünï 🎨.png"  # as Python reads a file's name that is not UTF-8
    picture = store.add_picture(png(1), name)
    assert picture.name == "caf?? Ünï 🎨.png"
    run_id = store.add_run(
        StyleTransferConfig(), [RunInput("content", 0, picture.sha256, f"of {name}")]
    )
    assert store.run(run_id).content.name == "of caf?? Ünï 🎨.png"


@pytest.mark.parametrize("run_id", [-1, 0, 1, 2**31, 2**63, 10**30])
def test_a_run_of_any_number_that_is_not_there_is_said(store: Store, run_id: int) -> None:
    with pytest.raises(RunError, match=f"there is no run {run_id}; "):
        store.run(run_id)
    with pytest.raises(RunError, match=f"there is no run {run_id}; "):
        store.delete_run(run_id)


def test_a_run_outlives_the_one_it_was_forked_from(store: Store) -> None:
    pictures = inputs(store, 1, 2)
    first = store.add_run(StyleTransferConfig(), pictures)
    child = store.add_run(StyleTransferConfig(), pictures, parent_id=first)
    assert store.run(child).parent_id == first
    end(store, first)
    store.delete_run(first)
    assert store.run(child).parent_id is None
    late = store.add_run(StyleTransferConfig(), pictures, parent_id=first)
    assert store.run(late).parent_id is None
