"""A small incident for the screen: a manual step, one that observes, one that changes, one that destroys; all real."""

RUNBOOK = """\
midwatch: 1
id: small
title: A small incident
severity: SEV-2
roles:
  boss: {name: The boss, notify_when: when the work fails}
comms: {channel: "#inc", update_every: 15 min}
phases:
  - title: Look
    section: "1"
    steps:
      - id: asked
        title: Take ownership
        questions: [{name: owner, prompt: Who owns it?}, {name: bad, prompt: Is it bad?, kind: yes-no}]
      - id: look
        title: Look around
        run: |
          echo "seen by $WHO"
          while [ -e wait ]; do sleep 0.05; done
        env: {WHO: {from: asked.owner}}
        risk: observe
        depends_on: [asked]
  - title: Work
    section: "2"
    steps:
      - id: work
        title: Do the work
        run: |
          echo begun
          [ ! -e fail ] || { echo "ERROR it broke" >&2; exit 7; }
          while [ -e hold ]; do sleep 0.05; done
          echo ran >> ran
        risk: change
        on_failure: {raise_severity: SEV-1, notify: [boss], advice: Try again.}
      - {id: burn, title: Burn it, run: rm -rf rubbish, risk: destroy}
closure:
  - {title: Disk not full, check: disk, with: {path: ., below: 100 %}}
"""
