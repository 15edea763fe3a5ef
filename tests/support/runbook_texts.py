"""Parts of runbooks that several tests of the format read."""

from __future__ import annotations

from tests.runbook.small_actions import HEAD

ASKED = """\
inputs:
  - {name: ticket, prompt: Which ticket?, required: false}
  - {name: which, prompt: Which database?, kind: choice, options: [db, 42], default: db}
  - {name: loss, prompt: Was data lost?, kind: yes-no}
  - {name: words, prompt: What was seen?, kind: text, default: "nothing\\nyet", required: false}
"""


STEPS = """\
phases:
  - title: Phase
    steps:
      - {title: Look, run: "true", risk: observe, env: {TICKET: {from: inputs.ticket}, WHICH: {from: inputs.which}}}
      - {title: Tell, when: {answer: inputs.loss, is: yes}}
"""


BOOK = (
    HEAD
    + """\
comms: {channel: "#here", update_every: 15 min}
locations: {logs: protocol}
triggers:
  - {title: It broke, log: logs/x.log, match: '\\[ERROR\\]'}
phases:
  - title: Look around
    section: 4
    steps:
      - {id: ask-it, title: Ask, questions: [{name: hurt, prompt: Does it hurt?, kind: yes-no}], notify: boss}
      - title: Sweep 80 % of it
        uses: sweep
        with: {target: db, keep: 3, paths: [a, /b]}
        when: {answer: ask-it.hurt, is: yes}
        timeout: 90 s
        on_failure: {raise_severity: SEV-0, notify: boss, advice: Sit down.}
      - {title: Count, run: wc, risk: observe, env: {A: 1, B: true, C: {from: sweep-80-of-it.left}}, depends_on: ask-it}
  - title: Go home
    steps:
      - {title: Lock, when: {failed: [count, sweep-80-of-it]}, optional: true}
closure:
  - {title: The level is low, check: level, with: {below: 80 %}}
"""
)
