"""Inputs: what the devices say becomes what the person wants (interpret.py), and where every knob stands
(steering.py, propose.py). Pure functions and frozen data; no display, no GL."""
