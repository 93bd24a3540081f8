"""Pictures and films of what was seen: PNG and MP4."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from vrgen.display.interface import Pixels
from vrgen.errors import VrgenError

FILM_HZ = 30
_PATIENCE_S = 60.0
_BOOT = """
import json, sys
sys.path[:], *given = json.loads(sys.argv[1])
from vrgen.display.film import save_given
save_given(*given)
"""
_FORMS = {".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}


def save_picture(pixels: Pixels, path: Path) -> None:
    """Write (H, W, 3) uint8, top row first, as PNG, JPEG or WebP by the name's ending.

    Raises:
        VrgenError: it can't be written.
    """
    from PIL import Image

    partial = path.with_name(f".{path.name}.part")
    form = _FORMS.get(path.suffix.lower(), "PNG")
    try:
        Image.fromarray(pixels).save(partial, format=form, quality=92)
        partial.replace(path)
    except (OSError, ValueError) as error:
        partial.unlink(missing_ok=True)
        raise VrgenError(f"{path}: the picture can't be written ({error}); choose another place") from error


def save_picture_apart(pixels: Pixels, path: Path) -> None:
    """The same in a process of its own, for which this thread waits: Pillow holds the interpreter's lock while it
    encodes.

    Raises:
        VrgenError: it can't be written.
    """
    height, width, _ = pixels.shape
    said = json.dumps([sys.path, width, height, os.fspath(path)])
    command = [sys.executable, "-P", "-X", "utf8", "-c", _BOOT, said]
    # Out of reach of a Ctrl+C that ends the run: what is being saved is saved.
    own: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        own = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    try:
        apart = subprocess.run(
            command, input=pixels.tobytes(), capture_output=True, check=False, timeout=_PATIENCE_S, **own
        )
    except OSError as error:
        raise VrgenError(f"{path}: the picture can't be written ({error}); try it again") from error
    except subprocess.TimeoutExpired as error:
        said = f"{path}: the picture was not written in {_PATIENCE_S:g} s; choose another place"
        raise VrgenError(said) from error
    if apart.returncode:
        words = apart.stderr.decode(errors="replace").strip().splitlines()
        raise VrgenError(words[-1] if words else f"{path}: the picture can't be written ({apart.returncode})")


class Film:
    """An MP4 (H.264, yuv420p, `FILM_HZ`), one `add` a picture. A context manager; the file is whole after it.

    What was added is kept also when the program ends by an exception.
    """

    def __init__(self, path: Path, rate_hz: float = FILM_HZ) -> None:
        self._path, self._rate_hz = path, rate_hz
        self._writer: Any = None
        self._size_px = (0, 0)

    def add(self, pixels: Pixels) -> None:
        """Append (H, W, 3) uint8, top row first; the first one decides the size, an odd row or column is cut.

        Raises:
            VrgenError: ffmpeg is missing or can't write there.
        """
        height, width = (side - side % 2 for side in pixels.shape[:2])
        if self._writer is None:
            self._size_px = (width, height)
            self._writer = self._started()
        if (width, height) != self._size_px:
            raise VrgenError(
                f"{self._path}: a picture is {width} × {height}, the film is {self._size_px[0]} × "
                f"{self._size_px[1]}; don't resize the display while filming"
            )
        try:
            self._writer.send(np.ascontiguousarray(pixels[:height, :width]))
        except (OSError, StopIteration) as error:
            self._writer = None
            raise self._failure(error) from error

    def _started(self) -> Any:
        try:
            import imageio_ffmpeg

            if not self._path.absolute().parent.is_dir():
                raise FileNotFoundError(f"there is no folder {self._path.absolute().parent}")
            writer = imageio_ffmpeg.write_frames(
                os.fspath(self._path),
                self._size_px,
                fps=self._rate_hz,
                codec="libx264",
                pix_fmt_out="yuv420p",
                macro_block_size=2,
                ffmpeg_log_level="error",
                output_params=["-preset", "veryfast", "-crf", "20", "-movflags", "+faststart"],
            )
            writer.send(None)
        except (ImportError, OSError, RuntimeError) as error:
            raise self._failure(error) from error
        return writer

    def _failure(self, error: Exception) -> VrgenError:
        said = str(error).strip().splitlines()
        return VrgenError(
            f"{self._path}: the film can't be written ({said[-1] if said else type(error).__name__}); choose "
            "another place, or leave --video out"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is None:
            return
        self._writer.close()
        self._writer = None
        if kind is None and not self._is_whole():  # ffmpeg itself says nothing of it
            raise self._failure(OSError("it is not whole, the disk may be full"))

    def _is_whole(self) -> bool:
        """Whether ffmpeg came to the end: the last it writes is the index, to the front."""
        try:
            with self._path.open("rb") as file:
                return b"moov" in file.read(4096)
        except OSError:
            return False


def save_given(width: int, height: int, path: str) -> None:
    """In the process of its own: pixels come by standard input."""
    if sys.platform != "win32":
        os.nice(5)
    pixels = np.frombuffer(sys.stdin.buffer.read(), np.uint8).reshape(height, width, 3)
    try:
        save_picture(pixels, Path(path))
    except VrgenError as error:
        sys.exit(str(error))
