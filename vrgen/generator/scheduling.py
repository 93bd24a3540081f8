"""From where the knobs stand to what each generator should be asked: a wish changes only when its inputs do."""

from collections.abc import Mapping
from dataclasses import replace

from vrgen.config import World
from vrgen.contract import (
    CameraInput,
    HeightfieldOutput,
    Manifest,
    NoiseInput,
    StateInput,
    TileInput,
    TimeInput,
    ViewOutput,
)
from vrgen.generator.knobs import fixed_inputs, inputs_of
from vrgen.messages import Choice, Knob, Series, Wish


class Schedule:
    """Owner of the epochs and revisions of a world's generators."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._signatures: dict[str, tuple[object, ...]] = {}
        self._wishes: dict[str, Wish] = {}
        self._of_world: dict[str, tuple[int, int]] = {}
        self._revision = 0
        self._epoch = 0
        self._asked: tuple[Choice, tuple[Knob, ...], Mapping[str, int]] | None = None

    def wishes(
        self,
        choice: Choice,
        knobs: tuple[Knob, ...],
        manifests: Mapping[str, Manifest],
        versions: Mapping[str, int],
    ) -> Mapping[str, Wish]:
        """By generator; the same mapping again while nothing changed.

        Raises:
            WorldError: the world fixes an input that the checkpoint does not have.
        """
        asked = self._asked
        if asked is not None and asked[0] is choice and asked[1] is knobs and asked[2] == versions:
            return self._wishes
        changed: dict[str, Wish] = {}
        fresh_epoch = 0
        for name, manifest in manifests.items():
            fixed = self._world.generators[name].fixed
            inputs = inputs_of(name, manifest, choice.values, knobs) | fixed_inputs(name, manifest, fixed)
            noisy = any(isinstance(entry, NoiseInput) for entry in manifest.inputs.values())
            series = self._series(name, choice, knobs)
            if series is not None:
                drawn = {knob.name for knob in series.knobs}
                inputs = {key: value for key, value in inputs.items() if key not in drawn}
            signature = (
                versions.get(name, 0),
                choice.seed if noisy else 0,
                tuple((key, value.shape, value.tobytes()) for key, value in sorted(inputs.items())),
                series,
            )
            if signature == self._signatures.get(name):
                continue
            here = (choice.world, versions.get(name, 0))
            before = self._wishes.get(name)
            if before is None or self._of_world[name] != here:
                # All generators that a new world changes share its epoch: the scene changes them together.
                fresh_epoch = fresh_epoch or self._epoch + 1
                epoch = fresh_epoch
            else:
                epoch = before.epoch
            self._signatures[name] = signature
            self._of_world[name] = here
            self._revision += 1
            tiled = series is None and any(isinstance(entry, TileInput) for entry in manifest.inputs.values())
            sides = [spec.metres for spec in manifest.outputs.values() if isinstance(spec, HeightfieldOutput)]
            variants = self._world.generators[name].variants if noisy else 1
            changed[name] = Wish(
                name,
                epoch,
                self._revision,
                inputs,
                choice.seed,
                tiled,
                max(sides, default=0.0),
                variants,
                series,
                *(_looks(manifest) if not tiled and series is None else ()),
            )
        self._epoch = max(self._epoch, fresh_epoch)
        if changed:
            self._wishes = {**self._wishes, **changed}
        self._asked = (choice, knobs, dict(versions))
        return self._wishes

    def _series(self, name: str, choice: Choice, knobs: tuple[Knob, ...]) -> Series | None:
        """What differs from picture to picture, of a generator whose pictures hang in the world's gallery."""
        gallery = self._world.gallery
        if gallery is None or name not in gallery.generators:
            return None
        drawn = tuple(
            replace(knob, name=knob.name.removeprefix(f"{name}."))
            for knob in knobs
            if name in knob.generators and knob.name in choice.drawn
        )
        turns = tuple(turn for turn in choice.turns if turn.generator == name)
        return Series(drawn, choice.seed, choice.at, turns)


def _looks(manifest: Manifest) -> tuple[str, tuple[int, int], bool]:
    """Of what is made for a camera: that input's name, the height and width of the picture, whether it changes by
    itself."""
    cameras = [name for name, entry in manifest.inputs.items() if isinstance(entry, CameraInput)]
    sizes = [spec.shape[-2:] for spec in manifest.outputs.values() if isinstance(spec, ViewOutput)]
    lively = any(isinstance(entry, StateInput | TimeInput) for entry in manifest.inputs.values())
    height, width = sizes[0] if sizes else (1, 1)
    return (cameras[0] if cameras else "", (height, width), lively)
