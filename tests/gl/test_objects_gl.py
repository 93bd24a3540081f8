"""GL objects have owners: what is made is told, what is closed is gone, what is forgotten warns."""

import gc

import numpy as np
import pytest

from vrgen.display.headless import HeadlessDisplay
from vrgen.errors import GraphicsError


def test_what_is_made_is_alive_until_it_is_closed(gl_context: HeadlessDisplay) -> None:
    from vrgen.gl.objects import Buffer, alive

    before = set(alive())
    with Buffer(64, "a test") as buffer:
        (line,) = set(alive()) - before
        assert "buffer" in line and "a test" in line
    assert set(alive()) == before
    buffer.close()  # twice is harmless


def test_a_forgotten_object_warns(gl_context: HeadlessDisplay) -> None:
    from vrgen.gl.objects import Buffer

    buffer = Buffer(64, "forgotten")
    try:
        with pytest.warns(ResourceWarning, match="forgotten"):
            buffer.__del__()
    finally:
        buffer.close()
        del buffer
        gc.collect()


@pytest.mark.parametrize("persistent", [False, True])
def test_bytes_come_back_as_they_went(gl_context: HeadlessDisplay, persistent: bool) -> None:
    from vrgen.gl.objects import Buffer

    data = np.arange(100, dtype=np.uint32)
    with Buffer(data.nbytes, "numbers", None if persistent else data, persistent=persistent) as buffer:
        if persistent:
            buffer.mapped[:] = data.view(np.uint8)
        assert (buffer.read(np.uint32, 100) == data).all()


def test_a_ring_never_writes_over_what_is_still_read(gl_context: HeadlessDisplay) -> None:
    from vrgen.gl.transfer import FRAMES_IN_FLIGHT, Ring

    with Ring(1024, "ring") as ring:
        places = []
        for frame in range(2 * FRAMES_IN_FLIGHT):
            ring.begin()
            first = ring.put(np.full(10, frame, np.uint32))
            second = ring.put(np.full(3, frame, np.uint32))
            assert first[0] % 256 == second[0] % 256 == 0 and second[0] >= first[0] + first[1]
            places.append(first[0])
            ring.end()
        assert len(set(places)) == FRAMES_IN_FLIGHT
        assert places[:FRAMES_IN_FLIGHT] == places[FRAMES_IN_FLIGHT:]
        ring.begin()
        with pytest.raises(ValueError, match="do not fit"):
            ring.put(np.zeros(2000, np.uint8))


def test_a_fence_outlives_its_passing_until_a_later_one_is_passed(gl_context: HeadlessDisplay) -> None:
    """llvmpipe's threads may still be at a fence that counts as passed, not when a later one does."""
    from vrgen.gl.api import GL
    from vrgen.gl.transfer import Fences

    fences = Fences()
    first, second, third = (fences.mark() for _ in range(3))
    fences.wait(second)
    assert not GL.glIsSync(first)
    assert GL.glIsSync(second) and GL.glIsSync(third)
    fences.wait(third)
    assert not GL.glIsSync(second) and GL.glIsSync(third)
    fences.close()
    assert not GL.glIsSync(third)
    fences.close()  # twice is harmless


def test_a_shader_that_does_not_compile_is_named_and_leaves_nothing(
    gl_context: HeadlessDisplay, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vrgen.gl import pipeline
    from vrgen.gl.objects import alive

    before = alive()
    monkeypatch.setattr(
        pipeline, "source", lambda name, defines=(): "#version 450 core\nvoid main() { nonsense; }\n"
    )
    with pytest.raises(GraphicsError, match=r"sky\.vert does not compile"):
        pipeline.Program("sky.vert")
    assert alive() == before


def test_a_missing_shader_is_a_sentence(gl_context: HeadlessDisplay) -> None:
    from vrgen.gl.pipeline import Program

    with pytest.raises(GraphicsError, match=r"none\.frag is missing"):
        Program("none.frag")


def test_defines_and_includes_stand_where_glsl_wants_them(gl_context: HeadlessDisplay) -> None:
    from vrgen.gl.pipeline import source

    text = source("ground.vert", ("VIEWS 2", "FADING 1"))
    lines = text.splitlines()
    assert lines[0].startswith("#version") and lines[1:3] == ["#define VIEWS 2", "#define FADING 1"]
    assert "#include" not in text and "uniform Frame" in text


def test_errors_are_heard(gl_context: HeadlessDisplay) -> None:
    """What every test of the renderer relies on."""
    from vrgen.gl.api import GL, watch_errors

    heard: list[str] = []
    watch = watch_errors(heard.append)
    GL.glBindTextureUnit(0, 123456)
    assert watch is not None
    assert len(heard) == 1 and "INVALID" in heard[0].upper()
    GL.glGetError()
