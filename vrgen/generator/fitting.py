"""A world held against the manifests of its checkpoints, before anything is loaded: without torch.

What a world file says of its checkpoints (settings, fixed inputs, props, surfaces) can be wrong in ways that only
the manifests tell. All of it is found here, so that nothing is left out in silence.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import msgspec

from vrgen import contract as c
from vrgen.config import As, GalleryConfig, World
from vrgen.contract import Manifest
from vrgen.errors import CheckpointError, ManifestError, UsageError, VrgenError, WorldError, did_you_mean
from vrgen.generator.knobs import fixed_inputs, knobs
from vrgen.generator.manifest import read_manifest
from vrgen.messages import Knob

_SET = ("slider", "label", "prompt")
"""Kinds of knobs that a world's settings can set."""


@dataclass(frozen=True)
class Described:
    """What the checkpoints of a world say of themselves."""

    world: World
    manifests: Mapping[str, Manifest]
    """By generator. A bare module's has what is known before it is called: one latent, one output."""
    bare: frozenset[str]
    unread: Mapping[str, VrgenError]
    """What is wrong with a generator's checkpoint or manifest that is broken. The rest of the world goes on."""

    @cached_property
    def knobs(self) -> tuple[Knob, ...]:
        return knobs(self.manifests, {name: use.fixed for name, use in self.world.generators.items()})


def described(world: World) -> Described:
    """Read every manifest."""
    manifests, bare = {}, set()
    unread: dict[str, VrgenError] = {}
    for name, use in world.generators.items():
        try:
            manifest = read_manifest(use.checkpoint)
        except (CheckpointError, ManifestError) as error:
            unread[name] = error
            continue
        if manifest is None:
            bare.add(name)
            manifest = _of_a_bare_module(name, use.as_kind or "picture")
        manifests[name] = manifest
    return Described(world, manifests, frozenset(bare), unread)


def require_fit(world: World, as_kind: As | None = None) -> Described:
    """Before anything starts: every checkpoint says what it makes, and the world asks for nothing else.

    `as_kind`: what the command line said of a single checkpoint. Returns what the checkpoints say.

    Raises:
        UsageError, WorldError, CheckpointError: the first misfit, or that nothing of the world can be read.
    """
    found = described(world)
    for misfit in misfits(found, as_kind):
        raise misfit
    if not found.manifests:
        raise CheckpointError("; ".join(dict.fromkeys(str(error) for error in found.unread.values())))
    return found


def as_visited(found: Described) -> World:
    """The world; a single checkpoint that makes pictures, each latent another, hangs in a gallery."""
    world = found.world
    if len(world.generators) != 1 or world.gallery is not None:
        return world
    (name,) = world.generators
    made = found.manifests.get(name)
    if made is None or not all(isinstance(spec, c.PictureOutput) for spec in made.outputs.values()):
        return world
    if not any(isinstance(entry, c.LatentInput | c.NoiseInput) for entry in made.inputs.values()):
        return world
    return msgspec.structs.replace(world, gallery=GalleryConfig(generators=(name,)))


def misfits(found: Described, as_kind: As | None = None) -> Iterator[VrgenError]:
    """Everything in a world that its checkpoints can't do, one sentence each."""
    world = found.world
    for name in world.generators:
        if name not in found.unread:
            yield from _of_a_generator(found, name, as_kind)
    for name, props in world.props.items():
        made = found.manifests.get(props.generator)
        if made is not None and not _makes(made, c.MeshOutput):
            yield WorldError(
                f"{world.name}: props '{name}' scatter the meshes of '{props.generator}', which makes "
                f"{_products(made)} and no mesh; name a generator that makes one"
            )
    for name, splats in world.splats.items():
        made = found.manifests.get(splats.generator)
        if made is not None and not _makes(made, c.SplatsOutput):
            yield WorldError(
                f"{world.name}: splats '{name}' place those of '{splats.generator}', which makes "
                f"{_products(made)} and no splats; name a generator that makes some"
            )
    for name in world.gallery.generators if world.gallery is not None else ():
        made = found.manifests.get(name)
        if made is not None and not any(_hangs(spec) for spec in made.outputs.values()):
            yield WorldError(
                f"{world.name}: the gallery hangs the pictures of '{name}', which makes {_products(made)} and no "
                "picture; name a generator that makes one"
            )
    if not found.unread:
        meshes = {
            name
            for manifest in found.manifests.values()
            for name, spec in manifest.outputs.items()
            if isinstance(spec, c.MeshOutput)
        }
        for generator, manifest in found.manifests.items():
            for name, spec in manifest.outputs.items():
                if isinstance(spec, c.InstancesOutput) and spec.of not in meshes:
                    yield WorldError(
                        f"{world.name}: output '{name}' of '{generator}' places instances of '{spec.of}', no "
                        f"generator here makes a mesh of that name; {did_you_mean(spec.of, sorted(meshes))}"
                    )
    yield from _of_settings(found)


def _of_a_generator(found: Described, name: str, as_kind: As | None) -> Iterator[VrgenError]:
    world = found.world
    use, manifest = world.generators[name], found.manifests[name]
    file = use.checkpoint.name
    if name in found.bare and use.as_kind is None:
        yield CheckpointError(
            f"generator '{name}': {file} has no manifest; say what it makes with --as "
            'picture|panorama|texture|heightfield (in a world file: as_kind = "picture"), or give it one'
        )
        return
    said = f"{world.name}: generators.{name}"
    if name not in found.bare and use.as_kind is not None:
        if as_kind is not None:
            yield as_beside_a_manifest(file, manifest, use.as_kind)
        else:
            yield WorldError(
                f"{said}.as_kind is '{use.as_kind}', {file} has a manifest that says it makes "
                f"{_products(manifest)}; leave as_kind out"
            )
    if use.surface is not None and not _makes(manifest, c.TextureOutput):
        yield WorldError(
            f"{said}.surface is '{use.surface}', {file} makes {_products(manifest)} no texture; leave it out"
        )
    if name not in found.bare:
        try:
            fixed_inputs(name, manifest, use.fixed)
        except WorldError as error:
            yield WorldError(f"{world.name}: {error}")
        return
    for wrong in sorted(use.fixed.keys() - {"latent"}):
        yield WorldError(
            f"{said}.fixed.{wrong}: {file} is a bare module with the input latent alone; "
            "correct the name or write it a manifest"
        )


def as_beside_a_manifest(file: str, manifest: Manifest, as_kind: str) -> UsageError:
    """The refusal of `--as` for a checkpoint that says itself what it makes."""
    return UsageError(
        f"--as {as_kind}: {file} has a manifest that says it makes {_products(manifest)}; leave --as out"
    )


def _of_settings(found: Described) -> Iterator[WorldError]:
    world = found.world
    known = {knob.name: knob for knob in found.knobs}
    for name, value in world.settings.items():
        knob = known.get(name)
        if knob is not None:
            if problem := _misset(knob, value):
                yield WorldError(f"{world.name}: settings.{name} is {_shown(value)}, {problem}")
        elif not found.unread:
            can = [knob.name for knob in found.knobs if knob.kind in _SET]
            yield WorldError(
                f"{world.name}: settings.{name}: no generator of this world leaves an input of that name to the "
                f"person; {did_you_mean(name, can)}"
            )


def _misset(knob: Knob, value: float | str) -> str | None:
    """What is wrong with a setting's value."""
    if knob.kind == "label":
        if value in knob.labels:
            return None
        return f"a label was expected; {did_you_mean(str(value), knob.labels)}"
    if knob.kind == "slider":
        low, high = knob.range
        if not isinstance(value, str) and low <= value <= high:
            return None
        return f"a number from {low:g} to {high:g} was expected; correct it"
    if knob.kind == "prompt":
        return None if isinstance(value, str) else "a text was expected; write it in quotes"
    return f"it is a {knob.kind}, and settings set sliders, labels and prompts; leave it out"


def _shown(value: float | str) -> str:
    return f"'{value}'" if isinstance(value, str) else f"{value:g}"


def _hangs(spec: c.OutputSpec) -> bool:
    """Whether a gallery can show it."""
    return isinstance(spec, c.PictureOutput) or (isinstance(spec, c.TextureOutput) and spec.role == "albedo")


def _makes(manifest: Manifest, kind: type[c.Entry]) -> bool:
    return any(isinstance(spec, kind) for spec in manifest.outputs.values())


def _products(manifest: Manifest) -> str:
    """`a heightfield and a texture`."""
    kinds = dict.fromkeys(c.kind(spec) for spec in manifest.outputs.values())
    words = [kind if kind.endswith("s") else f"a {kind}" for kind in kinds]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _of_a_bare_module(name: str, as_kind: As) -> Manifest:
    kinds: dict[As, c.OutputSpec] = {
        "picture": c.PictureOutput(shape=(3, 4, 4)),
        "panorama": c.PanoramaOutput(shape=(3, 4, 8)),
        "texture": c.TextureOutput(shape=(3, 4, 4)),
        "heightfield": c.HeightfieldOutput(shape=(1, 5, 5), metres=1.0),
    }
    return Manifest(
        vrgen=1, name=name, inputs={"latent": c.LatentInput(shape=(1, 1))}, outputs={as_kind: kinds[as_kind]}
    )
