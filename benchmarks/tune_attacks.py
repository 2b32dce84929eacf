"""Tune each competitor's main constants on validation clips, with the same few queries for each.

    python benchmarks/tune_attacks.py --attacks square simba_dct --clips 8 model=tiny3d bound=linf

Everything after the options goes to the configuration of evaluate.py. Each row is one value of one
constant, the others as shipped; every value meets the same clips with the same seeds, the budget and
the number of clips are the same for all. Test clips are not touched.

`area` is what the best row (*) of a constant has the least of: the lowest margin so far as a share of
the clean clip's, 0 from the first success on, averaged over the budget and the clips. It tells values
apart where few clips flip in so few queries. An attack that sees labels only has no margin; its best row
is that of the smallest mean log L2 at the budget (what is left of it after the first success is the
clean-up's), failures as the whole scale. Without a bound, queries and norm pay for each other: read
both columns.
"""

import argparse
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import hydra
import numpy as np
import torch
from omegaconf import OmegaConf

from video_attack.agents.attacks.base import Attack, Proposals, Task
from video_attack.agents.audit.verify import align
from video_attack.agents.configs.command_line import prepare
from video_attack.agents.evaluation.arena import attack_clips
from video_attack.agents.setup.attack_setup import build_setup

CONF = Path(__file__).parents[1] / "conf"
BLOCKS = [[1, 1], [1, 4], [1, 8], [1, 16], [2, 8]]
# The main constants of each attack: those of a bound with an edge (Linf, a distortion), and without.
EDGED: dict[str, dict[str, list[Any]]] = {
    "square": {
        "p_init": [0.05, 0.2, 0.4, 0.8],
        "flicker": [True, False],
        "windows": [None, [2, 4, 8, 16]],
    },
    "simba": {"frames": [1, 2, 4, 16]},
    "simba_dct": {
        "edge_step": [0.5, 1.0, 2.0, 4.0, 8.0],
        "frames": [4, 8, 16],
        "side": [7, 14, 28],
    },
    "signhunter": {"shuffle": [False, True]},
    "sparse_rs": {"pixels": [600, 6000, 60_000], "alpha": [0.1, 0.3]},
    "sparse_patch": {"area": [0.02, 0.1, 0.3], "alpha": [0.1, 0.4]},
    "nes": {"samples": [10, 20, 50], "block": BLOCKS},
    "vbad": {"samples": [12, 24, 48]},
    "geotrap": {"step": [0.0125, 0.025, 0.05], "min_levels": [2.0, 4.0, 8.0]},
    "me_sampler": {"step": [0.0125, 0.025, 0.05], "min_levels": [2.0, 4.0, 8.0]},
    "greedy": {"frames": [2, 4, 8]},
    "rlab": {"frames": [2, 4, 8, 16], "add": [2, 4, 8]},
    "simba_ods": {"edge_step": [0.1, 0.25, 0.5, 1.0]},
    "gfcs": {"edge_step": [0.1, 0.25, 0.5, 1.0]},
}
FREE: dict[str, dict[str, list[Any]]] = {
    "square": {"p_init": [0.05, 0.1, 0.4, 0.8], "radius": [5.0, 10.0, 20.0, 40.0]},
    "simba": {"levels": [4.0, 8.0, 16.0, 32.0], "frames": [1, 2, 4]},
    "simba_dct": {"step": [1.0, 2.0, 4.0, 8.0], "frames": [4, 8, 16], "side": [7, 14, 28]},
    "signhunter": {"levels": [2.0, 4.0, 8.0, 16.0]},
    "sparse_rs": {"pixels": [200, 600, 2000, 6000]},
    "sparse_patch": {"area": [0.01, 0.02, 0.1, 0.3]},
    "greedy": {"levels": [8.0, 16.0, 32.0, 64.0]},
    "rlab": {"levels": [8.0, 16.0, 32.0, 64.0]},
    "simba_ods": {"step": [1.0, 2.0, 4.0, 8.0]},
    "gfcs": {"step": [1.0, 2.0, 4.0, 8.0]},
    "rays": {"tolerance": [0.01, 0.05, 0.2]},
    "hopskipjump": {"probes": [10, 25, 50, 100], "block": BLOCKS},
    "surfree": {"low": [0.1, 0.15, 0.25, 0.5], "tries": [1, 2, 3]},
    "heuristic": {"block": BLOCKS},
}
LABEL_ONLY = ("rays", "hopskipjump", "surfree", "heuristic", "stde")
HEADER = ["attack", "constant", "value", "flipped", "AQ", "area", "median L2", "log L2", "s"]


def rows(setup: Any, attacks: Sequence[str], clips: int, width: int) -> Iterator[list[str]]:
    """One row for each value, the best of a constant marked by a star, the shipped one by (is)."""
    edged = setup.threat_model().bound.kind in ("linf", "distortion")
    grid = EDGED if edged else FREE
    for name in attacks or sorted(grid):
        shipped = OmegaConf.to_container(OmegaConf.load(CONF / f"attack/{name}.yaml"))
        assert isinstance(shipped, dict)
        shipped.pop("defaults", None)
        for key, values in grid[name].items():
            tried = [*values, *([] if shipped[key] in values else [shipped[key]])]
            found = [
                measured(setup, {**shipped, key: value}, clips, width)  # type: ignore[dict-item] # names
                for value in tried
            ]
            by = "log_l2" if name in LABEL_ONLY else "area"
            best = min(range(len(tried)), key=lambda i: found[i][by])
            for i, (value, figures) in enumerate(zip(tried, found, strict=True)):
                mark = (" *" if i == best else "") + (" (is)" if value == shipped[key] else "")
                yield [
                    name, key, f"{value}{mark}", f"{figures['flipped']:.0f}/{figures['clips']:.0f}",
                    f"{figures['aq']:.1f}", f"{figures['area']:.3f}", f"{figures['l2']:.1f}",
                    f"{figures['log_l2']:.2f}", f"{figures['seconds']:.0f}",
                ]  # fmt: skip


def measured(setup: Any, config: Mapping[str, Any], clips: int, width: int) -> dict[str, float]:
    """An attack on the first validation clips."""
    began = time.monotonic()
    attack = setup.attack(config)
    areas = watch_margins(attack)
    records = attack_clips(attack, setup, "validation", clips, seed=0, width=width)
    records = [record for record in records if record["attacked"]]
    flips = [record for record in records if record["success"]]
    spent = [r["first_success"] if r["success"] else r["budget"] for r in records]
    sampling = setup.victim.sampling
    whole = np.sqrt(3 * sampling.frames * sampling.size**2)
    norms = [max(r["l2"], 1 / 255) if r["success"] else whole for r in records]
    return {
        "clips": len(records), "flipped": len(flips), "aq": float(np.mean(spent)),
        "area": float(np.mean(areas)),
        "l2": float(np.median([r["l2"] for r in flips])) if flips else float("nan"),
        "log_l2": float(np.mean(np.log(norms))), "seconds": time.monotonic() - began,
    }  # fmt: skip


def watch_margins(attack: Attack) -> list[float]:
    """The area of each attacked clip, see above; the list fills as the attack runs."""
    areas: list[float] = []
    inner = attack.moves

    def moves(task: Task) -> Proposals:
        goal, coroutine, lowest = task.ledger.goal, inner(task), [1.0]
        clean = goal.gap(task.clean)
        try:
            request = next(coroutine)
            while True:
                answers = yield request
                for row in answers:
                    now = 0.0 if goal.reached(row) else goal.gap(row) / clean
                    lowest.append(min(lowest[-1], now))
                request = coroutine.send(answers)
        except StopIteration:
            return
        finally:
            rest = task.ledger.budget - len(lowest)
            areas.append(float(np.mean([*lowest, *[lowest[-1]] * rest])))

    attack.moves = moves  # type: ignore[method-assign] # this one instance
    return areas


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--attacks", nargs="*", default=[], help="names; none: all that have a list"
    )
    parser.add_argument("--clips", type=int, default=8, help="validation clips")
    parser.add_argument("--budget", type=int, default=100, help="queries a clip")
    parser.add_argument("--width", type=int, default=8, help="clips attacked side by side")
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch")
    parser.add_argument("--out", type=Path, help="a file for the table")
    options, overrides = parser.parse_known_args()
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    torch.set_num_threads(options.threads)
    prepare()
    own = ["checkpoint=null", "run_dir=.", "attack=square", f"env.budget={options.budget}"]
    with hydra.initialize_config_dir(str(CONF), version_base=None):
        config = hydra.compose("evaluate", [*own, *overrides])
    plain: Any = OmegaConf.to_container(config, resolve=True)
    if plain["bound"]["kind"] in ("l2", "none"):
        plain["env"]["cleanup"] = options.budget
    setup = build_setup(plain)
    table = [HEADER]
    for row in rows(setup, options.attacks, options.clips, options.width):
        table.append(row)
        print("  ".join(row), flush=True)
    text = align(table)
    print(text)
    if options.out:
        options.out.write_text(f"{' '.join(overrides)}, budget {options.budget}\n\n{text}\n")


if __name__ == "__main__":
    main()
