"""Verify a run from its files alone: `python -m video_attack.agents.verify RUN_FOLDER [trust=true]`.

Reads the records, decodes the stored clips, asks the victim about each once, and recomputes what the
records claim. Nothing but the victim (and the codec, where one was put before it) is shared with what
made them: no ledger, no attack, no metric. Exits with 1 when anything disagrees, and names the clip.
"""

import argparse
import itertools
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import yaml
from numpy.typing import NDArray

from video_attack.agents.core.errors import USER_ERRORS
from video_attack.agents.core.renamed import refuse_old_keys
from video_attack.agents.core.trust import inside, vet
from video_attack.agents.evaluation.codec_in_loop import parse_codec
from video_attack.agents.setup.attack_setup import make_victim
from video_attack.envs.metrics.record import Record, read_records
from video_attack.envs.victims.base import Victim

Pictures = NDArray[np.uint8]
TOLERANCE = 1e-6  # relative, of a norm: more than another order of summation can explain
ROUNDED = 1e-5  # relative, of a norm in a curve, which has six digits
KEPT = {
    "l2": "l2",
    "l1": "map",
    "l0": "l0_pixels",
    "linf": "linf",
}  # what env.norm keeps the least of


class Asker:
    """Asks the victim about stored clips, about each distinct file once.

    Args:
        victim: as the run's configuration says.
        folder: the run's; files are named relative to it.
    """

    def __init__(self, victim: Victim, folder: Path) -> None:
        self.victim, self.folder = victim, folder
        self._answers: dict[tuple[str, str | None], int] = {}

    def pictures(self, name: str) -> Pictures:
        """All pictures of a file as uint8 RGB (T, H, W, 3).

        Raises:
            ValueError: they are not what the victim takes.
        """
        # As what it should be: other formats may name further files and addresses.
        with av.open(str(inside(self.folder, name)), format="matroska") as file:
            found = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
        wanted = self.victim.sampling
        if {len(found), *(f.shape for f in found)} != {wanted.frames, (wanted.size,) * 2 + (3,)}:
            raise ValueError(
                f"{name} has not the {wanted.frames} frames of {wanted.size} x {wanted.size} pixels "
                "that the victim takes"
            )
        return np.stack(found)

    def predicted(self, name: str, codec: str | None = None) -> int:
        """The victim's class for a file, which first passes through a codec if one is named."""
        if (name, codec) not in self._answers:
            scores = parse_codec(codec)(self.victim).scores(self.pictures(name)[None])
            self._answers[name, codec] = int(scores[0].argmax())
        return self._answers[name, codec]


def verify(folder: Path, victim: Victim, config: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Check all records of a run.

    Args:
        folder: holds records.jsonl and the files that its records name.
        victim: the one that was attacked.
        config: the run's; `bound` is read, eps in levels of 0-255 and radius, the L2 norm on the
            [0, 1] scale (absent or None: no such bound), and `env.norm`, of which the stored clip must
            have the curve's least (absent: not checked).

    Returns:
        A table, one line an attack, and one sentence for each disagreement.
    """
    records = list(read_records(folder / "records.jsonl"))
    asker = Asker(victim, folder)
    kept = KEPT.get((config.get("env") or {}).get("norm", ""))
    bound = config.get("bound") or {}
    problems: list[str] = [] if records else ["records.jsonl holds no record"]
    lines = [["attack", "records", "attacked", "successes", "verified"]]
    for attack in dict.fromkeys(str(record["attack"]) for record in records):
        own = [record for record in records if str(record["attack"]) == attack]
        verified = 0
        for record in own:
            wrong = [*disagreements(record, asker, bound), *kept_disagreements(record, kept)]
            problems += [f"{attack}, clip {record['id']}: {sentence}" for sentence in wrong]
            verified += bool(record["success"]) and not wrong
        twice = [clip for clip, n in Counter(record["id"] for record in own).items() if n > 1]
        problems += [f"{attack}, clip {clip}: has more than one record" for clip in twice]
        numbers = [len(own), *(sum(r[k] for r in own) for k in ("attacked", "success")), verified]
        lines.append([attack, *map(str, numbers)])
    return align(lines), problems


def disagreements(record: Record, asker: Asker, bound: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with one record, a sentence each."""
    try:
        yield from count_disagreements(record, asker.victim.classes)
        if record["success"]:
            yield from file_disagreements(record, asker, bound)
    except KeyError as missing:
        yield f"the record lacks {missing}"
    except (OSError, ValueError, av.error.FFmpegError) as error:
        yield f"its files cannot be checked ({error})"


def count_disagreements(record: Record, classes: Sequence[str]) -> Iterator[str]:
    """What a record says against itself."""
    label, first = record["label"], record["first_success"]
    if not 0 <= label < len(classes) or classes[label] != record["class"]:
        yield f"label {label} is not the class {record['class']!r} of this victim"
    if not 1 <= record["queries"] <= record["budget"]:
        yield f"{record['queries']} queries with a budget of {record['budget']}"
    if not record["success"]:
        return
    if not record["attacked"]:
        yield "a success on a clip that was not attacked"
    if first is None or not 1 < first <= record["queries"]:  # the first query is the clean clip
        yield f"its first success is query {first} of {record['queries']}"
        return
    for name, curve in (record.get("curves") or {}).items():
        yield from curve_disagreements(name, curve, first, record)


def curve_disagreements(
    name: str, curve: Sequence[Sequence[float]], first: int, record: Record
) -> Iterator[str]:
    """What a curve of norm against queries says against its record."""
    queries, sizes_ = [query for query, _ in curve], [size for _, size in curve]
    if not curve or queries[0] != first or queries[-1] > record["queries"]:
        yield f"its curve of {name} does not run from query {first} to {record['queries']} at most"
    elif any(b <= a for a, b in itertools.pairwise(queries)):
        yield f"the queries of its curve of {name} do not rise"
    elif any(b >= a for a, b in itertools.pairwise(sizes_)):
        yield f"its curve of {name} does not fall"
    elif sizes_[-1] > record[name] * (1 + ROUNDED):
        yield f"its curve of {name} ends at {sizes_[-1]}, above the stored clip's {record[name]:.6g}"


def kept_disagreements(record: Record, kept: str | None) -> Iterator[str]:
    """Whether the stored clip is the smallest success that the curve knows, in the norm that was kept."""
    curve = (record.get("curves") or {}).get(kept)
    if kept and curve and record.get(kept) and abs(curve[-1][1] / record[kept] - 1) > ROUNDED:
        yield f"its curve of {kept} ends at {curve[-1][1]}, the stored clip has {record[kept]:.6g}"


def file_disagreements(record: Record, asker: Asker, bound: Mapping[str, Any]) -> Iterator[str]:
    """What the files of a success say against its record."""
    label, target, codec = record["label"], record["target"], record.get("codec_in_loop")
    clean, adversarial = record["clean_file"], record["clip_file"]
    classes = asker.victim.classes
    if not clean or not adversarial:
        yield "a success without its files"
        return

    def reached(seen: int) -> bool:
        return seen != label if target is None else seen == target

    before, after = asker.predicted(clean, codec), asker.predicted(adversarial, codec)
    if before != label:
        yield f"the victim takes the clean clip for {classes[before]!r}, not {record['class']!r}"
    if not reached(after):
        yield f"the victim takes the stored clip for {classes[after]!r}: no success"
    lossless = {**record, **(record.get("delivered") or {})}.get("ffv1")
    if lossless is not None and lossless != reached(asker.predicted(adversarial)):
        yield f"ffv1={lossless}, but the victim answers the stored clip otherwise"
    found = sizes(asker.pictures(clean), asker.pictures(adversarial))
    for name, value in found.items():
        stated = record[name] if name in ("l2", "linf") else record.get(name, value)
        if not np.isclose(stated, value, rtol=TOLERANCE, atol=1e-12):
            yield f"{name}={stated}, but the files say {value:.6g}"
    eps, radius = bound.get("eps"), bound.get("radius")
    if eps is not None and round(255 * found["linf"]) > eps:
        yield f"a value moved by {round(255 * found['linf'])} levels, more than the bound of {eps}"
    if radius is not None and found["l2"] > radius * (1 + TOLERANCE):
        yield f"the clip is moved by {found['l2']:.6g} (L2), more than the bound of {radius}"


def sizes(clean: Pictures, adversarial: Pictures) -> dict[str, float]:
    """Norms on the [0, 1] scale, the mean on 0-255, shares of pixels and frames that changed."""
    moved = adversarial.astype(np.int64) - clean.astype(np.int64)
    touched = (moved != 0).any(axis=3)
    return {
        "l2": int((moved * moved).sum()) ** 0.5 / 255,
        "linf": int(abs(moved).max()) / 255,
        "map": int(abs(moved).sum()) / moved.size,
        "l0_pixels": int(touched.sum()) / touched.size,
        "l0_frames": int(touched.any(axis=(1, 2)).sum()) / len(touched),
    }


def align(lines: Sequence[Sequence[str]]) -> str:
    """Columns of equal width, the first to the left."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table and the disagreements; 0 when there is none, else 1."""
    parser = argparse.ArgumentParser(
        prog="python -m video_attack.agents.verify", description=__doc__
    )
    parser.add_argument("run_folder", type=Path, help="a run of evaluate.py")
    parser.add_argument(
        "trust", nargs="?", choices=("trust=true", "trust=false"), default="trust=false",
        help="true: run components that the folder names, though they are not this project's",
    )  # fmt: skip
    given = parser.parse_args(arguments)
    folder = given.run_folder
    try:
        config = yaml.safe_load((folder / "config.yaml").read_text())
        if not isinstance(config, dict) or not {"model", "defence"} <= config.keys():
            raise ValueError("config.yaml names no model and defence")
        refuse_old_keys({"model": config["model"]}, folder / "config.yaml")
        if given.trust == "trust=false":
            for group in ("model", "defence"):
                vet(group, config[group], folder / "config.yaml")
        table, problems = verify(folder, make_victim(config), config)
    except (OSError, ValueError, yaml.YAMLError, *USER_ERRORS) as error:
        sys.exit(f"error: {folder} cannot be verified ({error})")
    print(table, *problems, sep="\n")
    print(f"{len(problems)} disagreements" if problems else "all records agree with their files")
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
