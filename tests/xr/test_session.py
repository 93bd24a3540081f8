"""One session from IDLE to EXITING: every state, every frame ended, nothing that the specification forbids."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from said import Call, all_of, calls_of, findings, frames_of
from xr_testbed.headset import RemoteState, facing
from xr_testbed.program import Program
from xr_testbed.root import REPOSITORY
from xr_testbed.testbed import Testbed

pytestmark = pytest.mark.xr

PROGRAM = Path(__file__).with_name("points_program.py")
PATHS = {"PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'tests/renderer'}"}
HELLO = REPOSITORY / "tools/xr_testbed/hello.py"
SOME = 3
IMAGES = ("xrAcquireSwapchainImage", "xrWaitSwapchainImage", "xrReleaseSwapchainImage")


def dumped(to: Path) -> dict[str, str]:
    """The environment in which the API-dump layer writes every call to a file."""
    return PATHS | {
        "XR_ENABLE_API_LAYERS": "XR_APILAYER_LUNARG_api_dump",
        "XR_API_DUMP_EXPORT_TYPE": "text",
        "XR_API_DUMP_FILE_NAME": str(to),
    }


def hidden_and_seen_again(testbed: Testbed, program: Program, meanwhile: Callable[[], None] | None = None) -> None:
    """Another program takes the headset; then it goes."""
    before = program.said().count('"FOCUSED"')
    other = testbed.popen(testbed.python(HELLO, "--seconds", "60"))
    other.wait_for("FOCUSED")
    program.wait_for('"SYNCHRONIZED"', times=2)
    if meanwhile is not None:
        meanwhile()
    other.end()
    program.wait_for('"FOCUSED"', times=before + 1)


def names(frame: list[Call]) -> list[str]:
    return [call.name for call in frame]


def test_a_session_lives_through_every_state_and_the_validation_layer_finds_nothing(testbed: Testbed) -> None:
    testbed.headset.send(RemoteState())
    validation = testbed.folder / "findings-session.txt"
    program = testbed.popen(testbed.python(PROGRAM, "--raise-every", "2"), testbed.environment(validation) | PATHS)
    program.wait_for('"raised"')
    hidden_and_seen_again(testbed, program)
    program.wait_for('"raised"', times=len(all_of(program, "raised")) + 1)
    program.end()
    assert program.returncode == 0, program.said()
    assert all_of(program, "state") == [
        *("IDLE", "READY", "SYNCHRONIZED", "VISIBLE", "FOCUSED"),
        *("VISIBLE", "SYNCHRONIZED", "VISIBLE", "FOCUSED"),
        *("VISIBLE", "SYNCHRONIZED", "STOPPING", "IDLE", "EXITING"),
    ]
    assert findings(validation) == []


def test_a_session_that_is_ended_in_the_headset_is_not_taken_again_until_it_was_away(testbed: Testbed) -> None:
    testbed.headset.send(RemoteState())
    program = testbed.popen(testbed.python(PROGRAM, "--exit-after", "5"), PATHS)
    program.wait_for("ended in the headset")
    time.sleep(4.0)  # another one would have been made
    assert all_of(program, "kind")[-1] == "window"
    assert all_of(program, "state")[-1] == "EXITING"
    testbed.stop_runtime()
    time.sleep(4.0)
    testbed.start_runtime()
    program.wait_for('"FOCUSED"', times=2)
    program.end()


def test_the_validation_layer_would_say_what_is_forbidden(testbed: Testbed) -> None:
    validation = testbed.folder / "findings-fault.txt"
    program = testbed.popen(testbed.python(PROGRAM, "--fault"), testbed.environment(validation) | PATHS)
    program.wait_for('"refused"')
    program.end()
    assert all_of(program, "refused") == ["ERROR_VALIDATION_FAILURE"]
    assert any("VALID_ERROR" in each and "xrCreateReferenceSpace" in each for each in findings(validation))


def test_a_frame_in_which_something_raises_ends_with_no_layers(testbed: Testbed) -> None:
    dump = testbed.folder / "dump-raise.txt"
    program = testbed.popen(testbed.python(PROGRAM, "--raise-every", "3"), dumped(dump))
    program.wait_for('"raised"', times=3)
    program.end()
    frames = frames_of(calls_of(dump))
    assert all(frame[-1].name == "xrEndFrame" for frame in frames)
    located = [frame for frame in frames if "xrLocateViews" in names(frame)]
    without = [frame for frame in located if frame[-1].layers == 0]
    assert len(without) == len(all_of(program, "raised"))
    assert len(located) > len(without), "the others were shown"
    for frame in frames:
        acquired, waited, released = (names(frame).count(name) for name in IMAGES)
        assert acquired == waited == released


def test_who_is_not_seen_draws_nothing(testbed: Testbed) -> None:
    dump = testbed.folder / "dump-hidden.txt"
    program = testbed.popen(testbed.python(PROGRAM), dumped(dump))
    program.wait_for('"FOCUSED"')
    program.wait_for('"eyes"')

    def some_frames() -> None:
        until, ended = time.monotonic() + 20, len(frames_of(calls_of(dump)))
        while len(frames_of(calls_of(dump))) < ended + SOME and time.monotonic() < until:
            time.sleep(0.1)

    hidden_and_seen_again(testbed, program, some_frames)
    program.end()
    calls = calls_of(dump)
    frames = frames_of(calls)
    assert names(calls).count("xrWaitFrame") in (len(frames), len(frames) + 1)
    drawn = [bool(set(IMAGES) & set(names(frame))) for frame in frames]
    unseen = [frame for frame, pictured in list(zip(frames, drawn))[drawn.index(True) :] if not pictured]
    assert len(unseen) >= SOME, "frames of the time when the other program had the headset"
    for frame in unseen:
        assert frame[-1].layers == 0
        assert "xrLocateViews" not in names(frame)


def test_a_seated_person_has_the_floor_of_the_stage_where_the_runtime_has_no_local_one(testbed: Testbed) -> None:
    testbed.headset.send(RemoteState())
    testbed.headset.move(head=facing((0.0, 1.25, 0.0)))
    validation = testbed.folder / "findings-seated.txt"
    program = testbed.popen(testbed.python(PROGRAM, "--seated"), testbed.environment(validation) | PATHS)
    program.wait_for('"eyes"')
    testbed.headset.move(head=facing((0.3, 1.35, 0.0)))
    program.wait_for('"eyes"', times=2)
    program.end()
    heights_m = {round(eye["world_from_eye"][1][3], 2) for eyes in all_of(program, "eyes") for eye in eyes}
    assert heights_m == {1.25, 1.35}
    assert findings(validation) == []
