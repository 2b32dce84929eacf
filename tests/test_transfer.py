"""Protects the transfer table: only clips that the other victim knows and gets right are counted."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.toys import BrightnessVictim, dark_frames
from video_attack.agents.audit import transfer
from video_attack.agents.core.errors import ConfigError
from video_attack.agents.video.write import write_video


class Deaf(BrightnessVictim):
    """Sees only the red channel."""

    def answer(self, clips):
        return super().answer(clips[..., :1])


@pytest.fixture
def folder(tmp_path):
    """Three successes, of which one changes no red, one has a class that nobody knows."""
    clean = dark_frames(0, (8, 32, 32, 3))
    bright = np.minimum(clean + np.uint8(150), 255).astype(np.uint8)
    green = bright.copy()
    green[..., 0] = clean[..., 0]
    lines = []
    for index, (name, frames) in enumerate([("dark", bright), ("dark", green), ("dusk", bright)]):
        files = {"clip_file": f"{index}.mkv", "clean_file": f"{index}-clean.mkv"}
        write_video(tmp_path / files["clip_file"], frames, codec="ffv1")
        write_video(tmp_path / files["clean_file"], clean, codec="ffv1")
        told = {"id": str(index), "class": name, "attacked": True, "success": True}
        lines.append({"attack": "a", **told, **files})
    told = {"id": "0", "class": "dark", "attacked": True, "success": False}
    lines.append({"attack": "b", **told})
    (tmp_path / "records.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path


def rows(found):
    return [line.split()[:4] for line in found.splitlines()[2:]]


def test_the_same_victim_is_fooled_by_all_and_another_by_its_share(folder):
    assert rows(transfer.table(folder, BrightnessVictim())) == [
        ["a", "3", "2", "2"], ["b", "0", "0", "0"]
    ]  # fmt: skip
    assert rows(transfer.table(folder, Deaf()))[0] == ["a", "3", "2", "1"]
    assert transfer.table(folder, Deaf(), markdown=True).startswith("| attack")


def test_what_cannot_be_shown_is_said(folder, tmp_path_factory):
    with pytest.raises(ConfigError, match="this victim takes"):
        transfer.table(folder, BrightnessVictim(size=16))
    with pytest.raises(ConfigError, match="has no clip to show"):
        transfer.table(tmp_path_factory.mktemp("none"), Deaf())
    with pytest.raises(ConfigError, match="which run"):
        transfer.main(["model=i3d"])


def test_the_command_writes_its_tables(folder, capsys):
    conf = Path(__file__).parent / "conf"
    transfer.main([str(folder), f"hydra.searchpath=[file://{conf}]", "model=toy"])
    assert "a               3      2       2" in (folder / "transfer.txt").read_text()
    assert "| a " in (folder / "transfer.md").read_text() and "fooled" in capsys.readouterr().out
