"""How the report looks: the colours of the attacks and the page's style sheet."""

from video_attack.agents.report.html.markup import Markup, tag

# Readable on white and on near-black, and told apart by most colour-blind readers.
COLOURS = ("#2f7ed8", "#e0701a", "#2a9d5c", "#c2397f", "#8b6fd6",
           "#b8930a", "#17a2a8", "#d0453a", "#7f8790", "#9a6540")  # fmt: skip
DASHES = ("solid", "dashed", "dotted", "dashdot")


def line(number: int) -> tuple[str, str]:
    """Colour and line style of the attack of that number, the same in all pictures."""
    return COLOURS[number % len(COLOURS)], DASHES[number // len(COLOURS) % len(DASHES)]


def swatch(number: int) -> Markup:
    """A sample of an attack's line."""
    colour, dash = line(number)
    kind = {"dashdot": "double"}.get(dash, dash)  # CSS has no dash-dot
    return tag("span", class_="swatch", style=f"border-top: 4px {kind} {colour}")


CSS = """
:root { color-scheme: light dark; --ink: #1b1f24; --faint: #5b6470; --page: #fff; --box: #f4f6f8;
  --rule: #d5dae0; --best: #d9f0e0; --lead: #2f7ed8; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7eb; --faint: #9aa3ae; --page: #15181c;
  --box: #1e2329; --rule: #363d46; --best: #1f4a30; --lead: #5b9fe8; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 1280px; margin: 0 auto; padding: 24px 20px 60px; }
h1 { font-size: 1.9em; line-height: 1.2; margin: .2em 0 .6em; }
h2 { font-size: 1.3em; margin: 2em 0 .5em; padding-top: .5em; border-top: 1px solid var(--rule); }
h3 { font-size: 1.05em; margin: 1.2em 0 .4em; }
h1, h2, h3, p, li, td, th, summary { overflow-wrap: anywhere; }
.lead { border-left: 5px solid var(--lead); padding: .2em 0 .2em 1em; font-size: 1.12em; }
.lead p { margin: .5em 0; }
.hint { border-left: 5px solid #c2397f; padding: .1em 0 .1em 1em; margin: 1em 0; }
.note, figcaption { color: var(--faint); font-size: .88em; margin: .5em 0; }
.wide { overflow-x: auto; margin: .6em 0; }
table { border-collapse: collapse; font-size: .84em; font-variant-numeric: tabular-nums; }
th, td { padding: .4em .45em; border-bottom: 1px solid var(--rule); text-align: right;
  vertical-align: top; overflow-wrap: normal; }
tbody td { white-space: nowrap; }
thead th { font-weight: 600; color: var(--faint); vertical-align: bottom; line-height: 1.25; }
thead th[colspan] { text-align: center; border-left: 1px solid var(--rule); }
th:first-child { text-align: left; }
tbody th { font-weight: 600; white-space: nowrap; }
td small { display: block; color: var(--faint); }
td.best { background: var(--best); font-weight: 700; }
table.heat td { text-align: center; min-width: 5em; }
table.heat td small { color: inherit; }
table.facts td { text-align: left; white-space: normal; overflow-wrap: anywhere; }
.tall { max-height: 36em; overflow-y: auto; }
.swatch { display: inline-block; width: 22px; vertical-align: middle; margin-right: .5em; }
.legend { list-style: none; padding: 0; margin: .4em 0; font-size: .9em;
  display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 340px), 1fr)); }
.pair, .cards { display: grid; gap: 16px; margin: .6em 0; }
.pair { grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); }
.cards { grid-template-columns: repeat(auto-fill, minmax(min(100%, 340px), 1fr)); }
.cards figure { background: var(--box); border-radius: 8px; padding: 10px 12px; }
figure { margin: 0; min-width: 0; }
svg { width: 100%; height: auto; display: block; }
svg * { stroke-linejoin: round; stroke-linecap: butt; }
.case { display: grid; grid-template-columns: minmax(0, 680px) minmax(0, 1fr); gap: 8px 20px;
  margin: 1em 0; align-items: start; }
.case ol { display: grid; grid-template-columns: repeat(3, 1fr); list-style: none; margin: 0;
  padding: 0; font-size: .85em; color: var(--faint); text-align: center; }
.case video { width: 100%; height: auto; display: block; background: #808080; image-rendering: pixelated; }
.case p { margin: .3em 0; }
.whole { white-space: nowrap; margin-right: .6em; }
figure h3 { margin: 0 0 .4em; }
details { margin: .6em 0; }
summary { cursor: pointer; font-weight: 600; padding: .3em 0; }
pre { background: var(--box); padding: 12px; border-radius: 8px; overflow-x: auto; font-size: .82em; }
@media (max-width: 760px) { body { font-size: 15px; } main { padding: 12px 12px 40px; }
  .case { grid-template-columns: minmax(0, 1fr); } .lead { font-size: 1.03em; } }
@media print { :root { color-scheme: light; --ink: #000; --faint: #444; --page: #fff; --box: #fff;
  --rule: #aaa; --best: #e4e4e4; --lead: #000; }
  body { font-size: 10.5pt; } main { max-width: none; padding: 0; } table { font-size: 7.5pt; }
  th, td { padding: .25em .3em; } table.heat td { min-width: 0; } tbody th { white-space: normal; }
  .wide, .tall { overflow: visible; max-height: none; }
  .case, .cards figure, .pair figure, tr { break-inside: avoid; } h2, h3 { break-after: avoid; }
  .pair { grid-template-columns: 1fr 1fr; } .cards { grid-template-columns: 1fr 1fr 1fr; }
  pre { white-space: pre-wrap; }
  details.printed::details-content { content-visibility: visible; height: auto; } }
"""
