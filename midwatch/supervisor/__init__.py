"""Runs one step under a small detached process, so that the step survives the end of the screen.

`launch_spec` defines the work, `launch` has a supervisor forked, `status` inspects the attempt from outside, and
`python -m midwatch.supervisor` is the process itself. The specification is `docs/supervisor.md`.
"""
