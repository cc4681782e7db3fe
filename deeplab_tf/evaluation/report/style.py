"""How a report looks."""

# Series are of middle lightness, to stand out on both backgrounds; cells leave text readable.
STYLE = """
:root { color-scheme: light dark; --page: #fff; --text: #1c2026; --quiet: #5a626d;
  --line: #dde1e6; --shade: #f4f6f8; --right: 68 141 222; --wrong: 222 110 50; }
@media (prefers-color-scheme: dark) {
  :root { --page: #14171b; --text: #e8eaed; --quiet: #a3abb5; --line: #343a42; --shade: #1c2026;
    --right: 31 95 191; --wrong: 180 65 18; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text);
  font: 15px/1.45 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 1240px; margin: 0 auto; padding: 24px 20px 60px; }
h1 { font-size: 1.6rem; margin: 0 0 .3em; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.2em 0 .6em; padding-bottom: .25em;
  border-bottom: 1px solid var(--line); }
h3 { font-size: 1.05rem; margin: 1.6em 0 .4em; }
h4 { font-size: .95rem; margin: 1em 0 .35em; overflow-wrap: anywhere; }
h4 small { margin-left: .8em; font-weight: normal; }
small, .note, caption, figcaption { color: var(--quiet); }
small { font-size: .82em; }
.note { max-width: 75ch; margin: .4em 0 .8em; }
.tiles { display: flex; flex-wrap: wrap; gap: 12px; margin-top: 1em; }
.tiles > div { display: flex; flex-direction: column; min-width: 10em; padding: .7em 1em;
  border: 1px solid var(--line); border-radius: 6px; background: var(--shade); }
.tiles strong { font-size: 1.9rem; line-height: 1.25; font-variant-numeric: tabular-nums; }
.tiles strong small { margin-left: .2em; font-size: .5em; }

.scroll { overflow: auto; max-height: 92vh; margin-bottom: 1em; }
.scroll thead th { position: sticky; top: 0; background: var(--page); }
@media print { .scroll { max-height: none; } }
table { border-collapse: collapse; }
caption { text-align: left; padding-bottom: .5em; font-size: .87em; }
th, td { padding: .28em .7em; text-align: left; vertical-align: middle; }
thead th { vertical-align: bottom; font-size: .87em; }
tbody tr { border-top: 1px solid var(--line); }
tbody th { font-weight: normal; }
td { overflow-wrap: anywhere; }
.numbers td, .numbers thead th { text-align: right; font-variant-numeric: tabular-nums; }
.numbers tbody th { white-space: nowrap; }
.numbers thead th:first-child { text-align: left; }
.numbers tbody tr:hover { background: var(--shade); }
.numbers td { white-space: nowrap; }
.numbers thead th { max-width: 12em; overflow-wrap: break-word; }
td small { display: inline-block; min-width: 3.6em; margin-left: .4em; }
th small { margin-left: .5em; }
.swatch { display: inline-block; width: .85em; height: .85em; margin-right: .45em;
  vertical-align: -.08em; border-radius: 2px; border: 1px solid rgb(128 128 128 / .6); }
.legend { display: flex; flex-wrap: wrap; gap: .25em 1.2em; margin: .5em 0; font-size: .92em; }
details { margin: .8em 0; }
summary { cursor: pointer; color: var(--quiet); }

.bars, .scale { width: 22em; min-width: 9em; }
.bars { display: block; width: 100%; background: linear-gradient(to right,
  transparent calc(50% - .5px), var(--line) 0 calc(50% + .5px), transparent 0) var(--shade); }
.numbers .scale { max-width: none; font-weight: normal; color: var(--quiet); }
.scale span:last-child { float: right; }
.scale span:first-child { float: left; }
.series0 { fill: #868b94; stroke: #868b94; background: #868b94; }
.series1 { fill: #2f7fd1; stroke: #2f7fd1; background: #2f7fd1; }
.series2 { fill: #d9702b; stroke: #d9702b; background: #d9702b; }
.series3 { fill: #2b9a66; stroke: #2b9a66; background: #2b9a66; }
.series4 { fill: #9b6bd3; stroke: #9b6bd3; background: #9b6bd3; }
.series5 { fill: #d1477a; stroke: #d1477a; background: #d1477a; }
.bars rect { stroke: none; }

.charts { display: grid; gap: 1em 2em;
  grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); }
figure { margin: 0; }
figcaption { font-size: .87em; }
.curves text, .heat text { font-size: 12px; fill: var(--quiet); }
.curves path { fill: none; stroke-width: 2.5; stroke-linejoin: round; }
.curves path:nth-of-type(even) { stroke-dasharray: 8 4; }
.curves .grid { stroke: var(--line); }

.matrix { font-size: .8rem; font-variant-numeric: tabular-nums; }
.matrix td { min-width: 2.7em; padding: .32em .3em; text-align: center;
  border: 1px solid var(--page); }
.matrix tbody tr { border: none; }
.matrix tbody th { text-align: right; white-space: nowrap; }
.matrix thead th { text-align: center; font-weight: normal; }
.matrix thead th span { writing-mode: vertical-rl; transform: rotate(180deg); white-space: nowrap; }
.matrix .right { background: rgb(var(--right) / var(--strength)); }
.matrix .wrong { background: rgb(var(--wrong) / var(--strength)); }
.matrix .none { color: var(--quiet); }
.beside { display: flex; flex-wrap: wrap; gap: 1em 4em; align-items: flex-start; }
.beside > * { max-width: 100%; }
.beside > figure { flex: 1 1 700px; }
.heat { width: 100%; max-width: 1000px; margin-bottom: 1em; }
.heat .frame { fill: var(--shade); stroke: var(--line); }
.heat .right { fill: rgb(var(--right)); }
.heat .wrong { fill: rgb(var(--wrong)); }

.images { display: grid; gap: 8px; grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); }
.images img { display: block; width: 100%; border-radius: 3px; }
"""
