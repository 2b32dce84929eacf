"""Protects against clips that vanish: videos of any ending and depth are found, other files are not
taken for videos, and what is left out is told."""

import logging
import shutil
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.videos import greys, write
from video_attack.envs.clip import Sampling
from video_attack.envs.datasets import search
from video_attack.envs.datasets.base import DatasetError
from video_attack.envs.datasets.folder import Folder
from video_attack.envs.datasets.kinetics import Kinetics
from video_attack.envs.datasets.present import keep_present
from video_attack.envs.datasets.search import holds_video, scan
from video_attack.envs.datasets.ucf101 import Ucf101
from video_attack.envs.datasets.video_file import VideoFile

SMALL = Sampling(frames=4, size=16, short_side=20, stride=2)
CLASSES = ["Archery", "Surfing"]


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("videos")
    return {
        "mp4": write(folder / "a.mp4", greys(10, 32, 48), "mpeg4", "yuv420p"),
        "vob": write(folder / "a.vob", greys(10, 32, 48), "mpeg2video", "yuv420p"),
        "m2ts": write(folder / "a.m2ts", greys(10, 32, 48), "mpeg2video", "yuv420p"),
    }


def folder(root: Path, **options: Any) -> Folder:
    shares = {"validation_share": 0.0, "test_share": 1.0, "disk_cache_gb": 0, **options}
    return Folder("test", SMALL, CLASSES, root=root, **shares)


def place(source: Path, *targets: Path) -> None:
    for target in targets:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


# A DVD's .vob, a camcorder's .m2ts, clips saved by id alone (as Kinetics' and Moments' downloaders
# do when told no ending), .divx and .asf of older data sets, and capital letters.
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("vob", "a.vob"), ("m2ts", "b.m2ts"), ("mp4", "no_suffix"), ("mp4", "d.divx"),
        ("mp4", "e.MP4"), ("m2ts", "f.mpe"), ("mp4", "v1.5"), ("vob", "g.m2v"),
    ],
)  # fmt: skip
def test_a_video_is_one_whatever_its_ending(
    tmp_path: Path, videos: dict[str, Path], kind: str, name: str
) -> None:
    place(videos[kind], tmp_path / "archery" / name)
    data = folder(tmp_path)
    assert [clip.id for clip in data] == [f"archery/{name}"]
    assert data[0].frames.shape == (4, 16, 16, 3)


# "Found 0 files" for a nested folder: asked of torchvision's DatasetFolder and of Keras' loaders.
@pytest.mark.parametrize("inner", ["g01/a.mp4", "2019/may/a.mp4", "a.mp4"])
def test_clips_at_any_depth_belong_to_the_class_above(
    tmp_path: Path, videos: dict[str, Path], inner: str
) -> None:
    place(videos["mp4"], tmp_path / "Archery" / inner, tmp_path / "surfing" / "b.mp4")
    assert {(f.id, f.label) for f in folder(tmp_path).files} == {
        (f"Archery/{inner}", 0), ("surfing/b.mp4", 1),
    }  # fmt: skip


@pytest.mark.parametrize("names", [("Train", "TEST"), ("TRAINING", "Testing"), ("train", "test")])
def test_folders_of_parts_in_any_case(
    tmp_path: Path, videos: dict[str, Path], names: tuple[str, str]
) -> None:
    for name in names:
        place(videos["mp4"], tmp_path / name / "Archery" / f"{name}.mp4")
    assert [f.path.stem for f in folder(tmp_path).files] == [names[1]]


@pytest.mark.parametrize("inner", ["Archery/train/a.mp4", "fold 1/Test/Archery/a.mp4"])
def test_parts_below_classes_are_refused_rather_than_mixed(
    tmp_path: Path, videos: dict[str, Path], inner: str
) -> None:
    place(videos["mp4"], tmp_path / inner)
    with pytest.raises(DatasetError, match=r"named after a split.*above those of classes.*root"):
        folder(tmp_path)


def other_files(root: Path, videos: dict[str, Path]) -> list[str]:
    """Files that FFmpeg reads, or that look like videos, and that are none."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "notes.txt").write_text("hello\n" * 400)  # a demuxer shows text as a video
    (root / "list.csv").write_text("a,b\n")
    (root / "torn").write_bytes(videos["mp4"].read_bytes()[:500])
    np.save(root / "frames.npy", np.zeros(3000, np.uint8))
    for ending, codec in (("png", "png"), ("jpg", "mjpeg"), ("bmp", "bmp")):
        pixels = "yuvj420p" if ending == "jpg" else "rgb24" if ending == "png" else "bgr24"
        with av.open(str(root / f"picture.{ending}"), "w", "image2") as container:
            stream = container.add_stream(codec, rate=1)
            stream.width, stream.height, stream.pix_fmt = 32, 32, pixels
            frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
            container.mux(stream.encode())
    with av.open(str(root / "sound.flac"), "w") as container:
        sound = container.add_stream("flac", rate=8000, layout="mono")
        tone = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.int16), "s16", "mono")
        tone.sample_rate = 8000
        container.mux(sound.encode(tone))
        container.mux(sound.encode())
    (root / "gone.mp4").symlink_to(root / "nowhere")
    return sorted(entry.name for entry in root.iterdir())


def test_other_files_are_told_and_not_taken(
    tmp_path: Path, videos: dict[str, Path], caplog, capfd: pytest.CaptureFixture[str]
) -> None:
    names = other_files(tmp_path / "Archery", videos)
    place(videos["mp4"], tmp_path / "Archery/a.mp4", tmp_path / "loose.mp4", tmp_path / ".x/b.mp4")
    with caplog.at_level(logging.WARNING):
        assert [f.id for f in folder(tmp_path).files] == ["Archery/a.mp4"]
    assert f"{len(names)} files below {tmp_path} hold no video" in caplog.text
    assert "Archery/frames.npy" in caplog.text
    assert f"1 videos in {tmp_path} lie in no class folder and are left out" in caplog.text
    assert capfd.readouterr().err == ""


def test_only_some_of_many_files_of_an_ending_are_opened(
    tmp_path: Path, videos: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []
    monkeypatch.setattr(search, "holds_video", lambda path: opened.append(path) or False)
    (tmp_path / "Archery").mkdir()
    for i in range(50):
        (tmp_path / f"Archery/{i}.json").touch()
    assert not list(scan(tmp_path)) and len(opened) == 8
    monkeypatch.undo()
    for i in range(12):
        place(videos["mp4"], tmp_path / f"Archery/{i}")
    assert len(list(scan(tmp_path))) == 12


def test_a_folder_that_links_to_itself_is_walked_once(
    tmp_path: Path, videos: dict[str, Path]
) -> None:
    place(videos["mp4"], tmp_path / "Archery/a.mp4")
    (tmp_path / "Archery/again").symlink_to(tmp_path / "Archery")
    (tmp_path / "Surfing").symlink_to(tmp_path / "Archery")
    assert {f.id for f in folder(tmp_path).files} == {"Archery/a.mp4", "Surfing/a.mp4"}


def test_what_holds_no_picture_is_no_video(tmp_path: Path, videos: dict[str, Path]) -> None:
    assert holds_video(videos["mp4"]) and not holds_video(tmp_path)
    assert not holds_video(tmp_path / "none")


# Re-encoded or flat copies, as the tools of MMAction2 and of many a repository leave them.
@pytest.mark.parametrize(
    "where", ["Archery/{}.mp4", "{}.avi", "videos/Archery/{}.mkv", "Archery/{}"]
)
def test_listed_videos_are_found_under_another_ending_or_folder(
    tmp_path: Path, videos: dict[str, Path], where: str, caplog
) -> None:
    names = [f"v_Archery_g0{i}_c01" for i in (1, 2)]
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists/testlist01.txt").write_text("".join(f"Archery/{n}.avi\n" for n in names))
    for name in names:
        place(videos["mp4"], tmp_path / "data" / where.format(name))
    with caplog.at_level(logging.WARNING):
        data = Ucf101("test", SMALL, CLASSES, root=tmp_path / "data", lists=tmp_path / "lists",
                      disk_cache_gb=0)  # fmt: skip
    assert len(data) == 2 and data[0].frames.shape == (4, 16, 16, 3)
    assert "2 of 2 videos are not where they are listed" in caplog.text
    (tmp_path / "data" / where.format(names[0])).unlink()
    with pytest.raises(DatasetError, match=r"1 of 2 videos are missing.*g01_c01\.avi"):
        Ucf101("test", SMALL, CLASSES, root=tmp_path / "data", lists=tmp_path / "lists")


# UCF-101 itself spells v_HandStandPushups and HandstandPushups, and copies made by a Mac write é as e and
# an accent (st-mulnet 2: "Missing video clip").
@pytest.mark.parametrize(
    ("listed", "there"),
    [
        ("v_HandStandPushups_g08_c01", "v_HandstandPushups_g08_c01"),
        ("réparer_é", "re\u0301parer_e\u0301"),
    ],
)
def test_listed_videos_are_found_in_another_case_and_form_of_letters(
    tmp_path: Path, videos: dict[str, Path], listed: str, there: str
) -> None:
    place(videos["mp4"], tmp_path / f"Archery/{there}.avi")
    gone = [VideoFile(tmp_path / f"x/{listed}.avi", "Archery", listed, listed)]
    assert [f.path.stem for f in keep_present(gone, tmp_path, False)] == [there]
    place(videos["mp4"], tmp_path / f"Surfing/{listed}.mp4")  # the very name is preferred
    assert [f.path.stem for f in keep_present(gone, tmp_path, False)] == [listed]


def test_two_files_of_a_name_are_none(tmp_path: Path, videos: dict[str, Path]) -> None:
    (tmp_path / "testlist01.txt").write_text("Archery/v_Archery_g01_c01.avi\n")
    place(videos["mp4"], *(tmp_path / f"{x}/v_Archery_g01_c01.mp4" for x in "ab"))
    with pytest.raises(DatasetError, match="1 of 1 videos are missing"):
        Ucf101("test", SMALL, CLASSES, root=tmp_path, lists=tmp_path)


def test_videos_of_kinetics_in_folders_of_other_names(
    tmp_path: Path, videos: dict[str, Path]
) -> None:
    """The common download unpacks into folders of parts of the archive."""
    place(videos["mp4"], tmp_path / "part_0/abc_000001_000011.mp4")
    (tmp_path / "val.csv").write_text(
        "label,youtube_id,time_start,time_end,split\nArchery,abc,1,11,val\n"
    )
    data = Kinetics("test", SMALL, CLASSES, root=tmp_path, lists=tmp_path / "val.csv")
    assert data.files[0].path.name == "abc_000001_000011.mp4" and data.files[0].span is None
