"""The headset, through whatever OpenXR runtime is active; the desktop goes on when it doesn't answer.

`display` switches between the two; `runtime` finds a headset, `session` lives with it, `watch` looks out for one.
"""
