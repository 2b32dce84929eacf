"""Protects HMDB-51: the official lists with their unused clips and odd file names, no source video
in both train and validation."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.videos import greys, write
from video_attack.envs.clip import Sampling
from video_attack.envs.datasets.base import DatasetError
from video_attack.envs.datasets.hmdb51 import Hmdb51

SMALL = Sampling(frames=4, size=16, short_side=20, stride=2)
CLASSES = ["Shoot Bow", "climb"]
TITLES = ["(HQ)_Rock_&_Roll", "Golf_300+_Yards!!!", "[x]_#1_{y}", "a'b;c=d", "e%20f", "Film_np2"]
CODES = "_f_cm_np1_le_med_"
ODD = "plain_name.avi"  # does not tell its source


def names(kind: str) -> dict[str, int]:
    """File name -> use, of one class: six source videos with three clips each."""
    listed = {
        f"{title}_{kind}{CODES}{clip}.avi": {0: 2, 1: 0}.get(i, 1)
        for i, title in enumerate(TITLES)
        for clip in range(3)
    }
    return {**listed, ODD: 1}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("hmdb")
    (home / "lists").mkdir()
    video = write(home / "video.avi", greys(8, 24, 32), "mpeg4", "yuv420p")
    for kind in ("climb", "shoot_bow", "yawn"):
        lines = [f"{name} {use} \n" for name, use in names(kind).items()]
        (home / "lists" / f"{kind}_test_split1.txt").write_text("".join(lines))
        (home / "videos" / kind).mkdir(parents=True)
        for name in names(kind):
            shutil.copy(video, home / "videos" / kind / name)
    return home


def make(home: Path, split: Any = "test", **options: Any) -> Hmdb51:
    own = {"classes": CLASSES, "sampling": SMALL, "lists": home / "lists", "disk_cache_gb": 0}
    return Hmdb51(split, root=home / "videos", **{**own, **options})


def test_parts_follow_the_lists(home: Path) -> None:
    ids = {
        split: [f.id for f in make(home, split).files] for split in ("train", "validation", "test")
    }
    assert {i.split("_climb")[0].split("_shoot")[0] for i in ids["test"]} == {TITLES[0]}
    assert len(ids["test"]) == 6
    everything = [name for names in ids.values() for name in names]
    # Of each class: three clips for testing, three unused, twelve and the odd one for training.
    assert len(everything) == 2 * 16
    assert not any(TITLES[1] in name for name in everything)


@pytest.mark.parametrize("share", [0.15, 0.5])
def test_no_source_is_in_two_parts(home: Path, share: float) -> None:
    splits = [make(home, split, validation_share=share).files for split in ("train", "validation")]
    train, validation = ({(f.label, f.source) for f in files} for files in splits)
    assert validation and not {s for _, s in train} & {s for _, s in validation}
    assert len({source for label, source in train | validation if label == 1}) == 5


def test_odd_names_are_read_and_labelled(home: Path) -> None:
    data = make(home, "train", validation_share=0.0)
    assert {clip.id for clip in data} >= {f"{title}_climb{CODES}0" for title in TITLES[2:]}
    for file in data.files:
        assert CLASSES[file.label].replace(" ", "_").lower() == file.path.parent.name


def test_what_is_missing_is_told(home: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"climb_test_split2\.txt in .*serre-lab"):
        make(home, fold=2)
    with pytest.raises(DatasetError, match=r"no folder .*test_train_splits\.rar.*dataset\.lists"):
        make(home, lists=tmp_path / "none")
    with pytest.raises(DatasetError, match=r"no folder .*hmdb51_org\.rar.*dataset\.root"):
        Hmdb51("test", SMALL, CLASSES, root=tmp_path / "none", lists=home / "lists")
    with pytest.raises(ValueError, match="fold must be 1, 2 or 3"):
        make(home, fold=0)
    broken = Path(shutil.copytree(home, tmp_path / "broken"))
    gone = f"climb/{TITLES[0]}_climb{CODES}1.avi"
    (broken / "videos" / gone).unlink()
    with pytest.raises(DatasetError) as caught:
        make(broken)
    assert "1 of 6 videos" in str(caught.value) and gone in str(caught.value)
    assert len(make(broken, allow_missing=True)) == 5
    (broken / "lists/climb_test_split1.txt").write_text("a.avi 1\nb.avi 7\n")
    with pytest.raises(DatasetError, match=r"climb_test_split1\.txt, line 2: .*'b\.avi 7'"):
        make(broken)
