"""The style of the status page: one column on a phone, two beside one another where there is room; light and dark."""

CSS = """\
html { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif;
  --ink: #1b1f24; --faint: #57606a; --back: #f6f7f9; --card: #fff; --rule: #d5d9df; --bar: #2c6fbb;
  --bad: #b42318; --warn: #8a5a00; --good: #1a7f37; }
@media (prefers-color-scheme: dark) { html { --ink: #e6e9ed; --faint: #a0a8b3; --back: #14171b; --card: #1d2126;
  --rule: #343a42; --bar: #6ea8e6; --bad: #ff8a80; --warn: #e8b44c; --good: #6fce85; } }
body { margin: 0 auto; max-width: 64rem; padding: 1rem; color: var(--ink); background: var(--back);
  overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: .25rem 0; }
h2 { font-size: 1rem; margin: 0 0 .5rem; }
p { margin: .25rem 0; white-space: pre-line; }
.badges span { display: inline-block; border: 1px solid currentColor; border-radius: .25rem; padding: 0 .5rem;
  margin: 0 .5rem .25rem 0; font-weight: 600; }
.bad { color: var(--bad); } .warn { color: var(--warn); } .good { color: var(--good); }
.faint, time, footer { color: var(--faint); font-variant-numeric: tabular-nums; }
.rehearsal { border: 2px solid var(--warn); color: var(--warn); padding: .25rem .75rem; font-weight: 600; }
main { display: grid; gap: 1rem; margin: 1rem 0; }
section { background: var(--card); border: 1px solid var(--rule); border-radius: .5rem; padding: .75rem 1rem;
  min-width: 0; }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .25rem 1rem; margin: 0; }
dt { color: var(--faint); } dd { margin: 0; }
ol, ul { list-style: none; margin: 0; padding: 0; }
li { padding: .35rem 0; border-top: 1px solid var(--rule); } li:first-child { border-top: 0; }
.phase { display: grid; grid-template-columns: minmax(0, 1fr) max-content; column-gap: 1rem; }
progress { grid-column: 1 / -1; width: 100%; height: .4rem; accent-color: var(--bar); }
footer { font-size: .875rem; }
@media (min-width: 52rem) { main { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); }
  .wide { grid-column: 1 / -1; } }
@media print { body { max-width: none; } section { break-inside: avoid; } }
"""
