"""An incident with steps that nobody can know to be needed."""

RUNBOOK = """\
midwatch: 1
title: A change
severity: SEV-2
roles:
  lead: {name: Tech Lead}
phases:
  - title: Change
    steps:
      - id: look
        title: Look whether it is urgent
        run: |
          [ ! -e fail ] || exit 7
          if [ -e urgent ]; then echo "urgent=yes" >> "$STEP_OUTPUT"; fi
          if [ -e calm ]; then echo "urgent=no" >> "$STEP_OUTPUT"; fi
        outputs: [urgent]
        risk: observe
      - {id: rollback, title: Roll back, run: touch rolled-back, risk: change, when: {answer: look.urgent, is: "yes"}}
      - {id: inform, title: Inform the lead, notify: [lead], when: {answer: look.urgent, is: "yes"}}
      - {id: mourn, title: Say sorry, when: {failed: rollback}}
"""
