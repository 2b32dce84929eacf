"""The file check: does a success survive being written to a video file and read again?"""

import tempfile
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from video_attack.agents.video.write import write_video
from video_attack.envs.clip import Frames, check_frames
from video_attack.envs.datasets.av_versions import to_rgb
from video_attack.envs.game.threat import Goal
from video_attack.envs.victims.base import Victim

CRFS = (18, 23, 28)  # from hardly visible to plain streaming quality; 23 is x264's own default
CHECKS = ("ffv1", *(f"h264_{crf}" for crf in CRFS))


def check_files(
    victim: Victim, clip: Frames, goal: Goal, folder: str | Path | None = None
) -> dict[str, bool]:
    """Whether a clip still reaches the goal after it was a file, for each kind of file in CHECKS.

    The clip has the victim's size already, so the file's pictures reach the victim as they are,
    neither resized nor sampled again; everything after that is the victim's own preprocessing.
    All files go through it in one call. This costs `len(CHECKS)` queries that belong to the record
    (as `file_check_queries`), not to the attack, whose account is closed by then.

    Args:
        victim: the one that was attacked, without a codec put before it for the attack.
        clip: uint8 (T, H, W, 3), the adversarial clip.
        goal: what counts as success.
        folder: keeps the files there, as ffv1.mkv and h264_18.mp4 and so on; made where it is
            missing. None writes them to a temporary folder.

    Returns:
        One flag for each name in CHECKS: "ffv1" (lossless), "h264_18", "h264_23", "h264_28" (CRF).

    Raises:
        ValueError: the clip is no uint8 clip.
        OSError: a file cannot be written, or is not read back whole.
    """
    check_frames(clip, "the adversarial clip")
    with tempfile.TemporaryDirectory() as scratch:
        kept = Path(scratch if folder is None else folder)
        kept.mkdir(parents=True, exist_ok=True)
        versions = [lossless(kept / "ffv1.mkv", clip)]
        versions += [h264(kept / f"h264_{crf}.mp4", clip, crf) for crf in CRFS]
    scores = victim.scores(np.stack(versions))
    return {name: goal.reached(row) for name, row in zip(CHECKS, scores, strict=True)}


def lossless(path: Path, clip: Frames) -> Frames:
    """Write uint8 (T, H, W, 3) as FFV1 and return what is read back: the same bytes.

    Raises:
        OSError: it cannot be written, or other bytes come back.
    """
    write_video(path, clip, codec="ffv1")
    back = read_pictures(path, clip.shape)
    if not np.array_equal(back, clip):
        raise OSError(f"{path} reads back other bytes than were written: reinstall the package av")
    return back


def h264(path: Path, clip: Frames, crf: int) -> Frames:
    """Write uint8 (T, H, W, 3) as H.264 and return what is read back, of the same shape.

    An odd side grows by one line in the file (see `write_video`), which is cut off again.

    Raises:
        OSError: it cannot be written, or does not come back whole.
    """
    write_video(path, clip, crf=crf)
    return read_pictures(path, clip.shape)


def read_pictures(path: Path, shape: tuple[int, ...]) -> Frames:
    """All pictures of a video, converted to RGB as data sets are; (T, H, W, 3) = `shape`.

    Larger pictures lose what lies beyond H and W, at the bottom and at the right.

    Raises:
        OSError: the file holds another number of pictures, or smaller ones.
    """
    converter = VideoReformatter()
    with av.open(str(path)) as file:
        pictures = [to_rgb(converter, frame) for frame in file.decode(video=0)]
    T, H, W, _ = shape
    cut = [picture[:H, :W] for picture in pictures]
    if len(cut) != T or any(picture.shape != shape[1:] for picture in cut):
        raise OSError(f"{path} does not hold {T} pictures of {W} x {H}: write it again")
    return np.stack(cut)
