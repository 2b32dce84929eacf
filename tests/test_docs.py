"""Protects the documentation: links lead somewhere, every attack has a section, commands name what exists,
the notebook's cells run, and the checks of pre-commit are those of CI."""

import json
import re
from pathlib import Path

import matplotlib
import pytest
import yaml

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
LINK = re.compile(r"\[[^]\[]*\]\(([^)\s]+)\)")
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as MkDocs and GitHub make them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(COMMENT.sub("", page.read_text())):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), f"{page.name}: {link}"
        assert not anchor or anchor in anchors(target), f"{page.name}: {link}"


def test_marked_files_exist() -> None:
    for page in PAGES:
        text = page.read_text()
        for name in re.findall(r"<!-- (?:keys|file): (\S+) -->", text):
            assert (ROOT / name).is_file(), f"{page.name}: {name}"


def test_every_choice_of_a_group_is_in_the_pages() -> None:
    text = {page.stem: page.read_text() for page in (ROOT / "docs").glob("*.md")}
    pages = {"attack": "attacks", "bound": "distortions", "dataset": "datasets", "model": "victims",
             "distortion": "distortions", "defence": "distortions"}  # fmt: skip
    for group, page in pages.items():
        for file in (ROOT / "conf" / group).glob("*.yaml"):
            if (group, file.stem) != ("defence", "none"):
                assert f"`{file.stem}`" in text[page], f"{page}.md does not mention {file}"


def test_choices_in_commands_exist() -> None:
    groups = {folder.name for folder in (ROOT / "conf").iterdir() if folder.is_dir()}
    own = {"mine", "a", "b", "c", "null"}  # of the guides, and Hydra's own
    own |= {file.stem for file in (ROOT / "examples/plugins/conf").rglob("*.yaml")}
    for page in PAGES:
        for group, choices in re.findall(
            r"(?<![\w.])([a-z]+)=([a-z][a-z0-9_,|]*)", page.read_text()
        ):
            for choice in re.split(r"[,|]", choices) if group in groups else ():
                file = ROOT / "conf" / group / f"{choice}.yaml"
                assert file.exists() or choice in own, f"{page.name}: {group}={choice}"


def test_the_map_names_every_room_and_nothing_else() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    commands = ("leaderboard", "tables", "transfer")  # named by `agents/verify and the like`
    for folder in [*(ROOT / "agents").iterdir(), *(ROOT / "envs").iterdir()]:
        if (folder / "__init__.py").is_file() and folder.name not in commands:
            assert f"`{folder.parent.name}/{folder.name}`" in text, f"no room {folder}"
    for page in ("CONTRIBUTING.md", "docs/index.md"):
        for name in re.findall(r"`((?:agents|envs|conf)/[\w/.]*)`", (ROOT / page).read_text()):
            assert (ROOT / name).exists(), f"{page}: {name}"


def test_the_five_questions_are_answered_where_code_is_asked_for() -> None:
    """A reader who asks where something happens finds the very function."""
    for page in ("CONTRIBUTING.md", "docs/index.md"):
        text = (ROOT / page).read_text()
        for words, file, names in (
            ("a query counted", "envs/game/ledger.py", ("def run_batched", "def reserve")),
            ("the reward", "envs/game/episode.py", ("class Episode", "def finish")),
            ("AQ computed", "envs/metrics/summary.py", ("def summary", '"aq"')),
            ("PPO configured", "agents/training/ppo.py", ("PPOConfig",)),
            ("a victim", "", ()),
        ):
            (row,) = (r for r in text.splitlines() if re.match(rf"\| where [^|]*{words}", r))
            assert file in row, f"{page}: {words}"
            assert all(name in (ROOT / file).read_text() for name in names), f"{page}: {words}"


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120


def test_the_notebook_runs() -> None:
    matplotlib.use("Agg")
    cells = json.loads((ROOT / "examples/quickstart.ipynb").read_text())["cells"]
    names: dict[str, object] = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
            assert not cell["outputs"], "the notebook is kept without outputs"


def test_precommit_has_the_checks_of_ci() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    run = (ROOT / ".ci/run").read_text().splitlines()
    for hook in hooks:
        assert hook["entry"] in run, hook["entry"]
