"""Codec in the loop: every query is a video file first, so an attack aims at what survives one."""

import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from video_attack.agents.core.errors import ConfigError
from video_attack.agents.video.codec_check import h264
from video_attack.envs.clip import Frames
from video_attack.envs.victims.base import Victim
from video_attack.envs.victims.defended import Defended


def parse_codec(codec: str | None) -> Callable[[Victim], Victim]:
    """What puts a codec before a victim: "h264:23" is H.264 at CRF 23, None changes nothing.

    Behind the codec, clips are written to a file and read back exactly as the file check does it
    (`video_attack.agents.video.codec_check`), before the victim and its own defence see them. Therefore
    - success, scores and the clean accuracy refer to what is read from the file, and a success is
      one that the file check confirms at the same CRF (other rates are left to chance);
    - norms, bound and the stored clip refer to the clip before compression, which is what the
      attack makes; that clip need not fool the victim without compression: the record's `ffv1`,
      asked of the bare victim, says whether it does;
    - a query is one query, and takes some 20 to 50 ms longer (16 x 112 x 112, one core).

    This is no defence of the victim's: `defence=h264` compresses at another frame rate and in other
    colour coefficients, and its answers differ.

    Args:
        codec: "h264:" and a CRF from 0 (best) to 51, or None.

    Raises:
        ConfigError: anything else.
    """
    if codec is None:
        return lambda victim: victim
    found = re.fullmatch(r"h264:(\d{1,2})", str(codec))
    if found is None or int(found[1]) > 51:
        raise ConfigError(
            f"attack.codec_in_loop={codec!r}: write h264:23 for H.264 at CRF 23 (0 to 51), or null"
        )
    crf = int(found[1])

    def through(clip: Frames, rng: np.random.Generator) -> Frames:
        with tempfile.TemporaryDirectory() as scratch:
            return h264(Path(scratch) / "query.mp4", clip, crf)

    return lambda victim: Defended(victim, through)
