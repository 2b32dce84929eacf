"""Runs made by hand for the report, and a page that is read back."""

import json
import re
from collections import Counter
from html.parser import HTMLParser

import numpy as np
import yaml

from video_attack.agents.video.write import write_video
from video_attack.envs.metrics.norms import norms

T, SIDE, GRID = 4, 28, 7
VOID = {"meta", "br", "img", "path", "use", "rect", "image"}


CONFIG = {
    "dataset": {"_target_": "my.Clips"},
    "model": {"_target_": "my.Net", "feedback": "scores", "weights": "https://example.org/w.pt"},
    "distortion": {"_target_": "my.gaussian_noise", "severity": 5},
    "env": {"budget": 100, "target": "none"},
    "bound": {"eps": 10},
    "attacks": {"alpha": {"_target_": "my.Alpha"}, "beta": {"_target_": "my.Beta"}},
    "seed": 0,
}


class Page(HTMLParser):
    """Elements, ids, addresses and text of a page; fails where tags do not match."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.addresses, self.names = [], Counter(), [], Counter()
        self.said = []
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, name, attrs):
        attrs = dict(attrs)
        self.names[name] += 1
        self.ids.update([attrs["id"]] if "id" in attrs else [])
        self.addresses += [v for k, v in attrs.items() if k in ("src", "href", "xlink:href")]
        self.addresses += re.findall(r"url\(([^)]*)\)", " ".join(v or "" for v in attrs.values()))
        if name not in VOID:
            self.open.append(name)

    def handle_startendtag(self, name, attrs):
        self.handle_starttag(name, attrs)
        if name not in VOID:
            self.open.pop()

    def handle_endtag(self, name):
        if name not in VOID:
            assert self.open.pop() == name

    def handle_data(self, text):
        self.said.append(text)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.said))


def record(attack, number, flipped, size=10, attacked=True, **more):
    found = {
        "attack": attack, "id": f"clip-{number}", "label": number % 3, "class": "abc"[number % 3],
        "target": None, "attacked": attacked, "success": flipped,
        "queries": 10 + number if flipped else 100 if attacked else 1,
        "first_success": 10 + number if flipped else None, "budget": 100, "seed": 0,
        "clean_prediction": number % 3, "clean_right": attacked,
    }  # fmt: skip
    if flipped:
        clean, clip = clips(number, size)
        found |= {"prediction": (number + 1) % 3, **norms(clean, clip), "ssim": 0.9, "psnr": 30.0}
    return found | more


def clips(number, size):
    clean = np.random.default_rng(number).integers(20, 200, (T, SIDE, SIDE, 3), dtype=np.uint8)
    clip = clean.copy()
    clip[1, :4, :8] += np.uint8(size)
    return clean, clip


def make_run(folder, records, files=True, config=CONFIG):
    """A run's folder; clips and notes of each success beside its record."""
    for made in records if files else []:
        if not made["success"]:
            continue
        number, attack = int(made["id"].rsplit("-", 1)[1]), made["attack"]
        size = round(255 * (made["linf"] or 0.04))
        made |= {
            "clip_file": f"clips/{attack}/{number}.mkv",
            "clean_file": f"clips/clean/{number}.mkv",
        }
        made["delivered"] = {"ffv1": True, "h264_18": True, "h264_23": False, "h264_28": False}
        for name, frames in zip(("clean_file", "clip_file"), clips(number, size), strict=True):
            path = folder / made[name]
            path.parent.mkdir(parents=True, exist_ok=True)
            write_video(path, frames, codec="ffv1")
        notes = folder / "notes" / attack
        notes.mkdir(parents=True, exist_ok=True)
        values = np.full((T, GRID, GRID), 0.1, np.float32)
        np.savez(notes / f"{number}.npz", mask=values, sensitivity=values)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    (folder / "run.json").write_text(
        json.dumps({"victim": "f00dfeed", "versions": {"torch": "2.x"}})
    )
    (folder / "records.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
    return folder


def two_attacks():
    alpha = [record("alpha", n, n < 4, size=4 + n, attacked=n != 5) for n in range(6)]
    beta = [record("beta", n, n < 1, size=9, attacked=n != 5) for n in range(6)]
    return beta + alpha  # the order of the configuration counts, not that of the file
