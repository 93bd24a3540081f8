"""From a recipe and a dataset to a family of models that fits both."""

from collections.abc import Callable

from vrgen.errors import RecipeError
from vrgen.training.dataset import Dataset, Kind
from vrgen.training.models.conditional import Conditional
from vrgen.training.models.dcgan import Dcgan
from vrgen.training.models.family import Family, Shape
from vrgen.training.models.layers import Wraps
from vrgen.training.models.small_gan import SmallGan
from vrgen.training.models.spatial import Spatial
from vrgen.training.models.vae import Vae
from vrgen.training.models.wgan_gp import WganGp
from vrgen.training.recipe import Recipe, size_problems

PICTURES: dict[str, Callable[[Shape], Family]] = {
    "dcgan": Dcgan,
    "wgan-gp": WganGp,
    "conditional": Conditional,
    "small-gan": SmallGan,
    "vae": Vae,
}
WRAPS: dict[Kind, Wraps] = {"picture": "nothing", "texture": "both", "panorama": "sphere"}


def kind_of(recipe: Recipe, dataset: Dataset) -> Kind:
    """What is made: what the recipe says, else what the dataset is."""
    return recipe.export.kind or dataset.about.kind


def latent_length(recipe: Recipe, dataset: Dataset) -> int:
    """Numbers of the latent: the recipe's, but for the kinds whose nets have a fixed one."""
    return {"heightfield": 64, "mesh": 80}.get(kind_of(recipe, dataset), recipe.model.latent)


def build(recipe: Recipe, dataset: Dataset) -> Family:
    """The family with fresh weights.

    Raises:
        RecipeError: recipe and dataset don't fit together.
    """
    require_fitting(recipe, dataset)
    model, kind = recipe.model, kind_of(recipe, dataset)
    channels, height, width = dataset.about.shape
    wraps = WRAPS.get(kind, "nothing")
    condition = dataset.conditions(model.condition).shape[1]
    shape = Shape(channels, height, width, model.latent, condition, model.features, wraps)
    if model.family == "heightfield":
        from vrgen.training.models.heightfield import Heightfield, unit_of

        return Heightfield(shape, unit_of(dataset.batch(dataset.train[:256])))
    if kind == "mesh":
        from vrgen.training.models.mesh import Mesh
        from vrgen.training.models.mesh_vae import MeshVae

        return MeshVae(shape) if model.family == "vae" else Mesh(shape)
    if model.places == "alike":
        return Spatial(shape)
    return PICTURES[model.family](shape)


def require_fitting(recipe: Recipe, dataset: Dataset) -> None:
    """Refuse a dataset that the recipe's model can't learn.

    Raises:
        RecipeError: the first thing that does not fit.
    """
    about, model, kind = dataset.about, recipe.model, kind_of(recipe, dataset)
    channels, height, width = about.shape
    where = dataset.folder
    if len(dataset.train) < 2:
        raise RecipeError(
            f"{where}: has 1 picture to train on, at least 2 are needed and 50 make sense; add pictures"
        )
    if "roll" in recipe.data.changes and kind not in ("texture", "panorama", "mesh"):
        raise RecipeError(
            f'data.changes has "roll", which moves a {kind} over its edge, where it does not go on; leave it out'
        )
    if model.condition == "text" and dataset.conditions("text").size and not about.encoder:
        raise RecipeError(
            f"{where}: does not say which encoder made its text embeddings; prepare the dataset again with --text"
        )
    if model.size is not None and model.size != (height, width):
        raise RecipeError(
            f"{where}: pictures are {height} × {width}, model.size is {model.size[0]} × {model.size[1]}; "
            "prepare the dataset at that size, or correct model.size"
        )
    learns = "mesh" if kind == "mesh" and model.family == "vae" else model.family
    special = {"heightfield": (1, 64, 64), "mesh": (4, 2562, 1)}.get(learns)
    if special is not None:
        if about.kind != learns or about.shape != special:
            raise RecipeError(
                f"{where}: holds {about.kind} {about.shape}, the family {model.family} learns "
                f"{learns} {special}; choose another model.family or prepare the dataset so"
            )
        if dataset.conditions(model.condition).shape[1] > 1:
            raise RecipeError(
                f"model.condition is '{model.condition}' with more than one number, the family {model.family} "
                'takes one slider; use one, or "none"'
            )
        return
    if kind in ("heightfield", "mesh"):
        also = ' or "vae"' if kind == "mesh" else ""
        raise RecipeError(
            f"{where}: holds {about.kind} for {kind}, which the family {model.family} does not make; "
            f'set model.family to "{kind}"{also}'
        )
    if model.places == "alike" and kind != "texture":
        raise RecipeError(f'{where}: holds a {kind}, model.places "alike" is for textures; leave it out')
    for problem in size_problems(height, width):
        raise RecipeError(f"{where}: {problem}")
    if kind == "panorama" and width != 2 * height:
        raise RecipeError(
            f"{where}: pictures are {height} × {width}, a panorama is twice as wide as high; "
            "prepare the dataset as panoramas, or correct export.kind"
        )
    if kind in ("picture", "panorama") and channels not in (1, 3):
        raise RecipeError(
            f"{where}: pictures have {channels} channels ({', '.join(about.channels)}), a {kind} has 1 or 3; "
            'prepare the dataset without the others, or set export.kind to "texture"'
        )
