"""The best, the median and the worst success of an attack, as videos inside the page."""

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from video_attack.agents.report.html.markup import Markup, data_uri, join, tag
from video_attack.agents.report.html.style import swatch
from video_attack.agents.report.run_files import Run
from video_attack.agents.video.write import write_video
from video_attack.envs.clip import Frames
from video_attack.envs.metrics.record import Record
from video_attack.envs.metrics.summary import CHECKS, first_flip

FPS = 8
GAP = 4  # pixels between the tiles
CRFS = (20, 26, 32, 38)
LARGEST = 200_000  # bytes of a video, unless even the last CRF needs more
KINDS = dict(zip(CHECKS, ("lossless", "CRF 18", "CRF 23", "CRF 28", "float32"), strict=True))


def cases_section(run: Run) -> Markup:
    """Cases of the first attack, and those of the others to be unfolded."""
    parts = []
    for i, (name, records) in enumerate(run.records.items()):
        shown = [_case(run, title, record) for title, record in choose_cases(records)]
        shown = [case for case in shown if case]
        flipped = sum(record["success"] for record in records)
        lost = "its clips were not kept" if flipped else "it flipped no clip"
        body = join(shown) if shown else tag("p", f"Nothing to show: {lost}.", class_="note")
        title = join([swatch(i), name])
        if i == 0:
            parts += [tag("h3", title), body]
        else:
            parts.append(tag("details", tag("summary", title), body))
    note = (
        "By L2 norm among the flipped clips. The difference is amplified around grey. What plays here "
        "is compressed to be watched; the exact clips are the files named beside."
    )
    return join([tag("p", note, class_="note"), *parts])


def choose_cases(records: Sequence[Record]) -> list[tuple[str, Record]]:
    """The best (least L2), the median and the worst success, each record once."""
    there = [r for r in records if r["success"] and math.isfinite(r["l2"]) and r.get("clip_file")]
    there.sort(key=lambda record: (record["l2"], record["id"]))
    last = len(there) - 1
    chosen = {0: "best", last: "worst", last // 2: "median"} if there else {}
    if last >= 0:
        chosen[0] = "best" if last else "only"
    return [(chosen[place], there[place]) for place in sorted(chosen)]


def triple(clean: Frames, clip: Frames) -> tuple[Frames, int]:
    """Clean, adversarial and amplified difference side by side, and the amplification.

    Args:
        clean: uint8 (T, H, W, 3).
        clip: uint8, the same shape.

    Returns:
        uint8 (T, H, 3 W + 2 GAP, 3), and the whole number by which the difference is multiplied:
        the largest that keeps it within 0-255 around grey (128), at least 1, where it is cut off.
    """
    delta = clip.astype(np.int16) - clean
    gain = max(1, 127 // max(1, int(np.abs(delta).max())))
    difference = np.clip(128 + gain * delta, 0, 255).astype(np.uint8)
    gap = np.full((*clean.shape[:2], GAP, 3), 128, np.uint8)
    return np.concatenate([clean, gap, clip, gap, difference], axis=2), gain


def small_mp4(frames: Frames) -> bytes:
    """An H.264 file of uint8 (T, H, W, 3), as good as LARGEST allows."""
    data = b""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "case.mp4"
        for crf in CRFS:
            write_video(path, frames, fps=FPS, crf=crf)
            data = path.read_bytes()
            if len(data) <= LARGEST:
                break
    return data


def _case(run: Run, title: str, record: Record) -> Markup | None:
    pair = run.clips(record)
    if pair is None:
        return None
    frames, gain = triple(*pair)
    names = tag("ol", *(tag("li", n) for n in ("clean", "adversarial", f"difference x {gain}")))
    video = tag(
        "video", src=data_uri(small_mp4(frames), "video/mp4"), width=frames.shape[2],
        height=frames.shape[1], controls=True, loop=True, muted=True, autoplay=True,
        playsinline=True,
        aria_label=f"{title} case of {record['attack']}: {record['id']}",
    )  # fmt: skip
    return tag(
        "div", tag("div", names, video), tag("div", *_facts(run, title, record)), class_="case"
    )


def _facts(run: Run, title: str, record: Record) -> list[Markup]:
    said = run.class_name(record.get("prediction"))
    true = record.get("class") or run.class_name(record["label"])
    first = first_flip(record)
    sizes = [f"L2 {record['l2']:.3g}"]
    for key, words in (
        ("linf", "Linf {:.3f}"),
        ("ssim", "SSIM {:.3f}"),
        ("psnr_clip", "PSNR {:.1f} dB"),
    ):
        if math.isfinite(record.get(key) or math.nan):
            sizes.append(words.format(record[key]))
    for key, what in (("l0_pixels", "pixels"), ("l0_frames", "frames")):
        if math.isfinite(record.get(key) or math.nan):
            sizes.append(f"{100 * record[key]:.0f} % of the {what}")
    kept = [
        tag("span", f"{'✓' if record[key] else '✗'} {name}", class_="whole")
        for key, name in KINDS.items()
        if record.get(key) is not None
    ]
    lines = [
        tag("p", tag("b", title.capitalize()), ": ", tag("b", true), " taken for ", tag("b", said)),
        tag("p", f"after {first} queries; {', '.join(sizes)}"),
    ]
    if kept:
        lines.append(tag("p", "Still fools from a file, or in float32: ", *kept))
    return [*lines, tag("p", record["clip_file"], class_="note")]
