"""An ONNX file as a victim, run by ONNX Runtime."""

import logging
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from video_attack.envs.victims.base import VictimError
from video_attack.envs.victims.custom import one_line
from video_attack.envs.victims.custom_file import FileVictim, check_kind

log = logging.getLogger(__name__)
_DTYPES = {
    "tensor(float)": torch.float32,
    "tensor(float16)": torch.float16,
    "tensor(double)": torch.float64,
    "tensor(uint8)": torch.uint8,
}
_CUDA = "CUDAExecutionProvider"


class OnnxFile(FileVictim):
    """A network in an ONNX file with one input; one with a fixed number of clips is fed so many.

    It runs on the GPU where onnxruntime-gpu is installed, else on the CPU, with as many threads as
    PyTorch has. Take such a file from a trusted source only.

    Args:
        path: the file.
        output: name of the scores where the file has several outputs.
        **shared: see FileVictim.

    Raises:
        VictimError: ONNX Runtime is missing, cannot load the file or has no such device; see also
            FileVictim.
    """

    def __init__(self, path: str, *, output: str | None = None, **shared: Any) -> None:
        self._output = output
        super().__init__(path, **shared)

    def load(self, file: Path, device: str) -> None:
        """Open a session; raises VictimError as the class says."""
        try:
            runtime = import_module("onnxruntime")
        except ImportError as error:
            raise VictimError(
                'model=onnx needs ONNX Runtime: pip install -e ".[onnx]" (or onnxruntime-gpu)'
            ) from error
        self.device = torch.device("cpu")  # of preprocessing; the session has its own
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        # Threads that spin while they wait take the cores from everything else.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        providers = choose_providers(device, runtime.get_available_providers())
        try:
            self.session = runtime.InferenceSession(str(file), options, providers=providers)
        except Exception as error:  # ONNX Runtime has a class of error for each kind of damage
            check_kind(file, "ONNX", "export the network with torch.onnx.export")
            raise VictimError(
                f"ONNX Runtime cannot load {file} ({one_line(error)}): export the network again with "
                "torch.onnx.export, and where that writes a .data file too, keep it beside this one"
            ) from error
        if len(providers) > 1 and _CUDA not in self.session.get_providers():
            if device != "auto":
                raise VictimError(f"ONNX Runtime cannot use device={device!r}: set device=auto")
            log.warning("ONNX Runtime finds no CUDA libraries and runs on the CPU")
        self._choose_names(file)

    def run(self, x: Tensor) -> Tensor:
        """The session's answer."""
        return torch.from_numpy(self.session.run([self._name], {self._input: x.numpy()})[0])

    def _choose_names(self, file: Path) -> None:
        inputs, outputs = self.session.get_inputs(), [o.name for o in self.session.get_outputs()]
        if len(inputs) != 1:
            raise VictimError(f"{file} takes {len(inputs)} inputs: export a network that takes one")
        if self._output not in (outputs if len(outputs) > 1 else [None, *outputs]):
            raise VictimError(
                f"{file} has the outputs {', '.join(outputs)}: name the scores with model.output"
            )
        if inputs[0].type not in _DTYPES:
            raise VictimError(f"{file} takes {inputs[0].type}: export it for float32 clips")
        self._input, self._name = inputs[0].name, self._output or outputs[0]
        self.takes = _DTYPES[inputs[0].type]
        # A dynamic axis has a name or None in the place of its length.
        count = inputs[0].shape[0] if inputs[0].shape else None
        self.batch = (count, count) if isinstance(count, int) else (1, None)


def choose_providers(device: str, available: list[str]) -> list[Any]:
    """Execution providers for a device's name, the preferred one first.

    Raises:
        VictimError: no such device, or ONNX Runtime was built without CUDA.
    """
    kind, _, index = device.partition(":")
    if kind not in ("auto", "cpu", "cuda") or (index and not (kind == "cuda" and index.isdigit())):
        raise VictimError(f"device={device!r}: choose auto, cpu, cuda or cuda:1")
    if kind == "cpu" or (kind == "auto" and _CUDA not in available):
        return ["CPUExecutionProvider"]
    if _CUDA not in available:
        raise VictimError(
            f"device {device!r} needs onnxruntime-gpu in the place of onnxruntime: install it, or "
            "set device=auto"
        )
    # TF32 and a search by timing would answer differently from run to run.
    own = {"device_id": index or "0", "use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}
    return [(_CUDA, own), "CPUExecutionProvider"]
