"""The generators of a world with a real worker process: what is wanted comes, whatever happens to the worker."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import checkpoints
import numpy as np
import pytest

from vrgen.config import GeneratorConfig, World
from vrgen.errors import UsageError
from vrgen.generator import Generators
from vrgen.messages import Arrival, Generated, GeneratorStatus, Phase, Request

PATIENCE_S = 90.0
"""No test passes or fails by time; this only ends one that would wait for ever."""


def latent(first: float = 0.0) -> dict[str, Any]:
    value = np.zeros((1, 8), np.float32)
    value[0, 0] = first
    return {"latent": value}


def world(**files: Path | GeneratorConfig) -> World:
    uses = {n: f if isinstance(f, GeneratorConfig) else GeneratorConfig(checkpoint=f) for n, f in files.items()}
    return World(name="test", generators=uses)


class Driver:
    """A frame loop in small: submits, polls, keeps what came, until something is so."""

    def __init__(self, generators: Generators) -> None:
        self.generators = generators
        self.requests: Sequence[Request] = ()
        self.came: list[Generated] = []
        self.epoch = 0

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            self.generators.submit(self.requests)
            self.came += self.generators.poll()
            if condition():
                return
            assert time.monotonic() < deadline, self.generators.status
            time.sleep(0.002)

    def make(self, *requests: Request) -> list[Generated]:
        """Ask for the requests and wait until each has come."""
        self.came, self.requests = [], requests
        keys = {request.key for request in requests}
        self.until(lambda: {made.request.key for made in self.came} == keys)
        came, self.came = self.came, []
        return came

    def value(self, name: str, first: float = 0.0) -> float:
        """The first number of a picture newly made by that generator."""
        self.epoch += 1
        (made,) = self.make(Request(name, self.epoch, 0, latent(first)))
        return float(made.outputs["picture"].arrays[""][0, 0, 0])

    def status(self, name: str) -> GeneratorStatus:
        return next(status for status in self.generators.status if status.name == name)

    def errors(self, name: str) -> str:
        return " | ".join(self.status(name).errors)

    @property
    def pid(self) -> int:
        self.until(lambda: self.generators.worker_pid is not None)
        pid = self.generators.worker_pid
        assert pid is not None
        return pid

    def kill(self) -> None:
        pid = self.pid
        os.kill(pid, signal.SIGKILL)
        self.until(lambda: self.generators.worker_pid not in (None, pid))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("checkpoints")


@pytest.fixture(scope="module")
def shared(folder: Path) -> Iterator[Driver]:
    """One world for all tests that leave it as they found it."""
    tile = checkpoints.manifest(
        {"tile": {"kind": "tile"}}, {"height": {"kind": "heightfield", "shape": [1, 9, 9], "metres": 8.0}}
    )
    texture = checkpoints.manifest(
        {"latent": checkpoints.LATENT}, {"picture": {"kind": "texture", "shape": [3, 16, 16], "surface": "ground"}}
    )
    rock = {"rock": {"kind": "mesh", "shape": [4, 3]}}
    files = {
        "pale": checkpoints.constant(folder / "pale.pt", 0.25),
        "land": checkpoints.save(checkpoints.Waves(), folder / "land.pt", tile),
        "rock": checkpoints.save(checkpoints.Mesh(), folder / "rock.pt", checkpoints.manifest({}, rock)),
        "raises": checkpoints.picture(checkpoints.Raises(), folder / "raises.pt"),
        "cliff": GeneratorConfig(
            checkpoint=checkpoints.save(checkpoints.Constant(), folder / "cliff.pt", texture), surface="cliff"
        ),
        "fixed": GeneratorConfig(checkpoint=folder / "pale.pt", fixed={"latent": [4.0] * 8}),
        "bare": GeneratorConfig(
            checkpoint=checkpoints.save(checkpoints.Bare(21, 3, True, True, False), folder / "bare.pt", None),
            as_kind="picture",
        ),
    }  # fmt: skip
    with Generators(world(**files), call_timeout_s=60) as generators:
        driver = Driver(generators)
        assert "pale" in generators.manifests and "bare" not in generators.manifests
        driver.until(lambda: not any(status.phase is Phase.LOADING for status in generators.status))
        yield driver


def test_what_is_asked_for_comes_as_read_only_views(shared: Driver) -> None:
    (made,) = shared.make(Request("pale", 1, 0, latent(2.0)))
    array = made.outputs["picture"].arrays[""]
    assert array.shape == (3, 16, 16) and array.dtype == np.float32 and (array == 2.25).all()
    assert not array.flags.writeable and not array.flags.owndata
    times = made.timings
    assert times.submitted_s <= times.started_s <= times.made_s <= times.handed_s <= times.polled_s


def test_the_times_of_a_result_come_with_when_the_person_asked_once(shared: Driver) -> None:
    request = Request("pale", 1, 77, latent(2.0))
    shared.generators.submit([request], input_s=12.5)
    shared.requests = [request]
    shared.until(lambda: bool(shared.came))
    (made,) = shared.came
    shared.came = []
    assert made.timings.input_s == 12.5
    assert shared.generators.whole == ((request, made.timings),)
    shared.generators.poll()
    assert shared.generators.whole == ()


def test_slots_are_free_when_the_arrays_are_gone(shared: Driver) -> None:
    arena = shared.generators._board.arena
    came = shared.make(*(Request("pale", 2, 0, latent(), variant=i) for i in range(5)))
    assert arena.in_use > 0
    keep = came[3].outputs["picture"].arrays[""][0]
    del came
    gc.collect()
    assert arena.in_use == 4096
    del keep
    assert arena.in_use == 0


def test_tiles_come_in_the_order_of_the_list_and_share_their_edges(shared: Driver) -> None:
    tiles = [(0, 0), (1, 0), (0, 1), (-1, 0), (5, 5)]
    came = shared.make(*(Request("land", 1, 0, tile=tile) for tile in tiles))
    assert [made.request.tile for made in came] == tiles
    heights = {made.request.tile: made.outputs["height"].arrays[""][0] for made in came}
    assert np.array_equal(heights[0, 0][:, -1], heights[1, 0][:, 0])
    assert np.array_equal(heights[0, 0][-1], heights[0, 1][0])


def test_mesh_arrays_are_named_without_the_output(shared: Driver) -> None:
    (made,) = shared.make(Request("rock", 1, 0))
    assert {name: a.shape for name, a in made.outputs["rock"].arrays.items()} == {
        "vertices": (4, 3),
        "faces": (4, 3),
    }


def test_the_world_dresses_another_surface_and_fixes_inputs(shared: Driver) -> None:
    (made,) = shared.make(Request("cliff", 1, 0, latent()))
    assert made.outputs["picture"].spec.surface == "cliff"  # type: ignore[union-attr]
    assert shared.value("fixed", 100.0) == 4.25
    knob = next(knob for knob in shared.generators.knobs if knob.name == "latent")
    assert "fixed" not in knob.generators and "pale" in knob.generators


def test_bare_module_gets_a_manifest_and_a_knob(shared: Driver) -> None:
    assert shared.generators.manifests["bare"].inputs["latent"].shape == (1, 21)
    assert any(knob.name == "bare.latent" for knob in shared.generators.knobs)
    (made,) = shared.make(Request("bare", 1, 0, {"latent": np.zeros((1, 21), np.float32)}))
    assert made.outputs["picture"].arrays[""].shape == (3, 16, 16)


def test_module_that_raises_is_told_once_and_the_others_go_on(shared: Driver) -> None:
    status = shared.status("raises")
    assert status.phase is Phase.FAILED and len(status.errors) == 1 and "no such latent" in status.errors[0]
    assert shared.value("pale") == 0.25


def test_newest_wins(shared: Driver) -> None:
    before = shared.status("pale")
    pid = shared.pid
    os.kill(pid, signal.SIGSTOP)  # so that nothing is made while the list changes
    try:
        shared.epoch += 10
        for revision in range(50):
            shared.generators.submit([Request("pale", shared.epoch, revision, latent(float(revision)))])
            shared.generators.poll()
    finally:
        os.kill(pid, signal.SIGCONT)
    shared.requests = [Request("pale", shared.epoch, 49, latent(49.0))]
    shared.came = []
    shared.until(lambda: any(made.request.revision == 49 for made in shared.came))
    after = shared.status("pale")
    assert after.results - before.results <= 3
    assert shared.came[-1].outputs["picture"].arrays[""][0, 0, 0] == 49.25
    assert after.waiting == 0


def test_result_of_an_older_epoch_is_dropped_and_counted(shared: Driver) -> None:
    shared.came = []
    gc.collect()
    arena = shared.generators._board.arena
    assert arena.in_use == 0
    shared.epoch += 1
    stale = shared.status("pale").stale
    shared.generators.submit([Request("pale", shared.epoch, 0, latent(1.0))])
    deadline = time.monotonic() + PATIENCE_S
    while arena.in_use == 0 and time.monotonic() < deadline:
        time.sleep(0.002)  # it is made, and nobody polls
    assert shared.value("pale", 2.0) == 2.25
    assert shared.status("pale").stale == stale + 1


def test_unchanged_list_writes_no_letter_and_makes_nothing_again(shared: Driver) -> None:
    inputs = latent()
    shared.epoch += 1
    shared.make(Request("pale", shared.epoch, 0, inputs))
    results, letter = shared.status("pale").results, shared.generators._board.mailbox.latest
    for i in range(200):
        shared.generators.submit([Request("pale", shared.epoch, 0, inputs, time_s=float(i))])
        assert shared.generators.poll() == ()
    assert shared.generators._board.mailbox.latest == letter
    # Left out once and asked for again, it is made again.
    shared.generators.submit([])
    shared.make(Request("pale", shared.epoch, 0, inputs))
    assert shared.status("pale").results == results + 1


def test_status_is_the_same_object_while_nothing_changes(shared: Driver) -> None:
    shared.requests = ()
    shared.until(lambda: all(status.phase is not Phase.MAKING for status in shared.generators.status))
    first = shared.generators.status
    shared.generators.poll()
    assert shared.generators.status is first


def test_unknown_generator_is_a_wrong_call(shared: Driver) -> None:
    with pytest.raises(UsageError, match="'moon'"):
        shared.generators.submit([Request("moon", 1, 0)])
    with pytest.raises(UsageError, match="'moon'"):
        shared.generators.swap("moon", Path("a.pt"))


def test_worker_killed_between_calls_is_replaced_and_the_wishes_are_still_there(shared: Driver) -> None:
    restarts = shared.status("pale").restarts
    shared.kill()
    assert shared.value("pale") == 0.25
    status = shared.status("pale")
    assert status.restarts == restarts + 1 and "SIGKILL" in status.errors[-1]
    assert shared.generators.version("pale") == 0


# --- worlds of their own ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_file_that_changes_is_loaded_again_and_a_broken_one_leaves_the_old_running(tmp_path: Path) -> None:
    path = checkpoints.constant(tmp_path / "a.pt", 0.25)
    with Generators(world(a=path)) as generators:
        driver = Driver(generators)
        assert driver.value("a") == 0.25 and generators.version("a") == 0
        checkpoints.constant(path, 0.5)
        driver.until(lambda: generators.version("a") == 1)
        assert driver.value("a") == 0.5

        path.write_bytes(path.read_bytes()[:500])
        driver.until(lambda: "truncated" in driver.errors("a"))
        assert driver.status("a").phase is Phase.FAILED
        assert driver.value("a", 1.0) == 1.5 and generators.version("a") == 1
        assert driver.status("a").phase is not Phase.FAILED

        checkpoints.constant(path, 0.75)
        driver.until(lambda: generators.version("a") == 2)
        # The same request, now of another version, is made again without being asked.
        driver.until(lambda: any(m.outputs["picture"].arrays[""][0, 0, 0] == 1.75 for m in driver.came))


@pytest.mark.slow
def test_swap_and_a_swap_that_fails(tmp_path: Path) -> None:
    first, second = checkpoints.constant(tmp_path / "a.pt", 0.25), checkpoints.constant(tmp_path / "b.pt", 0.5)
    other = checkpoints.save(
        checkpoints.Waves(),
        tmp_path / "c.pt",
        checkpoints.manifest(
            {"tile": {"kind": "tile"}}, {"height": {"kind": "heightfield", "shape": [1, 9, 9], "metres": 8.0}}
        ),
    )
    with Generators(world(a=first, b=first)) as generators:
        driver = Driver(generators)
        assert driver.value("a") == driver.value("b") == 0.25
        generators.swap("a", second)
        driver.until(lambda: generators.version("a") == 1)
        assert driver.value("a") == 0.5 and driver.value("b") == 0.25
        assert driver.status("a").checkpoint == "b.pt"

        for bad in (tmp_path / "none.pt", checkpoints.picture(checkpoints.Doubles(), tmp_path / "bad.pt")):
            generators.swap("a", bad)
            driver.until(lambda bad=bad: bad.name in driver.errors("a"))  # type: ignore[misc]
            assert driver.value("a") == 0.5
        crashing = checkpoints.picture(checkpoints.Crashes(at=-100.0), tmp_path / "crash.pt")
        generators.swap("a", crashing)
        driver.until(lambda: "crash.pt" in driver.errors("a"))
        assert driver.value("a") == 0.5 and generators.version("a") == 1

        generators.swap("a", other)
        driver.until(lambda: generators.version("a") == 2)
        assert "height" in generators.manifests["a"].outputs and "latent" not in generators.manifests["a"].inputs


@pytest.mark.slow
def test_bad_files_are_told_at_once_and_mended_while_running(tmp_path: Path) -> None:
    (tmp_path / "empty.pt").write_bytes(b"")
    wrong = checkpoints.save(checkpoints.Constant(), tmp_path / "wrong.pt", '{"vrgen": 1, "nome": "a"}')
    files: dict[str, Path | GeneratorConfig] = {
        "missing": tmp_path / "missing.pt",
        "empty": tmp_path / "empty.pt",
        "wrong": wrong,
        "bare": checkpoints.save(checkpoints.Flat(), tmp_path / "bare.pt", None),
        "held": GeneratorConfig(checkpoint=checkpoints.constant(tmp_path / "held.pt"), fixed={"sea": 1.0}),
        "nan": checkpoints.picture(checkpoints.NotANumber(), tmp_path / "nan.pt"),
        "good": checkpoints.constant(tmp_path / "good.pt"),
    }
    said = {
        "missing": "no such file",
        "empty": "the file is empty",
        "wrong": "nome",
        "bare": "--as",
        "held": "'sea'",
        "nan": "NaN",
    }
    with Generators(world(**files)) as generators:
        driver = Driver(generators)
        assert driver.status("empty").phase is Phase.FAILED
        assert driver.value("good") == 0.5
        driver.until(lambda: all(driver.status(name).phase is Phase.FAILED for name in said))
        for name, word in said.items():
            (error,) = driver.status(name).errors
            assert word in error and "\n" not in error and "Traceback" not in error
        for name in ("missing", "empty", "nan"):
            checkpoints.constant(tmp_path / f"{name}.pt", 0.75)
            assert driver.value(name) == 0.75


@pytest.mark.slow
def test_hanging_call_is_ended_blamed_and_given_up_while_the_others_run(tmp_path: Path) -> None:
    hangs = checkpoints.picture(checkpoints.Hangs(), tmp_path / "hangs.pt")
    good = checkpoints.constant(tmp_path / "good.pt")
    with Generators(world(hangs=hangs, good=good), call_timeout_s=1.0) as generators:
        driver = Driver(generators)
        assert driver.value("hangs") == 0.0
        driver.requests = [Request("hangs", 99, 0, latent(1000.0)), Request("good", 99, 0, latent(1.0))]
        driver.until(lambda: driver.status("hangs").phase is Phase.GONE)
        assert "took more than 1 s" in driver.errors("hangs") and "given up" in driver.errors("hangs")
        driver.until(lambda: any(made.request.generator == "good" for made in driver.came))
        assert driver.status("good").phase is not Phase.GONE
        generators.swap("hangs", checkpoints.constant(tmp_path / "other.pt", 0.75))
        driver.requests = ()
        driver.epoch = 100
        assert driver.value("hangs") == 0.75


@pytest.mark.slow
def test_crash_in_a_call_and_endless_allocation_are_told(tmp_path: Path) -> None:
    files = {
        "crashes": checkpoints.picture(checkpoints.Crashes(), tmp_path / "crashes.pt"),
        "devours": checkpoints.picture(checkpoints.Devours(), tmp_path / "devours.pt"),
        "good": checkpoints.constant(tmp_path / "good.pt"),
    }
    with Generators(world(**files), memory_mb=1500) as generators:
        driver = Driver(generators)
        assert driver.value("devours") == 0.0
        driver.requests = [Request("devours", 50, 0, latent(1000.0))]
        driver.until(lambda: "memory" in driver.errors("devours"))
        assert driver.value("good") == 0.5
        driver.requests = [Request("crashes", 50, 0, latent(1000.0))]
        driver.until(lambda: "while calling it" in driver.errors("crashes"))
        assert "SIGSEGV" in driver.errors("crashes")
        driver.epoch = 50
        assert driver.value("crashes") == 0.0
        assert driver.value("good") == 0.5


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGSTOP there")
def test_stopped_worker_costs_the_frame_nothing_and_is_replaced(tmp_path: Path) -> None:
    with Generators(world(a=checkpoints.constant(tmp_path / "a.pt")), call_timeout_s=1.0) as generators:
        driver = Driver(generators)
        assert driver.value("a") == 0.5
        pid = driver.pid
        os.kill(pid, signal.SIGSTOP)
        driver.requests = [Request("a", 50, 0, latent(1.0))]
        driver.until(lambda: generators.worker_pid not in (None, pid))
        driver.until(lambda: any(m.outputs["picture"].arrays[""][0, 0, 0] == 1.5 for m in driver.came))


@pytest.mark.slow
def test_large_results_pass_and_wait_for_nobody(tmp_path: Path) -> None:
    class Big(checkpoints.nn.Module):
        def forward(self, inputs: dict[str, checkpoints.Tensor]) -> dict[str, checkpoints.Tensor]:
            return {"picture": checkpoints.torch.ones(3, 2048, 2731) + inputs["latent"][0, 0]}

    said = checkpoints.manifest(
        {"latent": checkpoints.LATENT}, {"picture": {"kind": "picture", "shape": [3, 2048, 2731]}}
    )
    path = checkpoints.save(Big(), tmp_path / "big.pt", said)
    with Generators(world(a=path), arena_mb=16) as generators:
        driver = Driver(generators)
        kept = [driver.make(Request("a", 1, i, latent(float(i)), variant=i))[0] for i in range(4)]
        for i, made in enumerate(kept):
            array = made.outputs["picture"].arrays[""]
            assert array.nbytes > 64 << 20 and array[0, 0, 0] == array[2, -1, -1] == 1 + i


# --- what arrives piece by piece --------------------------------------------------------------------------


@pytest.fixture
def wide(tmp_path: Path) -> Iterator[Driver]:
    """A generator of pictures so large that the frame can look while one is copied."""

    class Wide(checkpoints.nn.Module):
        def forward(self, inputs: dict[str, checkpoints.Tensor]) -> dict[str, checkpoints.Tensor]:
            return {"picture": checkpoints.torch.ones(3, 4096, 4096) + inputs["latent"][0, 0]}

    said = checkpoints.manifest(
        {"latent": checkpoints.LATENT}, {"picture": {"kind": "picture", "shape": [3, 4096, 4096]}}
    )
    with Generators(world(a=checkpoints.save(Wide(), tmp_path / "wide.pt", said))) as generators:
        yield Driver(generators)


def waiting(arrival: Arrival, part: Any) -> "SimpleQueue[bool]":
    """What a thread is told that waits for a part."""
    told: SimpleQueue[bool] = SimpleQueue()
    threading.Thread(target=lambda: told.put(arrival.wait(part)), daemon=True).start()
    return told


def caught(driver: Driver) -> tuple[Generated, Arrival]:
    """A result that the worker was stopped over, in the middle of the copy."""
    for number in range(1, 50):
        driver.requests = [Request("a", 1, number, latent(float(number)))]
        driver.generators.submit(driver.requests)
        deadline = time.monotonic() + PATIENCE_S
        while not (came := driver.generators.poll(arriving=True)):
            assert time.monotonic() < deadline, driver.generators.status
        os.kill(driver.generators.worker_pid or 0, signal.SIGSTOP)
        arrival = came[0].outputs["picture"].arrival
        time.sleep(0.02)  # a stop takes a moment; the copy would have gone on
        if arrival is not None and not arrival.whole:
            assert came[0].timings.handed_s == 0.0
            return came[0], arrival
        os.kill(driver.generators.worker_pid or 0, signal.SIGCONT)
        del came, arrival
    raise AssertionError("no copy was seen on its way")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGSTOP there")
def test_worker_killed_over_a_large_copy_leaves_a_lost_result_that_comes_again(wide: Driver) -> None:
    made, arrival = caught(wide)
    results = wide.status("a").results
    number = made.request.revision
    planes = made.outputs["picture"].arrays[""]
    told = waiting(arrival, planes)
    for _ in range(20):
        assert wide.generators.poll() == () and not arrival.lost  # nothing half, and nothing waits for it
    os.kill(wide.pid, signal.SIGKILL)
    while told.empty():
        assert wide.generators.poll() == ()
    assert told.get() is False and arrival.lost and not arrival.whole and not arrival.has(planes[:1, :1])
    wide.until(lambda: bool(wide.came))
    (again,) = wide.came
    assert again.request.revision == number and wide.status("a").results == results + 1
    assert (again.outputs["picture"].arrays[""] == 1 + number).all()
    wide.came = []
    del made, planes, arrival, again
    wide.until(lambda: wide.generators._board.arena.in_use == 0)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGSTOP there")
def test_worker_stopped_over_a_large_copy_goes_on_where_it_was(wide: Driver) -> None:
    made, arrival = caught(wide)
    number = made.request.revision
    for _ in range(50):
        assert wide.generators.poll(arriving=True) == ()
    assert not arrival.lost
    os.kill(wide.pid, signal.SIGCONT)
    assert arrival.wait(made.outputs["picture"].arrays[""])
    assert (made.outputs["picture"].arrays[""] == 1 + number).all()
    # It was given out: it does not come twice, and it is answered.
    wide.until(lambda: wide.status("a").results == number and wide.status("a").waiting == 0)
    assert wide.came == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGSTOP there")
def test_result_that_is_let_go_of_while_it_is_copied_spoils_nothing(wide: Driver) -> None:
    made, arrival = caught(wide)
    del made, arrival
    wide.generators.submit([Request("a", 2, 0, latent(99.0))])
    stale = wide.status("a").stale
    wide.generators.poll()
    gc.collect()
    assert wide.status("a").stale == stale + 1 and wide.generators._board.arena.in_use == 0
    os.kill(wide.pid, signal.SIGCONT)
    (fresh,) = wide.make(Request("a", 2, 0, latent(99.0)))
    assert (fresh.outputs["picture"].arrays[""] == 100).all()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGSTOP there")
def test_who_waits_for_a_result_is_told_when_the_generators_are_closed(wide: Driver) -> None:
    made, arrival = caught(wide)
    told = waiting(arrival, made.outputs["picture"].arrays[""])
    wide.generators.close()
    assert told.get(timeout=PATIENCE_S) is False


@pytest.mark.slow
def test_nothing_is_left_behind(tmp_path: Path) -> None:
    """No thread, process, file descriptor or shared memory; arrays that are still held stay valid."""
    path = checkpoints.constant(tmp_path / "a.pt")
    shm = Path("/dev/shm")
    before = set(shm.iterdir()) if shm.is_dir() else set()
    fds = Path("/proc/self/fd")
    count = len(list(fds.iterdir())) if fds.is_dir() else 0
    with Generators(world(a=path)) as generators:
        driver = Driver(generators)
        (made,) = driver.make(Request("a", 1, 0, latent()))
        driver.kill()
        pid = driver.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert (made.outputs["picture"].arrays[""] == 0.5).all()
    assert generators.poll() == () and generators.worker_pid is None
    generators.close()
    del made
    driver.came.clear()
    gc.collect()
    deadline = time.monotonic() + PATIENCE_S
    while shm.is_dir() and not set(shm.iterdir()) <= before:  # tests beside this one have theirs for a while
        assert time.monotonic() < deadline
        time.sleep(0.1)
    if fds.is_dir():
        assert len(list(fds.iterdir())) <= count


@pytest.mark.slow
def test_worker_ends_when_the_frame_process_is_killed(tmp_path: Path) -> None:
    hangs = checkpoints.picture(checkpoints.Hangs(), tmp_path / "a.pt")
    code = f"""
import sys, time
sys.path[:] = {sys.path!r}
from pathlib import Path
import numpy as np
from vrgen.config import GeneratorConfig, World
from vrgen.generator import Generators
from vrgen.messages import Phase, Request
with Generators(World(generators={{"a": GeneratorConfig(checkpoint=Path({str(hangs)!r}))}})) as generators:
    while generators.status[0].phase is not Phase.MAKING:
        generators.submit([Request("a", 1, 0, {{"latent": np.full((1, 8), 1000, np.float32)}})])
        generators.poll()
        time.sleep(0.01)
    assert "torch" not in sys.modules
    print(generators.worker_pid, flush=True)
    time.sleep(1000)
"""
    frame = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert frame.stdout is not None and frame.stderr is not None
    with frame.stdout, frame.stderr:
        line = frame.stdout.readline()
        assert line, frame.stderr.read()
        frame.kill()
        frame.wait()
    deadline = time.monotonic() + PATIENCE_S
    while Path(f"/proc/{int(line)}").exists() or _alive(int(line)):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_frame_side_imports_no_torch() -> None:
    code = "import sys, vrgen.generator; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_cuda_it_does_not_matter_which_card_draws(tmp_path: Path) -> None:
    with Generators(world(a=checkpoints.constant(tmp_path / "a.pt")), device="cpu") as generators:
        driver = Driver(generators)
        generators.drawn_on(("6d657361-3232-2e33-2e36-000000000000",))
        assert driver.value("a") == 0.5 and generators.device == "cpu" and not generators.why_there
