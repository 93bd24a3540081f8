"""A real OpenXR runtime with a headset that a script moves, on a machine without a headset or a GPU.

`python tools/xr_testbed --help` is the command. For tests: `testbed.Testbed` starts display and runtime,
`headset.RemoteHeadset` moves head and controllers. Needs root on Debian or a system derived from it.
"""
