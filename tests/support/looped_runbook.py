"""A runbook with loops, as several tests of the front ends run it."""

from __future__ import annotations

RUNBOOK = """\
midwatch: 1
id: loops
title: Certificates
severity: SEV-2
phases:
  - title: Look
    section: "1"
    steps:
      - id: read
        title: Read {{ item }}
        for_each: [web1, web2]
        run: echo "seen $HOST"
        env: {HOST: {from: item}}
        risk: observe
        parallel: 2
      - {id: load, title: Read the load, run: echo quiet, risk: observe}
  - title: Renew
    section: "2"
    steps:
      - id: renew
        title: Renew
        for_each: [web1, web2, web3]
        run: |
          [ ! -e "fail-$HOST" ] || exit 7
          echo "$HOST" >> ran
        undo: echo "$HOST" >> undone
        env: {HOST: {from: item}}
        risk: change
      - id: burn
        title: Burn
        for_each: [old1, old2]
        run: echo "$HOST" >> burnt
        env: {HOST: {from: item}}
        risk: destroy
"""
