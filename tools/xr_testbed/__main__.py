"""`python tools/xr_testbed`: see command.py."""

import sys
from pathlib import Path


def start() -> int:
    tools = Path(__file__).resolve().parents[1]
    if sys.path[0] == str(tools / "xr_testbed"):  # `python FOLDER` puts it there; its modules are a package's
        sys.path[0] = str(tools)
    try:
        from xr_testbed.command import main
    except ModuleNotFoundError as error:
        print(
            f"xr_testbed: {error.name} is not installed for this Python; run python tools/dev.py setup once, then "
            ".venv/bin/python tools/xr_testbed",
            file=sys.stderr,
        )
        return 1
    return main()


if __name__ == "__main__":
    sys.exit(start())
