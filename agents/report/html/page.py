"""report.html: one page, without the network, made from the files of an evaluation run."""

from pathlib import Path

from video_attack.agents.core.files import write_whole
from video_attack.agents.report.html.cases import cases_section
from video_attack.agents.report.html.curves import curves_section
from video_attack.agents.report.html.maps import maps_section
from video_attack.agents.report.html.markup import Markup, escaped, join, tag
from video_attack.agents.report.html.sheets import (
    attacks_table,
    classes_table,
    facts_table,
    pairs_table,
)
from video_attack.agents.report.html.style import CSS
from video_attack.agents.report.html.tradeoff_section import tradeoff_section
from video_attack.agents.report.html.words import COUNTED, lead, warnings
from video_attack.agents.report.run_files import Run, read_run
from video_attack.agents.report.victim_name import victim_name
from video_attack.envs.metrics.tradeoff import FOLLOWED

# Whatever a name in the records may hold, a browser loads and runs nothing.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:"


def write_report(folder: Path) -> Path:
    """Write report.html into the folder of an evaluation run, from its files and nothing else.

    Read are config.yaml, run.json, records.jsonl, and the clips and notes that the records name;
    all but the records may be missing, and the same files give the same page.

    Args:
        folder: of the run.

    Returns:
        The page's path.

    Raises:
        FileNotFoundError: the folder holds no record.
        OSError: the page cannot be written; an older one is left as it was.
    """
    run = read_run(folder)
    path = folder / "report.html"
    write_whole(path, page(run).encode())
    return path


def page(run: Run) -> str:
    """The whole page."""
    title = f"How robust is {victim_name(run.config, 'this video classifier')}?"
    head = [
        Markup('<meta charset="utf-8">'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{escaped(POLICY)}">'),
        tag("title", title),
        tag("style", Markup(CSS)),
    ]
    opening = [tag("div", *lead(run), class_="lead"), *warnings(run)]
    body = tag("main", tag("h1", title), *opening, *_sections(run))
    return f'<!doctype html>\n<html lang="en">{tag("head", *head)}{tag("body", body)}</html>\n'


def _sections(run: Run) -> list[Markup]:
    found = run.records
    norm = FOLLOWED.get((run.config.get("env") or {}).get("norm", "l2"), "l2")
    parts = {}
    if any(record["attacked"] for records in found.values() for record in records):
        parts["Norm against queries"] = tradeoff_section(found, norm)
    parts |= {
        "The attacks": attacks_table(found),
        "Success against its cost": curves_section(found),
        "Cases to look at": cases_section(run),
        "Where and when": maps_section(run),
        "Classes": classes_table(found),
    }
    if len(found) > 1:
        parts[f"{next(iter(found))} against the others"] = pairs_table(found)
    parts["How it was counted"] = tag("ul", *(tag("li", sentence) for sentence in COUNTED))
    parts["How to repeat it"] = _origin(run)
    return [tag("section", tag("h2", title), body) for title, body in parts.items()]


def _origin(run: Run) -> Markup:
    facts = {key: value for key, value in run.origin.items() if key != "classes"}
    seeds = sorted({str(r.get("seed")) for records in run.records.values() for r in records})
    facts.setdefault("seed", ", ".join(seeds))
    parts = [facts_table(facts)]
    if run.config_text:
        shown = tag("summary", "The exact configuration (config.yaml)")
        parts.append(tag("details", shown, tag("pre", run.config_text), class_="printed"))
    return join(parts)
