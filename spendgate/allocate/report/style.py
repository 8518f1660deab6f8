"""How the pages look: light and dark, narrow and wide, and on paper. Text keeps a contrast of at least 4.5 to 1."""

from typing import Final

STYLE: Final = """\
:root {
  color-scheme: light dark;
  --ground: #ffffff; --panel: #f6f7f9; --text: #1c2024; --soft: #5a6370; --rule: #dfe3e8;
  --link: #0b5cad; --good: #11652f; --good-ground: #e7f5ec; --bad: #a3180f; --bad-ground: #fdecea; --bar: #8fb6e3;
  --warn: #7a4b00; --warn-ground: #fdf1d8; --disputed: #e3b04b; --ownerless: #a99bd0; --lost: #d9645a;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14171b; --panel: #1d2127; --text: #e7eaee; --soft: #a4adb8; --rule: #343b44;
    --link: #8ec2ff; --good: #8fdcaa; --good-ground: #14301f; --bad: #ffb1a8; --bad-ground: #3d1a17; --bar: #3f6ea6;
    --warn: #f2c879; --warn-ground: #3a2c0f; --disputed: #b98628; --ownerless: #7a6bab; --lost: #c0544b;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-padding-top: 1rem; }
body {
  margin: 0 auto; max-width: 76rem; padding: 1.5rem clamp(0.9rem, 3vw, 2.5rem) 4rem;
  background: var(--ground); color: var(--text); font: 1rem/1.5 system-ui, "Segoe UI", "Noto Sans", sans-serif;
}
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 0.3rem; }
h2 { font-size: 1.3rem; margin: 3rem 0 0.6rem; padding-top: 0.8rem; border-top: 1px solid var(--rule); }
h3 { font-size: 1.05rem; margin: 1.8rem 0 0.4rem; }
p { margin: 0.4rem 0 0.9rem; max-width: 48rem; }
a { color: var(--link); text-underline-offset: 0.15em; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; border-radius: 2px; }
.soft, caption, .cards dt { color: var(--soft); }
.skip { position: absolute; left: -99rem; }
.skip:focus { position: static; }
nav ul { display: flex; flex-wrap: wrap; gap: 0.2rem 1.2rem; list-style: none; margin: 1rem 0; padding: 0; }
.verdict { padding: 0.7rem 1rem; border-left: 5px solid; border-radius: 3px; margin: 1.1rem 0; max-width: none; }
.good { color: var(--good); background: var(--good-ground); }
.bad { color: var(--bad); background: var(--bad-ground); }
.warn { color: var(--warn); background: var(--warn-ground); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: 0.7rem; margin: 1.1rem 0; }
.cards div { background: var(--panel); border-radius: 6px; padding: 0.7rem 0.9rem; }
.cards dd { margin: 0; font-size: 1.3rem; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.cards dd small { display: block; font-size: 0.8rem; color: var(--soft); }
.goes { margin: 0 0 1.2rem; }
.whole { display: flex; gap: 2px; height: 0.9rem; border-radius: 4px; overflow: hidden; }
.whole span { min-width: 3px; flex-basis: 0; }
.invoiced { background: var(--bar); }
.disputed { background: var(--disputed); }
.ownerless { background: var(--ownerless); }
.lost { background: var(--lost); }
.legend { display: flex; flex-wrap: wrap; gap: 0.1rem 1.3rem; list-style: none; margin: 0.4rem 0 0; padding: 0; }
.legend { font-size: 0.85rem; color: var(--soft); }
.dot { display: inline-block; width: 0.65rem; height: 0.65rem; border-radius: 2px; margin-right: 0.4rem; }
.first h2 { margin: 0.4rem 0 0.3rem; padding: 0; border: 0; font-size: 1.1rem; }
th small, td small, summary small { display: block; font-weight: 400; font-size: 0.85em; color: var(--soft); }
.scroll { overflow-x: auto; margin: 0.6rem 0 1.4rem; }
table { border-collapse: collapse; width: 100%; font-size: 0.92rem; }
caption { text-align: left; padding: 0 0 0.4rem; font-size: 0.88rem; }
th, td {
  text-align: left; vertical-align: top; padding: 0.38rem 0.9rem 0.38rem 0; border-bottom: 1px solid var(--rule);
}
th:last-child, td:last-child { padding-right: 0.2rem; }
thead th { color: var(--soft); font-weight: 600; white-space: nowrap; vertical-align: bottom; }
tbody th { font-weight: 500; }
tfoot th, tfoot td { font-weight: 700; border-bottom: 0; border-top: 2px solid var(--rule); }
td, tbody th { overflow-wrap: anywhere; max-width: 26rem; }
tbody th, td:not(.n):not(:empty) { min-width: 7.5rem; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.part { display: inline-flex; align-items: baseline; gap: 0.6rem; justify-content: flex-end; }
.part > :last-child { min-width: 3.2rem; }
.bar { display: block; align-self: center; height: 0.6rem; width: 5.5rem; background: var(--panel); }
.bar { border-radius: 2px; }
.bar span { display: block; height: 100%; background: var(--bar); border-radius: 2px; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(27rem, 100%), 1fr)); gap: 0 3rem; }
details { border: 1px solid var(--rule); border-radius: 6px; margin: 0.5rem 0; padding: 0 0.9rem; }
details[open] { padding-bottom: 0.6rem; }
summary { cursor: pointer; padding: 0.6rem 0; font-weight: 500; overflow-wrap: anywhere; }
summary .n { float: right; margin-left: 1rem; }
code, pre { font: 0.86em/1.5 ui-monospace, "DejaVu Sans Mono", monospace; }
code { overflow-wrap: anywhere; }
pre {
  background: var(--panel); padding: 0.7rem 0.9rem; border-radius: 6px; white-space: pre-wrap; overflow-wrap: anywhere;
}
.tag { background: var(--panel); border-radius: 3px; padding: 0.05rem 0.4rem; font-size: 0.82rem; white-space: nowrap; }
ul.notes { padding-left: 1.1rem; max-width: 60rem; }
footer { margin-top: 3rem; color: var(--soft); font-size: 0.88rem; }
@media (max-width: 68rem) { [aria-labelledby="budgets"] .bar { display: none; } }
@media (max-width: 40rem) {
  h2 { margin-top: 2.2rem; }
  table { font-size: 0.86rem; }
  .bar { display: none; }
  th, td { padding-right: 0.7rem; }
  .cards { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .cards dd { font-size: 1.05rem; }
}
@media print {
  :root {
    --ground: #fff; --panel: #f3f3f3; --text: #000; --soft: #444; --rule: #bbb; --link: #000;
    --good: #000; --good-ground: #fff; --bad: #000; --bad-ground: #fff; --bar: #999;
    --warn: #000; --warn-ground: #fff; --disputed: #666; --ownerless: #bbb; --lost: #222;
  }
  body { max-width: none; padding: 0; font-size: 9.5pt; }
  nav, .skip { display: none; }
  .bar, .bar span, .whole span, .dot { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  .scroll { overflow: visible; }
  tr, .cards div, summary { break-inside: avoid; }
  h2, h3, caption { break-after: avoid; }
  thead { display: table-header-group; }
  tfoot { display: table-row-group; }
}
"""
