"""Protects text files as editors, spreadsheets and shells save them: a byte-order mark is no part of
the first line, in whatever file it stands."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.videos import greys, write
from video_attack.agents.audit import tables, verify
from video_attack.envs.clip import Sampling
from video_attack.envs.datasets.hmdb51 import Hmdb51
from video_attack.envs.datasets.kinetics import Kinetics
from video_attack.envs.datasets.path_list import PathList
from video_attack.envs.datasets.ucf101 import Ucf101
from video_attack.envs.text_file import read_text
from video_attack.envs.victims.labels import read_labels

SMALL = Sampling(frames=4, size=16, short_side=20, stride=2)
RECORD = json.dumps({"attack": "a", "id": "x", "attacked": False, "success": False})


def ucf101(root: Path) -> int:
    return len(Ucf101("test", SMALL, ["Archery", "x"], root=root, lists=root))


def hmdb51(root: Path) -> int:
    return len(Hmdb51("test", SMALL, ["climb", "x"], root=root, lists=root))


def kinetics(root: Path) -> int:
    return len(Kinetics("test", SMALL, ["yoga", "x"], root=root, lists=root / "val.csv"))


def paths(root: Path) -> int:
    return len(PathList("test", SMALL, ["a", "b"], test=root / "list.txt"))


# As reported of pandas and csv.DictReader: the first column is then called "\ufefflabel".
READERS: list[tuple[str, str, Callable[[Path], Any], Any]] = [
    ("testlist01.txt", "Archery/v_Archery_g01_c01.avi\n", ucf101, 1),
    ("climb_test_split1.txt", "a_climb_f_cm_np1_fr_med_0.avi 2\n", hmdb51, 1),
    ("val.csv", "label,youtube_id,time_start,time_end,split\nyoga,y,0,9,val\n", kinetics, 1),
    ("list.txt", "y_000000_000009.mkv 1\n", paths, 1),
    ("labels.txt", "a\nb\n", lambda root: read_labels(str(root / "labels.txt")), ("a", "b")),
    ("labels.json", '["a", "b"]', lambda root: read_labels(str(root / "labels.json")), ("a", "b")),
    ("r.jsonl", f"{RECORD}\n", lambda root: len(tables.read([root / "r.jsonl"])["a"]), 1),
    ("r.jsonl", f"{RECORD}\n", lambda root: len(list(verify.read_records(root / "r.jsonl"))), 1),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("texts")
    for name in (
        "Archery/v_Archery_g01_c01.avi", "climb/a_climb_f_cm_np1_fr_med_0.avi", "y_000000_000009.mkv",
    ):  # fmt: skip
        write(root / name, greys(8))
    return root


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(("name", "text", "read", "wanted"), READERS)
def test_marks_are_no_part_of_any_file(
    home: Path, name: str, text: str, read: Callable[[Path], Any], wanted: object, encoding: str
) -> None:
    (home / name).write_bytes(text.replace("\n", "\r\n").encode(encoding))
    assert read(home) == wanted


def test_text_in_another_encoding_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("réparer".encode("latin-1"))
    with pytest.raises(ValueError, match=r"a\.txt is no text in UTF-8: save it again"):
        read_text(tmp_path / "a.txt")
    (tmp_path / "a.txt").write_text("réparer 数据", encoding="utf-8")
    assert read_text(tmp_path / "a.txt") == "réparer 数据"
