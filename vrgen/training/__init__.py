"""Data, models, losses and loops that make the bundled checkpoints; the runtime never imports this."""
