"""The rooms and what each may import: a room that reaches upwards, or a circle, is seen here."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for top in ("envs", "agents")
    for path in sorted((ROOT / top).rglob("*.py"))
}

# Each room and the rooms that it may import. A room's inner rooms (attacks.search, report.html) count
# as part of it; a name with a dot after its room allows that one module.
ALLOWED = {
    "envs.clip": [],
    "envs.cache_folder": [],
    "envs.impostor": [],
    "envs.text_file": ["envs.impostor"],
    "envs.h264": ["envs.clip"],
    "envs.distortions": ["envs.clip"],
    "envs.datasets": [
        *("envs.clip", "envs.cache_folder", "envs.impostor", "envs.text_file"),
        "envs.victims.labels",  # class names, which a list of clips may number
    ],
    "envs.victims": [
        *("envs.clip", "envs.cache_folder", "envs.h264", "envs.impostor", "envs.text_file"),
        *("envs.distortions", "envs.datasets"),
    ],
    "envs.metrics": ["envs.clip", "envs.text_file", "envs.victims"],
    "envs.game": [
        *("envs.clip", "envs.cache_folder", "envs.distortions", "envs.datasets", "envs.victims"),
        "envs.metrics",
    ],
    "envs.video_attack_v1": ["envs.game", "envs.datasets", "envs.distortions", "envs.victims"],
    "agents.core": [],
    "agents.policy": ["agents.core"],
    "agents.video": ["agents.core"],
    "agents.attacks": ["agents.core", "agents.policy"],
    "agents.finetune": ["agents.core", "agents.setup"],
    "agents.report": ["agents.core", "agents.video", "agents.attacks.base"],
    "agents.setup": ["agents.core", "agents.policy", "agents.attacks.base"],
    "agents.configs": ["agents.core", "agents.setup"],
    "agents.cluster": ["agents.core", "agents.setup"],
    "agents.robustness": ["agents.core", "agents.configs", "agents.setup", "agents.attacks"],
    "agents.evaluation": [
        *("agents.core", "agents.setup", "agents.attacks", "agents.video", "agents.report"),
        "agents.cluster",  # for the workers
    ],
    "agents.training": [
        *("agents.core", "agents.policy", "agents.setup", "agents.attacks", "agents.report"),
        *("agents.cluster", "agents.evaluation"),
    ],
    "agents.audit": [
        *("agents.core", "agents.configs", "agents.setup", "agents.report"),
        "agents.evaluation.codec_in_loop",
    ],
    "agents.commands": [
        *("agents.core", "agents.configs", "agents.setup", "agents.attacks", "agents.finetune"),
        *("agents.training", "agents.evaluation", "agents.audit"),
    ],
}
# `python -m video_attack.agents.verify` and the like: doors that know only their command.
DOORS = {f"agents.{name}" for name in ("verify", "transfer", "tables", "finetune", "leaderboard")}
RAY = ("agents.cluster", "agents.training", "agents.evaluation.workers")
HYDRA = ("agents.configs", "agents.commands", "agents.audit.transfer")


def imported(path: Path) -> set[str]:
    """Modules that a file imports anywhere in it, lazily included; names for type checking are not."""
    tree = ast.parse(path.read_text())
    skipped = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    found = set()
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: imports are absolute"
            base = node.module or ""
            inner = {f"{base}.{a.name}".removeprefix("video_attack.") for a in node.names}
            found |= (inner & MODULES.keys()) or {base}
    return {name.removeprefix("video_attack.") for name in found}


IMPORTS = {name: imported(path) for name, path in MODULES.items()}


def within(name: str, place: str) -> bool:
    return name == place or name.startswith(f"{place}.")


def room(name: str) -> str:
    return ".".join(name.split(".")[:2])


@pytest.mark.parametrize("name", [name for name in MODULES if "." in name])
def test_a_module_imports_only_what_its_room_may(name: str) -> None:
    ours = {other for other in IMPORTS[name] if within(other, "envs") or within(other, "agents")}
    if name.endswith(".__main__") and room(name) in DOORS:
        assert ours == {f"agents.commands.{room(name).partition('.')[2]}"}
        return
    if room(name) in DOORS and room(name) not in ALLOWED:
        assert not ours
        return
    allowed = [room(name), *ALLOWED[room(name)]]
    if within(name, "agents"):
        allowed.append("envs")
    wrong = [other for other in ours if not any(within(other, place) for place in allowed)]
    assert not wrong, f"{name} may not import {wrong}: see ALLOWED"


def test_no_circles() -> None:
    # What is allowed as one module does not make its whole room a lower one.
    rooms = {name: {*others} - {name} for name, others in ALLOWED.items()}
    modules = {name: others & MODULES.keys() for name, others in IMPORTS.items()}
    for graph in (rooms, modules):
        TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_ray_and_hydra_stay_in_their_rooms() -> None:
    for libraries, places in ((("ray",), RAY), (("hydra", "omegaconf"), HYDRA)):
        users = {
            name
            for name, others in IMPORTS.items()
            if any(within(other, library) for other in others for library in libraries)
        }
        strays = [name for name in users if not any(within(name, place) for place in places)]
        assert users and not strays, f"{libraries[0]} is imported by {strays}"


def test_everything_is_imported_by_its_one_name() -> None:
    files = [*MODULES.values(), *ROOT.glob("*.py")]
    files += [path for top in ("tests", "benchmarks") for path in (ROOT / top).glob("*.py")]
    for path in files:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            old = [name for name in names if name.split(".")[0] in ("envs", "agents")]
            assert not old, f"{path.relative_to(ROOT)}: write video_attack.{old[0]}"


def test_every_room_says_what_it_is_for() -> None:
    for folder in {path.parent for path in MODULES.values()}:
        text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text()))
        assert text, f"{folder.relative_to(ROOT)}/__init__.py has no docstring"
