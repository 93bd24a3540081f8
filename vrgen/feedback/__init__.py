"""Feedback: what goes back to the person (panel.py), to the next proposal (preferences.py) and into the report
(ledger.py). Importing this package loads neither ImGui nor OpenGL."""
