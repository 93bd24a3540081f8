"""What is dealt follows from seed and number alone, everything is dealt, and processes share it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sets import pictures

from vrgen.training.dataset import Dataset, as_trained, radiance
from vrgen.training.draws import Draws
from vrgen.training.feed import Feed, Order


@given(count=st.integers(1, 50), batch=st.integers(1, 70), seed=st.integers(0, 9), first=st.integers(0, 5))
def test_every_pass_deals_everything_once(count: int, batch: int, seed: int, first: int) -> None:
    indices = np.arange(count) * 3
    order = Order(indices, batch, seed)
    dealt = np.concatenate([order.batch(number) for number in range(-(-count * 3 // batch))])
    for turn in range(3):
        assert sorted(dealt[turn * count : (turn + 1) * count]) == list(indices)
    assert np.array_equal(Order(indices, batch, seed).batch(first), order.batch(first))


def test_a_feed_goes_on_anywhere(tmp_path: Path) -> None:
    dataset = pictures(tmp_path / "set")
    with (
        Feed(dataset, "none", 8, 3, ("mirror", "roll")) as whole,
        Feed(dataset, "none", 8, 3, ("mirror", "roll")) as later,
    ):
        dealt = [whole.deal()[0] for _ in range(7)]
        later.deal()
        later.go_to(5)
        assert torch.equal(later.deal()[0], dealt[5]) and torch.equal(later.deal()[0], dealt[6])
        assert whole.dealt == later.dealt == 7
    assert not torch.equal(dealt[0], dealt[1])


@pytest.mark.parametrize("changes", [(), ("mirror", "roll")])
def test_processes_deal_the_rows_of_one_batch(changes: tuple[str, ...], tmp_path: Path) -> None:
    dataset = pictures(tmp_path / "set", labelled=True)

    def dealt(rank: int, world: int) -> tuple[torch.Tensor, torch.Tensor]:
        with Feed(dataset, "labels", 8, 3, changes, rank, world) as feed:
            feed.deal()
            return feed.deal()

    whole, parts = dealt(0, 1), [dealt(rank, 2) for rank in (0, 1)]
    for n in (0, 1):
        assert torch.equal(whole[n], torch.cat([part[n] for part in parts]))


def test_a_held_out_picture_is_never_dealt(tmp_path: Path) -> None:
    dataset = pictures(tmp_path / "set")
    held = dataset.batch(dataset.heldout)
    with Feed(dataset, "none", 8, 0) as feed:
        dealt = torch.cat([feed.deal()[0] for _ in range(10)])
    assert torch.cdist(dealt.flatten(1), held.flatten(1)).min() > 1e-3


def test_a_mirrored_normal_leans_the_other_way(tmp_path: Path) -> None:
    names = ("r", "g", "b", "nx", "ny", "nz")
    dataset = pictures(tmp_path / "set", "texture", (6, 8, 8), channels=names)
    with Feed(dataset, "none", 8, 0, ("mirror",)) as feed, Feed(dataset, "none", 8, 0) as plain:
        one, other = feed.deal()[0], plain.deal()[0]
    turned = [n for n in range(8) if not torch.equal(one[n], other[n])]
    assert 0 < len(turned) < 8
    for n in turned:
        assert torch.equal(one[n, 3], -other[n, 3].flip(-1)) and torch.equal(one[n, 4], other[n, 4].flip(-1))


def test_processes_draw_the_rows_of_one_draw() -> None:
    whole = Draws(1).normal(6, 4)
    assert torch.equal(whole, torch.cat([Draws(1, rank, 3).normal(2, 4) for rank in range(3)]))


def test_light_is_seen_by_its_logarithm_and_back() -> None:
    light = np.array([0.0, 0.01, 1.0, 300.0], np.float16)
    seen = as_trained(light)
    assert float(seen.min()) >= -1.0 and float(seen.max()) <= 1.0
    assert torch.allclose(radiance(seen), torch.from_numpy(light.astype(np.float32)), rtol=1e-3, atol=1e-5)


def test_colours_are_seen_from_minus_one_to_one(tmp_path: Path) -> None:
    dataset = Dataset.open(pictures(tmp_path / "set").folder)
    seen = dataset.batch(np.array([0, 5]))
    assert torch.equal(((seen + 1) * 127.5).round().byte(), torch.from_numpy(dataset.data[[0, 5]]))
