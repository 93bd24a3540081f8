"""Whether a headset answers, asked in a process of its own: a runtime or a layer that crashes or hangs is an
answer.

python -m vrgen.display.openxr.probe          once, as JSON
python -m vrgen.display.openxr.probe watch    again and again, one line each, until standard input ends

Asking SteamVR starts it. So while it does not run it is not asked, unless `start` is the last word.
"""

import json
import os
import sys
import threading
import time

EVERY_S = 1.5
_STEAMVR_SERVERS = ("vrserver", "vrserver.exe")


def sighting(may_start: bool = False) -> dict[str, object]:
    """`ready`, and who answers, or the `problem` in one sentence. `may_start`: ask SteamVR also where it does not
    run."""
    from vrgen.display.openxr.runtime import Runtime
    from vrgen.errors import DisplayError

    if not may_start and _would_start_steamvr():
        return {"ready": False, "problem": "SteamVR is not running; start it"}
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


def _would_start_steamvr() -> bool:
    """Whether SteamVR is the active runtime and none of its servers runs (its client then starts one)."""
    import psutil

    from vrgen.display.openxr.known import STEAMVR, named
    from vrgen.display.openxr.registration import registered

    registration = registered()
    if registration is None or named(registration) is not STEAMVR:
        return False
    names = {process.info["name"] for process in psutil.process_iter(["name"])}
    return names.isdisjoint(_STEAMVR_SERVERS)


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def main() -> None:
    """As the module's docstring says."""
    may_start = sys.argv[-1] == "start"
    if sys.argv[1:2] == ["watch"]:
        threading.Thread(target=_end_with_parent, daemon=True).start()
        while True:
            print(json.dumps(sighting(may_start)), flush=True)
            time.sleep(EVERY_S)
    print(json.dumps(sighting(may_start)))


if __name__ == "__main__":
    main()
