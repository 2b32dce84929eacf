"""A user's own network in a file as a victim: what is the same for each kind of file."""

import contextlib
import zipfile
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from video_attack.envs.clip import Frames
from video_attack.envs.impostor import impostor
from video_attack.envs.victims.base import VictimError
from video_attack.envs.victims.custom import CustomVictim, one_line
from video_attack.envs.victims.preprocess import LAYOUTS, Preprocess, run_in_pieces


class FileVictim(CustomVictim):
    """A network in a file, with its weights; a subclass writes `load` and `run`.

    It is asked about noise when it is loaded, so that a file that does not fit is known at once;
    these clips belong to no attack and are not counted.

    Args:
        path: the file. Loading may run what is in it: take it from a trusted source only.
        layout: also `mean`, `std`, `channels`: see Preprocess.
        mean: of each RGB channel on the [0, 1] scale; None passes the bytes as they are.
        std: of each RGB channel on the [0, 1] scale.
        channels: rgb or bgr.
        device: "auto" (the GPU if there is one), "cpu", "cuda" or "cuda:1".
        **shared: see CustomVictim. Labels and classes may be left out.

    Attributes:
        batch: (fewest, most) clips that the network takes at once; a most of None has no bound.
        takes: the dtype that the network takes; None leaves it at what preprocessing gives.

    Raises:
        VictimError: no such file, one of another kind, or a network that does not fit the clips.
        ValueError: a value out of its range.
    """

    batch: tuple[int, int | None] = (1, None)
    takes: torch.dtype | None = None
    device: torch.device

    def __init__(
        self,
        path: str,
        *,
        layout: str = "NCTHW",
        mean: Sequence[float] | None = (0.45, 0.45, 0.45),
        std: Sequence[float] | None = (0.225, 0.225, 0.225),
        channels: str = "rgb",
        device: str = "auto",
        **shared: Any,
    ) -> None:
        super().__init__(**shared)
        self.preprocess, self._layout = Preprocess(layout, mean, std, channels), layout
        file = Path(path).expanduser()
        if not file.is_file():
            raise VictimError(f"no model at {file}: give the path of a file as model.path")
        self.source = str(file)
        self.load(file, device)
        if self.takes and not self.takes.is_floating_point and not self.preprocess.raw:
            raise VictimError(f"{file} takes {self.takes}, not floats: set model.mean=null")
        self.try_out()

    @abstractmethod
    def load(self, file: Path, device: str) -> None:
        """Load the network; sets `device`, `batch` and `takes`."""

    @abstractmethod
    def run(self, x: Tensor) -> Any:
        """The network's answer to preprocessed clips on the device."""

    def ask(self, clips: Frames) -> Any:
        """The network's answer to uint8 clips (N, T, H, W, 3)."""
        x = self.preprocess(clips, self.device)
        return run_in_pieces(self.run, x.to(self.takes or x.dtype), *self.batch)

    def try_out(self) -> None:
        """Ask about noise; an error of the network says which keys may be wrong."""
        try:
            super().try_out()
        except VictimError:
            raise
        except Exception as error:  # whatever its runtime raises for a shape that it does not take
            why = f"{self.source} takes no clips of {self.sampling.frames} frames of "
            why += f"{self.sampling.size} pixels in the order {self._layout} ({one_line(error)})"
            other = self._other_layout()
            if other is not None:
                raise VictimError(f"{why}: set model.layout={other}, which it takes") from error
            raise VictimError(
                f"{why}, nor in any other: set model.frames and model.size as it was exported, or, where "
                "it takes anything but 5 axes of clips, write a function around it and use model=function"
            ) from error

    def _other_layout(self) -> str | None:
        """A layout in which the network takes clips where it does not in the one that was set."""
        own = self.preprocess
        for layout in LAYOUTS:
            self.preprocess = own.with_layout(layout)
            try:
                super().try_out()
            except Exception:  # not in this one either
                continue
            return layout
        self.preprocess = own
        return None


def check_kind(file: Path, wanted: str, remedy: str) -> None:
    """Raise VictimError, which says what the file is instead, unless it is of a kind.

    Nothing in the file is run.

    Args:
        file: an existing file.
        wanted: "TorchScript", "torch.export" or "ONNX"; of the last one, only archives are refused.
        remedy: how to make a file of this kind.
    """
    if other := impostor(file):
        raise VictimError(f"{file} is {other}")
    inside: set[str] = set()
    # A file that is no archive, or a broken one, holds nothing that could be told.
    with contextlib.suppress(zipfile.BadZipFile), zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        inside = {*names, *(name.partition("/")[2] for name in names)}
    kind, use = "", ""
    if "constants.pkl" in inside:
        kind, use = "TorchScript", "use model=torchscript"
    elif inside & {"archive_format", "serialized_exported_program.json"}:
        kind, use = "torch.export", "use model=exported"
    elif "data.pkl" in inside:
        raise VictimError(
            f"{file} is a pickled module or state dict, of no use without its code: {remedy}"
        )
    elif not inside and wanted != "ONNX" and _begins_like_onnx(file):
        kind, use = "ONNX", "use model=onnx"
    if kind and kind != wanted:
        raise VictimError(f"{file} is a file of {kind}: {use}")
    if kind != wanted != "ONNX":
        raise VictimError(f"{file} is no {wanted} file, or is cut off: {remedy}")


def _begins_like_onnx(file: Path) -> bool:
    """Whether a file begins with a version and the name of a program, as a model in ONNX does."""
    with file.open("rb") as stream:
        start = stream.read(4)
    return len(start) == 4 and start[0] == 0x08 and start[2] == 0x12  # fields 1 and 2 of ModelProto
