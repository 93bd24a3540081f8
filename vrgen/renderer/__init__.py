"""draw(scene, views): the picture."""

from vrgen.renderer.renderer import Renderer

__all__ = ["Renderer"]
