"""Whether a headset answers, asked in a process of its own: a runtime or a layer that crashes or hangs is an
answer.

python -m vrgen.display.openxr.probe          once, as JSON
python -m vrgen.display.openxr.probe watch    again and again, one line each, until standard input ends
"""

import json
import os
import sys
import threading
import time

EVERY_S = 1.5


def sighting() -> dict[str, object]:
    """`ready`, and who answers, or the `problem` in one sentence."""
    from vrgen.display.openxr.runtime import Runtime
    from vrgen.errors import DisplayError

    try:
        with Runtime() as runtime:
            return {
                "ready": True,
                "runtime": runtime.name,
                "headset": runtime.headset,
                "version": list(runtime.version),
                "size_px": list(runtime.size_px),
                "extensions": sorted(runtime.extensions),
            }
    except DisplayError as error:
        return {"ready": False, "problem": str(error)}


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def main() -> None:
    """As the module's docstring says."""
    if sys.argv[1:] == ["watch"]:
        threading.Thread(target=_end_with_parent, daemon=True).start()
        while True:
            print(json.dumps(sighting()), flush=True)
            time.sleep(EVERY_S)
    print(json.dumps(sighting()))


if __name__ == "__main__":
    main()
