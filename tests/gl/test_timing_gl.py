"""Time by pass: what the CPU took at once, what the GPU took when it is through, and nothing waits for it."""

import pytest

from vrgen.display.headless import HeadlessDisplay

NAMES = ("one", "two", "three")


@pytest.mark.parametrize("software", [False, True])
def test_the_gpu_is_read_when_it_is_through(gl_context: HeadlessDisplay, software: bool) -> None:
    from vrgen.gl.api import GL
    from vrgen.gl.timing import PassTimer

    timer = PassTimer(NAMES, software)
    asked: list[int] = []
    for number in range(12):
        timer.begin()
        GL.glClear(GL.GL_COLOR_BUFFER_BIT)
        timer.lap(0)
        timer.resume()
        timer.lap(2)
        timer.end()
        if number > 5:
            GL.glFinish()
        asked.append(timer.gpu_frames)
    assert asked[0] == 0, "no frame is through before it was begun"
    assert asked[-1] >= 5, "every frame that was finished is told of"
    assert timer.gpu_frame_ms >= 0.0
    assert timer.took_s[0] > 0.0 and timer.took_s[1] == 0.0 and timer.took_s[2] > 0.0
    if software:
        assert timer.gpu_ms == [0.0] * 3
    else:
        assert timer.gpu_ms[1] == 0.0 and sum(timer.gpu_ms) == pytest.approx(timer.gpu_frame_ms)
    timer.close()


def test_what_is_never_through_is_overtaken_and_nothing_waits(
    gl_context: HeadlessDisplay, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vrgen.gl import timing
    from vrgen.gl.api import GL
    from vrgen.gl.timing import PassTimer

    def never(name: int, what: int, there: int) -> None:
        assert what == GL.GL_QUERY_RESULT_AVAILABLE, "that would wait"

    timer = PassTimer(NAMES, software=False)
    monkeypatch.setattr(timing, "_look", never)
    for _ in range(20):
        timer.begin()
        timer.lap(1)
        timer.end()
    assert timer.gpu_frames == 0
    timer.close()


def test_what_the_gpu_did_lies_between_asking_and_knowing(gl_context: HeadlessDisplay) -> None:
    from vrgen.gl.api import GL
    from vrgen.gl.timing import PassTimer

    timer = PassTimer(NAMES, software=False)
    timer.gpu_log = []
    clock_s = timer.gpu_clock_s()
    before_s = timer.begin()
    timer.lap(0)
    timer.lap(1)
    timer.end()
    GL.glFinish()
    after_s = timer.begin()
    assert [which for which, _, _ in timer.gpu_log] == [0, 1]
    times_s = [ns / 1e9 + clock_s for _, began_ns, ended_ns in timer.gpu_log for ns in (began_ns, ended_ns)]
    assert [before_s - 1e-3, *times_s, after_s + 1e-3] == sorted([before_s - 1e-3, *times_s, after_s + 1e-3])
    timer.close()


def test_a_frame_that_nobody_ended_ends_with_the_next(gl_context: HeadlessDisplay) -> None:
    from vrgen.gl.api import GL
    from vrgen.gl.timing import PassTimer

    timer = PassTimer(NAMES, software=False)
    for _ in range(3):
        timer.begin()
        timer.lap(1)
        GL.glFinish()
    assert timer.gpu_frames == 2
    timer.close()
