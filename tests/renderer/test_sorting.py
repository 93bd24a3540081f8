"""Keys in order on the GPU, as numpy puts them: of any number, equal ones as they stood."""

import numpy as np
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from vrgen.display.headless import HeadlessDisplay

U32 = np.ndarray


def sorted_on_gpu(keys: U32, bits: int) -> U32:
    from vrgen.gl.objects import alive
    from vrgen.renderer.sorting import GpuSort

    before = alive()
    sort = GpuSort(len(keys))
    sort.keys.write(keys)
    sort.values.write(np.arange(len(keys), dtype=np.uint32))
    sort.sort(len(keys), bits)
    order = sort.values.read(np.uint32, len(keys))
    assert np.array_equal(sort.keys.read(np.uint32, len(keys)), keys[order])
    sort.close()
    assert alive() == before
    return order


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 20_000), st.sampled_from([1, 3, 300, 2**17, 2**24]), st.integers(0, 2**32 - 1))
@example(1, 1, 0)
@example(4095, 2**24, 1)
@example(4096, 2**24, 1)
@example(4097, 3, 1)
def test_any_keys(gl_context: HeadlessDisplay, count: int, below: int, seed: int) -> None:
    keys = np.random.default_rng(seed).integers(0, below, count).astype(np.uint32)
    assert np.array_equal(sorted_on_gpu(keys, 24), np.argsort(keys, kind="stable"))


def test_all_bits(gl_context: HeadlessDisplay) -> None:
    keys = np.random.default_rng(0).integers(0, 2**32, 70_000, dtype=np.uint64).astype(np.uint32)
    assert np.array_equal(sorted_on_gpu(keys, 32), np.argsort(keys, kind="stable"))


def test_more_tiles_than_one_work_group_scans_at_once(gl_context: HeadlessDisplay) -> None:
    keys = np.random.default_rng(0).integers(0, 2**8, 500_000).astype(np.uint32)
    assert np.array_equal(sorted_on_gpu(keys, 8), np.argsort(keys, kind="stable"))


@given(st.lists(st.integers(0, 2**32 - 1), max_size=200))
def test_numpys_own_two_halves(keys: list[int]) -> None:
    from vrgen.renderer.sorting import order_of

    array = np.array(keys, np.uint32)
    assert np.array_equal(order_of(array), np.argsort(array, kind="stable"))
