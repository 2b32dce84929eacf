"""A network's tensors in a checkpoint: in whatever container, under whatever prefix."""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple

from torch import Tensor

from video_attack.envs.victims.base import VictimError

Tensors = dict[str, Any]
Read = Callable[[Tensors], tuple[Tensors, Collection[str]]]
_FIRST = (
    "state_dict",
    "model",
    "model_state",
)  # containers of what was trained, not of its average
_SHARE = 0.2  # of the most keys: fewer are those of a part of the network
UNREAD = "num_batches_tracked"  # batch norm's step counters, which evaluation never reads


class _Found(NamedTuple):
    """Tensors less a prefix, their place in the file, and how well their names fit."""

    tensors: Tensors
    path: str
    prefix: str
    right: int
    fits: bool

    @property
    def where(self) -> str:
        return f"{self.path}: {self.prefix}*" if self.prefix else self.path


def find_tensors(state: Mapping[str, Any], read: Read, name: str) -> Tensors:
    """The tensors of the one mapping in a checkpoint whose keys fit, less one prefix of all.

    Mappings, lists and tuples are looked into at any depth. Where keys fit only without a prefix such
    as "model.", the keys that lack it belong to something else and are left out.

    Args:
        state: what a checkpoint file holds.
        read: gives, for tensors by name, them under the network's names, and all names of these;
            called last with the tensors that are returned.
        name: what errors call the checkpoint.

    Returns:
        The tensors that fit, or where none do those that come nearest, under the network's names.

    Raises:
        VictimError: there are no tensors; or several mappings fit, of which no one alone is in a
            usual container.
    """
    maps = dict(_mappings(state))
    if not any(maps.values()):
        raise VictimError(f"{name} holds no tensors: save the model's state_dict() with torch.save")
    most = max(map(len, maps.values()))  # an optimizer has a small mapping for each tensor
    maps = {
        path: tensors for path, tensors in maps.items() if tensors and len(tensors) >= _SHARE * most
    }
    whole = [_judge(path, "", tensors, read) for path, tensors in maps.items()]
    fitting = [one for one in whole if one.fits]
    if not fitting:
        whole += (
            _judge(path, prefix, _under(prefix, tensors), read)
            for path, tensors in maps.items()
            for prefix in _prefixes(tensors)
        )
        fitting = [one for one in whole if one.fits]
    if len(fitting) > 1:
        fitting = _usual(fitting, name)
    best = max(fitting or whole, key=lambda one: one.right)
    return read(dict(best.tensors))[0]


def _usual(fitting: list[_Found], name: str) -> list[_Found]:
    """The one of several that lies where checkpoints have what was trained, not its average."""
    for usual in _FIRST:
        found = [one for one in fitting if set(one.path.split(".")) <= {"", usual}]
        if len(found) == 1:
            return found
    raise VictimError(
        f"{name} holds {len(fitting)} networks that fit ({', '.join(one.where for one in fitting)}): "
        "save the state_dict() of the one to be tested in a file of its own"
    )


def _judge(path: str, prefix: str, tensors: Tensors, read: Read) -> _Found:
    named, wanted = read(dict(tensors))
    right = sum(key in named for key in wanted)
    whole = all(key in named for key in wanted if not key.endswith(UNREAD))
    return _Found(tensors, path, prefix, right, whole and len(named) == right)


def _mappings(state: Mapping[Any, Any], path: str = "") -> Iterator[tuple[str, Tensors]]:
    """Each mapping with its place in the file, and the tensors that it holds itself."""
    yield (
        path,
        {key: v for key, v in state.items() if isinstance(v, Tensor) and isinstance(key, str)},
    )
    for key, value in state.items():
        inner = dict(enumerate(value)) if isinstance(value, list | tuple) else value
        if isinstance(inner, Mapping):
            yield from _mappings(inner, f"{path}.{key}".lstrip("."))


def _prefixes(tensors: Tensors) -> list[str]:
    """Beginnings, with their dot, that many keys share."""
    counts: dict[str, int] = {}
    for key in tensors:
        for place, letter in enumerate(key):
            if letter == ".":
                counts[key[: place + 1]] = counts.get(key[: place + 1], 0) + 1
    return [prefix for prefix, count in counts.items() if count >= _SHARE * len(tensors)]


def _under(prefix: str, tensors: Tensors) -> Tensors:
    return {key.removeprefix(prefix): v for key, v in tensors.items() if key.startswith(prefix)}
