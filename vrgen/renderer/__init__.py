"""draw(scene, views): the picture."""

from vrgen.renderer.renderer import PANEL, PASSES, Renderer

__all__ = ["PANEL", "PASSES", "Renderer"]
