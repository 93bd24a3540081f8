"""The whole comparison on a machine with an NVIDIA GPU, EGL and no display: one command, one table at the end.

Runs the other benchmarks one after the other with the generators on CUDA and frames drawn at a headset's size: the
hand-off across the host and by the card, throughput beside a bare loop (as vrgen calls a model, and without
its faster ways, CUDA graphs among them), how even frames are while CUDA generates, missed frames, objects beside
other engines, splats, the start. Whether all of it is right there, `pytest -m gpu` says.
"""

import json
import subprocess
import sys
from pathlib import Path

import _bench

from vrgen import device
from vrgen.errors import DeviceError

SIZE = ("2880", "1600")
CUDA = ("--device", "cuda")
RUNS: tuple[tuple[str, ...], ...] = (
    ("handoff", *CUDA),
    ("throughput", *CUDA),
    ("throughput", "--precise", *CUDA),
    ("interval", *CUDA, "--hz", "90", "--size", *SIZE),
    ("missed", *CUDA, "--drawn", "--size", *SIZE),
    ("objects",),
    ("splats", "--eye", "1440x1600"),
    ("start",),
)


def main() -> None:
    parser = _bench.arguments(__doc__)
    args = parser.parse_args()
    try:
        device.require("cuda")
    except DeviceError:
        print(
            "gpu is left out: no CUDA device answers; it wants an NVIDIA GPU, its driver and torch built for CUDA "
            "(vrgen doctor tells more)"
        )
        return
    import torch

    report = _bench.Report("gpu", args)
    report.machine["GPU"] = f"{torch.cuda.get_device_name(0)}, CUDA {torch.version.cuda}"
    folder, here = args.out / "gpu", Path(__file__).parent
    rows, failed = [], []
    for name, *more in RUNS:
        title = " ".join((name, *more))
        words = [*more, *(["--quick"] if args.quick else []), "--out", folder]
        if subprocess.run([sys.executable, here / f"{name}.py", *words], check=False).returncode:
            failed.append(title)
            continue
        told = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        rows += [
            [title, *(str(figure[key]) for key in ("what", "measured", "asked", "state"))]
            for figure in told.get("figures", [])
        ]
    report.table("On a GPU", ("benchmark", "figure", "measured", "asked", ""), rows)
    report.say(f"failed: {', '.join(failed) or 'none'}")
    report.keep(rows=rows, failed=failed)
    report.finish()


if __name__ == "__main__":
    main()
