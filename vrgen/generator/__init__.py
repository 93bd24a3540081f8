"""Checkpoints, and the worker process that runs them beside the frame loop. The frame side never imports torch."""

from vrgen.generator.generators import Generators
from vrgen.generator.knobs import inputs_of
from vrgen.generator.manifest import read_manifest

__all__ = ["Generators", "inputs_of", "read_manifest"]
