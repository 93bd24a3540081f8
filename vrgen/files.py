"""Why a path that a person gave can't be read as a file, in a few words."""

import stat
from pathlib import Path


def trouble(path: Path) -> str | None:
    """What is in the way of reading `path`, as "is a folder, a file was expected"; None when nothing is."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if path.is_symlink():
            return f"is a link to {path.readlink()}, where there is nothing; correct the link"
        return "no such file; check the path"
    except NotADirectoryError:
        return "no such file, for a part of its path is no folder; check the path"
    except OSError as error:
        return f"can't be read ({error.strerror or error}); check the path, its links and its permissions"
    if stat.S_ISDIR(mode):
        return "is a folder, a file was expected; name the file in it"
    if not stat.S_ISREG(mode):
        return "is no regular file; save it as one"
    try:
        with path.open("rb"):
            return None
    except OSError as error:
        return f"can't be read ({error.strerror or error}); check the file's permissions"
