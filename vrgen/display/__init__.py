"""Displays: one small interface (interface.py), its reference (headless.py), the window (window.py), and the
choice between them (select.py). Importing this package loads neither GLFW nor OpenGL."""

from vrgen.display.interface import Display, Frame
from vrgen.display.select import open_display

__all__ = ["Display", "Frame", "open_display"]
