"""What is done beside the frame: pictures and reports left behind, another checkpoint put to work, whether all
stands."""

import itertools
import math
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from vrgen.config import RunOptions
from vrgen.contract import kind
from vrgen.deeds import Deed, Deeds
from vrgen.display.film import FILM_HZ, save_picture, save_picture_apart
from vrgen.display.interface import Display, Pixels
from vrgen.errors import CheckpointError, UsageError, VrgenError
from vrgen.feedback.ledger import Ledger
from vrgen.generator.generators import Generators
from vrgen.generator.manifest import read_manifest
from vrgen.messages import Choice, GeneratorStatus, Knob, Person, Phase
from vrgen.prompts import is_prompt, prompt_text
from vrgen.scene.assembly import Assembly
from vrgen.scene_model import Scene

if TYPE_CHECKING:
    from vrgen.gl.card_copies import CardCopies

OUT = (Phase.FAILED, Phase.GONE)


def screenshot(display: Display, world: str, deeds: Deeds) -> Deed:
    """Save the last finished picture among the person's pictures; say where.

    Raises:
        VrgenError: it can't be written.
    """
    with closing(display.begin_reading()) as reading:
        while not reading.ready:
            yield
        path = yield from deeds.beside(_kept, reading.pixels, world)
    return f"saved {path}"


def _kept(pixels: Callable[[], Pixels], world: str) -> Path:
    from platformdirs import user_pictures_path

    folder = user_pictures_path() / "vrgen"
    name = f"{world}-{datetime.now():%Y%m%d-%H%M%S}"
    names = itertools.chain([f"{name}.png"], (f"{name}-{number}.png" for number in itertools.count(2)))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = next(path for each in names if not (path := folder / each).exists())
    except OSError as error:
        raise VrgenError(f"{folder}: the picture can't be kept there ({error}); make room for it") from error
    save_picture_apart(pixels(), path)
    return path


def swap(generators: Generators, path: Path, deeds: Deeds) -> Deed:
    """Put a checkpoint in the place of the one that makes the same kinds of things; say which.

    Raises:
        CheckpointError: it has no manifest, or nothing here makes what it makes.
    """
    manifest = yield from deeds.beside(read_manifest, path)
    if manifest is None:
        raise CheckpointError(f"{path.name} has no manifest; start it by itself with --as")
    makes = {kind(spec) for spec in manifest.outputs.values()}
    for name, running in generators.manifests.items():
        if makes & {kind(spec) for spec in running.outputs.values()}:
            generators.swap(name, path)
            return f"{path.name} takes the place of {name}"
    raise CheckpointError(f"{path.name} makes {', '.join(sorted(makes))}, which nothing here makes")


def prompted(text: str, knobs: tuple[Knob, ...]) -> dict[str, str]:
    """The settings that `--prompt` means, by knob name.

    Raises:
        UsageError: nothing takes a prompt.
    """
    settings = {knob.name: text for knob in knobs if knob.kind == "prompt"}
    if not settings:
        raise UsageError(
            "--prompt: nothing in this world takes a prompt; leave it out and steer with sliders, labels and N"
        )
    return settings


def remarked(remarks: Mapping[str, tuple[str, ...]], choice: Choice) -> tuple[str, ...]:
    """What there is to say of the prompts that stand now."""
    prompts = [prompt_text(value) for value in choice.values.values() if is_prompt(value)]
    return tuple(dict.fromkeys(told for prompt in prompts for told in remarks.get(prompt, ())))


def nothing_runs(statuses: tuple[GeneratorStatus, ...]) -> bool:
    """Whether no generator has ever made anything, and none will."""
    return all(s.phase in OUT and s.results == 0 and s.errors for s in statuses) and bool(statuses)


def stands(
    statuses: tuple[GeneratorStatus, ...], wished: frozenset[str], assembly: Assembly, scene: Scene, person: Person
) -> bool:
    """Whether the world that was asked for is there whole. `wished`: the generators that something was asked
    of."""
    names = {status.name for status in statuses if status.phase not in OUT}
    done = names <= wished and bool(names)  # a manifest alone: nothing of it was asked for yet
    return (
        done
        and not assembly.lacks(frozenset(names))
        and not assembly.arriving
        and not scene.preload
        and scene.ground.arriving is None
        and scene.sky.arriving is None
        and all(fade.arriving is None for fade in scene.surfaces.values())
        and assembly.risen
    )


def is_awaited(options: RunOptions, display: str) -> bool:
    """Whether somebody waits for the end of a run whom no screen tells how far it is."""
    return display == "headless" and (options.frames is not None or options.seconds is not None)


def how_far(
    options: RunOptions, settling: bool, statuses: tuple[GeneratorStatus, ...], frames: int, run_s: float
) -> tuple[str, float | None, str]:
    """What such a run is at, how much of that is over, and the same in numbers. `frames`, `run_s`: so far."""
    if settling:
        return _how_far_settled(statuses)
    ends = [options.frames] if options.frames is not None else []
    of_time = 0.0
    if options.seconds is not None:
        of_time = run_s / options.seconds
        if options.video is not None:
            ends.append(math.ceil(options.seconds * FILM_HZ))
    if not ends:
        return "the run goes on", of_time, f"{run_s:.0f} of {options.seconds:g} s"
    return "frames are drawn", max(frames / min(ends), of_time), f"{frames} of {min(ends)}"


def _how_far_settled(statuses: tuple[GeneratorStatus, ...]) -> tuple[str, float | None, str]:
    names = ", ".join(s.name for s in statuses if s.phase in (Phase.LOADING, Phase.RESTARTING))
    loading = f"{names} still to load" if names else ""
    made, waiting = sum(s.results for s in statuses), sum(s.waiting for s in statuses)
    if not made:
        return "waiting for the first result", None, loading
    if not waiting:
        return "the world comes to the GPU", None, loading or f"all {made} results are here"
    words = f"{made} of {made + waiting} results"
    return "the world arrives", made / (made + waiting), f"{words}, {loading}" if loading else words


def land_by_card(options: RunOptions, generators: Generators) -> "CardCopies | None":
    """Let results come by the card, once the generators are on one. On OpenGL's thread; close what comes back.

    What can be shown again must not hang on when that was ready: there all cross the host.
    """
    again = options.settle or options.video is not None
    if again or not (generators.device or "").startswith("cuda"):
        return None
    from vrgen.gl.card_copies import CardCopies

    copies = CardCopies()
    generators.land_by(copies)
    return copies


def _tell_how_it_came(ledger: Ledger, generators: Generators) -> None:
    """How results reached OpenGL, and why not by the card."""
    copies, device = generators.copies, generators.device or ""
    ledger.generators_on = device
    if copies is not None:
        ledger.by_card(copies.why, copies.bytes)
    elif device.startswith("cuda"):
        ledger.by_card("a run that can be shown again takes the way that is always there", 0)
    elif device:
        ledger.by_card("the generators run on the processor", 0)


def leave(options: RunOptions, display: Display, ledger: Ledger, generators: Generators) -> None:
    """Leave what was asked for: the last picture, the report; fail if nothing could ever be run.

    Raises:
        CheckpointError: with the sentence of each generator. VrgenError: a file can't be written.
    """
    if options.screenshot is not None:
        save_picture(display.read_pixels(), options.screenshot)
    if options.report is not None:
        ledger.worker_memory(generators.worker_peak_mb)
        _tell_how_it_came(ledger, generators)
        ledger.write(options.report, {status.name: status for status in generators.status})
    if generators.why_there:
        print(f"vrgen: {generators.why_there}", file=sys.stderr)
    if generators.copies is not None and generators.copies.failed:
        print(f"vrgen: results crossed the host: {generators.copies.why}", file=sys.stderr)
    statuses = generators.status
    if nothing_runs(statuses):
        raise CheckpointError("; ".join(dict.fromkeys(s.errors[-1] for s in statuses)))
    last = [(status.name, status.errors[-1]) for status in statuses if status.errors]
    # A prompt that nobody could embed is no generator's fault, and the same for all of them.
    for sentence in dict.fromkeys(
        why if why.startswith("prompts: ") else f"no {name}: {why}" for name, why in last
    ):
        print(f"vrgen: {sentence}", file=sys.stderr)
    for sentence in dict.fromkeys(told for remarks in generators.remarks.values() for told in remarks):
        print(f"vrgen: {sentence}", file=sys.stderr)
    if not any(status.results for status in statuses):
        print("vrgen: no world had arrived when the run ended; --settle waits for it", file=sys.stderr)
