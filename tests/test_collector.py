"""Garbage is collected after frames, when it fits, and never in one."""

import gc
from collections.abc import Iterator

import pytest

from vrgen import collector as module
from vrgen.collector import OLDER, YOUNG, Collector


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as made:
        gc.collect()
        made.counts[:] = [0, 0, 0]
        yield made


def litter(count: int = YOUNG + 100) -> None:
    """Things that only a collection frees."""
    for _ in range(count):
        ring: list[object] = []
        ring.append(ring)


def test_nothing_is_collected_by_itself_and_everything_as_before_afterwards() -> None:
    assert gc.isenabled()
    callbacks = list(gc.callbacks)
    with Collector() as collector:
        collector.in_frame = True
        litter(50_000)
        assert collector.counts == [0, 0, 0] and collector.in_frames == 0
        collector.freeze()
        assert gc.get_freeze_count() > 0
    assert gc.isenabled() and gc.callbacks == callbacks and gc.get_freeze_count() == 0


def test_young_garbage_goes_when_there_is_time(collector: Collector) -> None:
    litter()
    collector.tidy(slack_s=0.0)
    assert collector.counts == [0, 0, 0]
    collector.tidy(slack_s=1.0)
    assert collector.counts == [1, 0, 0] and collector.freed >= YOUNG
    collector.tidy(slack_s=1.0)
    assert collector.counts == [1, 0, 0], "nothing new is there to collect"
    assert collector.told["in_frames"] == 0 and collector.took_s > 0.0


def test_older_and_everything_have_their_turns(collector: Collector) -> None:
    for _ in range((OLDER + 1) * (OLDER + 1)):
        litter()
        collector.tidy(slack_s=10.0)
    young, older, everything = collector.counts
    assert everything == 1 and older == OLDER and young >= OLDER * OLDER


def test_everything_waits_until_it_fits_or_nobody_sees(collector: Collector) -> None:
    collector._since = [0, OLDER]
    collector._expected_s[2] = 0.030
    litter()
    collector.tidy(slack_s=0.005)
    assert collector.counts == [1, 0, 0], "what fits is done"
    litter()
    collector.tidy(slack_s=-0.020, hidden=True)
    assert collector.counts == [1, 0, 1] and collector.forced == 0


def test_where_there_is_never_time_it_is_done_in_the_end(collector: Collector) -> None:
    litter((module._OVERDUE + 1) * YOUNG)
    collector.tidy(slack_s=-0.010)
    assert collector.counts == [1, 0, 0] and collector.forced == 1


def test_one_within_a_frame_would_be_counted(collector: Collector) -> None:
    collector.in_frame = True
    gc.collect(0)
    collector.in_frame = False
    gc.collect(0)
    assert collector.told["in_frames"] == 1 and collector.told["young"] == 2
