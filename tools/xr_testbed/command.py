"""Stand a program on a headset that a script moves, without headset or GPU.

Builds or reuses a small Debian with Monado, an OpenXR runtime, starts display and runtime in it and then PROGRAM,
plays the script, and writes pictures of what the headset shows. Needs root on Debian or a system derived from it.
"""

import argparse
import math
import re
import shutil
import signal
import sys
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from xr_testbed import timeline
from xr_testbed.headset import HeadsetError
from xr_testbed.picture import write_png
from xr_testbed.program import Program, TestbedError
from xr_testbed.root import REPOSITORY, TestbedUnavailable, open_root
from xr_testbed.testbed import Device, Testbed

EXAMPLES = """\
examples:
  python tools/xr_testbed                                   hello.py: both eyes cleared, for five seconds
  python tools/xr_testbed --picture out/eyes.png -- vrgen run
  python tools/xr_testbed --script walk.toml --validate out/xr.txt -- vrgen run
  python tools/xr_testbed --forever                         only display and runtime, until Ctrl+C

a script (TOML):
"""
HELLO = Path(__file__).with_name("hello.py")
PATIENCE_S = 20.0
"""How long a program that was told to end may take; it may have a film to finish."""


def main() -> int:
    args = _arguments()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # the testbed cleans up
    try:
        return _run(args)
    except (TestbedUnavailable, TestbedError, HeadsetError, timeline.ScriptError) as error:
        print("\n".join([f"xr_testbed: {error}", *getattr(error, "__notes__", ())]), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python tools/xr_testbed",
        description=__doc__,
        epilog=EXAMPLES + (timeline.__doc__ or "").partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--script", type=Path, metavar="FILE.toml", help="timeline of head and controllers")
    parser.add_argument("--picture", type=Path, metavar="OUT.png", help="what the headset shows at the end")
    parser.add_argument("--desktop", type=Path, metavar="OUT.png", help="the programs' windows at the end")
    parser.add_argument("--seconds", type=float, metavar="S", help="how long; default: the script, else 5")
    parser.add_argument("--wait", type=float, default=2.0, metavar="S", help="before the script begins; default 2")
    parser.add_argument("--validate", type=Path, metavar="OUT.txt", help="findings of the core-validation layer")
    parser.add_argument("--simulated", action="store_true", help="Monado's simulated headset: 20 Hz, no picture")
    parser.add_argument("--rate", type=int, default=90, metavar="HZ", help="of the headset; default 90")
    parser.add_argument("--size", default="960x540", metavar="WxH", help="of the picture; default 960x540")
    parser.add_argument("--bind", type=Path, action="append", default=[], help="one more folder for PROGRAM")
    parser.add_argument("--keep", action="store_true", help="keep the folder with the logs")
    parser.add_argument("--forever", action="store_true", help="until PROGRAM ends or Ctrl+C")
    parser.add_argument("program", nargs="*", metavar="PROGRAM", help="after `--`; default: hello.py")
    args = parser.parse_args()
    if not re.fullmatch(r"[1-9]\d*x[1-9]\d*", args.size):
        parser.error(f"--size is '{args.size}', expected WIDTHxHEIGHT like 960x540")
    if args.simulated and (args.script or args.picture):
        parser.error("the simulated headset can't be moved and has no picture; leave --simulated out")
    return args


def _run(args: argparse.Namespace) -> int:
    steps = timeline.read_script(args.script) if args.script else []
    length_s = max((step.end_s for step in steps), default=5.0) if args.seconds is None else args.seconds
    width, height = map(int, args.size.split("x"))
    device: Device = "simulated" if args.simulated else "remote"
    root = open_root(_say, args.bind)
    with Testbed(root, device=device, picture_px=(width, height), rate_hz=args.rate, keep=args.keep) as testbed:
        moved = f"the headset on port {testbed.port}, " if device == "remote" else ""
        _say(f"the runtime answers: {moved}the programs' display is {testbed.display}, logs in {testbed.folder}")
        found = testbed.folder / "validation.txt"
        program: list[str | Path] = args.program or testbed.python(HELLO, "--seconds", "inf", "--poses")
        process = None
        if args.program or not args.forever:
            _say(f"starting {' '.join(map(str, program))}")
            env = testbed.environment(found if args.validate else None)
            process = testbed.popen(program, env, log=Path("/dev/stdout"), cwd=_folder())
        until = time.monotonic() + args.wait + (math.inf if args.forever else length_s)
        _wait(process, time.monotonic() + args.wait)
        if steps and (process is None or process.poll() is None):
            _say(f"playing {args.script}, {len(steps)} steps")
            with timeline.Player(steps, testbed.headset, lambda name: _write(testbed.picture(), Path(name))):
                pass
        _wait(process, until)
        if args.picture:
            _write(testbed.picture(), args.picture)
        if args.desktop:
            _write(testbed.desktop_picture(), args.desktop)
        status = _end(process)
        if args.validate:
            shutil.copyfile(found, args.validate)
            _say(f"see {args.validate}")
        return status


def _folder() -> Path:
    """Where the program starts: here, if that is a place in the root too."""
    return Path.cwd() if Path.cwd().is_relative_to(REPOSITORY) else REPOSITORY


def _wait(process: Program | None, until: float) -> None:
    """Wait until that moment of time.monotonic(), or until the program ends."""
    while time.monotonic() < until and (process is None or process.poll() is None):
        time.sleep(0.05)


def _end(process: Program | None) -> int:
    """The program's status; one that still runs is told to end, and has done well if it did."""
    if process is None:
        return 0
    if process.poll() is None:
        process.end(signal.SIGINT, PATIENCE_S)
        _say("told the program to end")
        return 0
    if process.returncode:
        _say(f"the program failed with status {process.returncode}")
    return 1 if process.returncode else 0


def _write(picture: npt.NDArray[np.uint8], path: Path) -> None:
    write_png(picture, path)
    _say(f"see {path}")


def _say(text: str) -> None:
    print(f"xr_testbed: {text}", flush=True)
