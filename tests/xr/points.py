"""What points_program.py shows, and where."""

POINTS = {
    "red": ((-0.9, 1.6, -3.0), (255, 0, 0)),
    "green": ((0.8, 2.2, -4.0), (0, 255, 0)),
    "blue": ((0.5, 0.9, -2.5), (0, 0, 255)),
    "yellow": ((-0.3, 1.2, -1.5), (255, 255, 0)),
}
"""Where each cube's middle is, metres, world, and its colour."""
HALF_M = 0.06
"""Half a side of a cube."""
