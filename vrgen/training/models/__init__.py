"""The model families, one file each: nets, losses, and what one step of training is."""
