"""One running step, owned by a small detached process, so that the step outlives the screen.

`order` says what to run, `start` starts it, `watch` looks at it from outside, `python -m midwatch.supervisor` is the process
itself. The specification is `docs/supervisor.md`.
"""
