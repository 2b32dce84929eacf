"""Checkpoints: from a local file or a URL into a module, with errors that name the problem."""

import hashlib
import http.client
import re
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

from torch import Tensor, nn
from tqdm import tqdm

from video_attack.envs.cache_folder import cache_folder
from video_attack.envs.impostor import impostor
from video_attack.envs.victims.base import VictimError
from video_attack.envs.victims.extras import require
from video_attack.envs.victims.inert import Inert, load_inert
from video_attack.envs.victims.state_dicts import UNREAD, find_tensors

_CHUNK = 1 << 20
_TIMEOUT = 60.0  # seconds without a byte
_SHOWN = 3  # keys named in an error
_DIGITS = 8  # of a digest: the fewest that identify a file, and those that public names end in
_NAMED_DIGITS = re.compile(rf"-([0-9a-f]{{{_DIGITS}}})\.pth?$")


def load_state(path: str | Path, sha256: str | None = None) -> dict[str, Any]:
    """The dictionary that a checkpoint file holds, on the CPU, with nothing executed on loading.

    A list or tuple that holds one, such as (state_dict, epoch), becomes one by its places.

    A URL is downloaded once into the folder that the environment variable VIDEO_ATTACK_CACHE
    names (~/.cache/video-attack-marl unless set). A URL whose file name ends in "-", eight hex
    digits and ".pt" or ".pth" states the beginning of its digest, as torch.hub reads such names;
    it is checked unless `sha256` says otherwise.

    Args:
        path: a local file, or an http(s) URL; a name in .safetensors means that format.
        sha256: the expected digest of the file, or its first hex digits, at least 8; None checks
            only what the name of a URL states.

    Raises:
        VictimError: the file is missing, cannot be downloaded, has another digest, or is no
            checkpoint that can be loaded with `weights_only=True`; or safetensors is missing.
    """
    source = str(path)
    _check_digits(sha256)
    if urlsplit(source).scheme in ("http", "https"):
        named = _NAMED_DIGITS.search(urlsplit(source).path)
        file = _download(source, sha256 or (named.group(1) if named else None))
    else:
        file = Path(path).expanduser()
        if not file.is_file():
            raise VictimError(f"no weights at {file}: give the path of a checkpoint or a URL")
        _check_digest(file, sha256, source)
    try:
        if file.suffix == ".safetensors":
            state = require("safetensors.torch", "transformers", source).load_file(file)
        else:
            state = load_inert(file)
    except VictimError:
        raise
    except Exception as error:  # both raise a dozen kinds for files that are no checkpoint
        if other := impostor(file):
            raise VictimError(f"{source} is {other}") from error
        raise VictimError(
            f"{source} is not a checkpoint of plain tensors ({type(error).__name__}): "
            "save the model's state_dict() with torch.save, or fetch a cut-off file again"
        ) from error
    if isinstance(state, list | tuple) and any(isinstance(value, dict) for value in state):
        state = {str(place): value for place, value in enumerate(state)}
    if not isinstance(state, dict):
        kind = "pickled object" if isinstance(state, Inert) else type(state).__name__
        raise VictimError(f"{source} holds a {kind}, not a dictionary: save the state_dict()")
    return state


def load_into(module: nn.Module, state: Mapping[str, Any], name: str) -> None:
    """Copy a checkpoint into a module: every parameter and buffer, none left over.

    Values are cast to the module's dtype and device. Only batch-norm step counters
    (`num_batches_tracked`) may be absent, since evaluation never reads them.

    Args:
        module: receives the values.
        state: name -> tensor, in whatever container and under whatever prefix (see `find_tensors`).
        name: what errors call the checkpoint, such as its path.

    Raises:
        VictimError: keys are missing, superfluous or of another shape; the module is unchanged.
    """
    wanted = module.state_dict()
    given = find_tensors(state, lambda tensors: (tensors, wanted), name)
    for key in wanted.keys() - given.keys():
        if key.endswith(UNREAD):
            given[key] = wanted[key]
    problems = [
        _list_problem("missing", (key for key in wanted if key not in given)),
        _list_problem("unexpected", (key for key in given if key not in wanted)),
        _list_problem(
            "of another shape",
            (
                f"{key} {_shape(given[key])} instead of {_shape(wanted[key])}"
                for key in wanted
                if key in given and _shape(given[key]) != _shape(wanted[key])
            ),
        ),
    ]
    if any(problems):
        raise VictimError(
            f"{name} does not fit {type(module).__name__}: {'; '.join(filter(None, problems))}. "
            "Give weights of this architecture and number of classes"
        )
    module.load_state_dict(given)


def _shape(value: object) -> str:
    return str(tuple(value.shape)) if isinstance(value, Tensor) else type(value).__name__


def _list_problem(what: str, keys: Iterable[str]) -> str:
    found = list(keys)
    if not found:
        return ""
    more = ", ..." if len(found) > _SHOWN else ""
    return f"{len(found)} {what} ({', '.join(found[:_SHOWN])}{more})"


def _check_digits(sha256: str | None) -> None:
    if sha256 is None:
        return
    # YAML reads eight digits without quotes as a number.
    if not isinstance(sha256, str) or not re.fullmatch(rf"[0-9a-fA-F]{{{_DIGITS},64}}", sha256):
        raise VictimError(f"sha256={sha256!r}: give {_DIGITS} to 64 hex digits, in quotes")


def _check_digest(file: Path, sha256: str | None, source: str) -> None:
    if sha256 is None:
        return
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    if not digest.hexdigest().startswith(sha256.lower()):
        raise VictimError(
            f"{source} has sha256 {digest.hexdigest()}, not the expected {sha256.lower()}: "
            "fetch the file again, or give the right digest as sha256"
        )


def _download(url: str, sha256: str | None) -> Path:
    """The cached copy of a URL; a new one appears whole and checked, or not at all."""
    folder = cache_folder()
    # The digest of the URL keeps apart the many files called "model.pt".
    stem = Path(urlsplit(url).path).name or "weights"
    target = folder / f"{hashlib.sha256(url.encode()).hexdigest()[:12]}-{stem}"
    if target.is_file():
        try:
            _check_digest(target, sha256, url)
            return target
        except VictimError:
            pass  # the file behind the URL may have been replaced since: fetch it again
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            partial = Path(scratch) / stem
            _fetch(url, partial)
            _check_digest(partial, sha256, url)
            partial.replace(target)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise VictimError(
            f"cannot download {url} into {folder} ({error}): fetch it by hand and give its path"
        ) from error
    return target


def _fetch(url: str, file: Path) -> None:
    with urlopen(url, timeout=_TIMEOUT) as answer, file.open("wb") as out:
        total = int(answer.headers.get("Content-Length") or 0)
        with tqdm(total=total or None, unit="B", unit_scale=True, desc=file.name) as bar:
            while chunk := answer.read(_CHUNK):
                out.write(chunk)
                bar.update(len(chunk))
        if total and out.tell() != total:
            raise OSError(f"got {out.tell()} of {total} bytes")
