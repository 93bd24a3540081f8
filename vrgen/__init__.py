"""vrgen: stand inside what a generative model makes."""

__version__ = "0.1.0"
