"""Training: steps per second beside the plainest correct PyTorch loop of the same model and batch in the same run.

Both train a DCGAN on scikit-learn's digits with the same networks, batch, optimiser and losses. The plain loop is
what one would write in forty lines: a DataLoader, Adam, two backward passes. Ours is the whole loop of
`vrgen train`: it also averages the maker's weights, measures every gradient, looks after the run every 50 steps,
and at the end of each stretch of 250 it draws a grid of samples and saves its state. Stretches of both alternate;
the figure is the median of the ratios of neighbours, by the clock and by processor time (which a busy machine
disturbs less).
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _bench import Report, arguments, load

WANTED = 0.95


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--features", type=int, default=32)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()

    from vrgen.training.allocator import start_again

    start_again([sys.executable, *sys.argv])
    import torch

    torch.set_num_threads(args.threads)
    steps, pairs = (10, 2) if args.quick else (250, 7)
    report = Report("training", args)
    with (
        tempfile.TemporaryDirectory() as folder,
        prepared(Path(folder), args.batch, args.features) as (ours, plain, waited_s),
    ):
        ours(3)
        plain(3)
        before_s = waited_s()
        mine: list[Cost] = []
        theirs: list[Cost] = []
        for pair in range(pairs):
            for ours_now in (True, False) if pair % 2 else (False, True):
                (mine if ours_now else theirs).append(timed(ours if ours_now else plain, steps))
            print(f"pair {pair + 1} of {pairs}: load {load()}", file=sys.stderr)
        waited = (waited_s() - before_s) / sum(cost.wall_s for cost in mine)
    from vrgen.training.record import memory_mb

    rows = [
        [
            name,
            f"{steps / statistics.median(cost.wall_s for cost in costs):.1f}",
            f"{steps / min(cost.wall_s for cost in costs):.1f}",
            f"{statistics.median(cost.cpu_s for cost in costs) / steps * 1e3:.1f}",
        ]
        for name, costs in (("vrgen train", mine), ("plain PyTorch", theirs))
    ]
    report.table(
        f"DCGAN on digits, batch {args.batch}, {args.features} features, {args.threads} thread(s)",
        ["", "steps/s, median", "steps/s, best", "CPU ms a step"],
        rows,
    )
    by_clock = sorted(their.wall_s / my.wall_s for my, their in zip(mine, theirs, strict=True))
    by_cpu = sorted(their.cpu_s / my.cpu_s for my, their in zip(mine, theirs, strict=True))
    for name, ratios in (("the clock", by_clock), ("processor time", by_cpu)):
        report.say(
            f"ratio by {name}: {statistics.median(ratios):.2f} "
            f"(median of {pairs} pairs, {ratios[0]:.2f} to {ratios[-1]:.2f}; at least {WANTED} wanted)"
        )
    report.say(f"waited for data: {100 * waited:.2f} % of our time; memory, with both loops: {memory_mb():.0f} MB")
    report.keep(by_clock=by_clock, by_cpu=by_cpu, waited=waited, memory_mb=memory_mb())
    report.finish()


@dataclass(frozen=True)
class Cost:
    """What a stretch took."""

    wall_s: float
    cpu_s: float


def timed(stretch: Callable[[int], None], steps: int) -> Cost:
    """Run a stretch of so many steps."""
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    stretch(steps)
    return Cost(time.perf_counter() - wall_s, time.process_time() - cpu_s)


@contextmanager
def prepared(
    folder: Path, batch: int, features: int
) -> Iterator[tuple[Callable[[int], None], Callable[[int], None], Callable[[], float]]]:
    """Stretches of our loop and of the plain one, and how many seconds ours has waited for data."""
    import msgspec
    import torch
    from rich.console import Console

    from vrgen.training import loop
    from vrgen.training.digits import digits
    from vrgen.training.feed import Feed
    from vrgen.training.models.families import build
    from vrgen.training.recipe import read
    from vrgen.training.record import Record
    from vrgen.training.run import Run
    from vrgen.training.watch import Watch

    dataset = digits(folder / "digits")
    path = folder / "bench.toml"
    path.write_text(
        f'[data]\nsource = "digits"\n[model]\nfamily = "dcgan"\nfeatures = {features}\n'
        f"[train]\nsteps = 1\nbatch = {batch}\nbetas = [0.5, 0.999]\nsave_every = 1000000\nshow_every = 1000000\n"
        '[export]\nname = "bench"\n'
    )
    recipe = read(path)
    torch.manual_seed(0)
    shown = loop.Shown(torch.randn(100, 64), torch.zeros(100, 0))
    with Feed(dataset, "none", batch, 0) as feed, Record(folder, 0, Console(quiet=True)) as record:
        run = Run(recipe, build(recipe, dataset), feed, Watch(recipe.watch, dataset.batch(dataset.train[:64])))

        def ours(steps: int) -> None:
            run.recipe = msgspec.structs.replace(
                recipe, train=msgspec.structs.replace(recipe.train, steps=run.step + steps)
            )
            loop.train(run, shown, folder, record)

        yield ours, plain_loop(dataset.batch(dataset.train), batch, features), lambda: feed.waited_s


def plain_loop(pictures: "object", batch: int, features: int) -> Callable[[int], None]:
    """The same game as a tutorial writes it."""
    from typing import Any

    import torch
    import torch.nn.functional as F
    from torch import Tensor
    from torch.utils.data import DataLoader, TensorDataset

    from vrgen.training.models.dcgan import Judge, Maker
    from vrgen.training.models.family import Shape

    assert isinstance(pictures, Tensor)
    torch.manual_seed(0)
    shape = Shape(1, 28, 28, 64, 0, features, "nothing")
    maker, judge = Maker(shape), Judge(shape)
    makers = torch.optim.Adam(maker.parameters(), 2e-4, (0.5, 0.999))
    judges = torch.optim.Adam(judge.parameters(), 2e-4, (0.5, 0.999))
    loader: Any = DataLoader(TensorDataset(pictures), batch, shuffle=True, drop_last=True)
    nothing = torch.zeros(batch, 0)

    def endless() -> Iterator[Tensor]:
        while True:
            for (real,) in loader:
                yield real

    reals = endless()

    def backward(loss: Any) -> None:
        loss.backward()

    def stretch(steps: int) -> None:
        for _ in range(steps):
            real = next(reals)
            judges.zero_grad()
            made = maker(torch.randn(batch, 64), nothing)
            judged = F.softplus(-judge(real, nothing)).mean() + F.softplus(judge(made.detach(), nothing)).mean()
            backward(judged)
            judges.step()
            makers.zero_grad()
            fooled = F.softplus(-judge(made, nothing)).mean()
            backward(fooled)
            makers.step()

    return stretch


if __name__ == "__main__":
    main()
