"""Class names in the order of a victim's scores, from the files that people have of them."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from video_attack.envs.text_file import read_text
from video_attack.envs.victims.base import VictimError
from video_attack.envs.victims.torchvision_import import import_video_models

# "1 ApplyEyeMakeup", "0,abseiling", "0: abseiling"; and "abseiling 0", "abseiling: 0".
_FIRST = re.compile(r"(?P<number>\d+)(?P<mark>\s*[,;:\t]\s*|\s+)(?P<name>\S.*)")
_LAST = re.compile(r"(?P<name>.*[^\s,;:])(?P<mark>\s*[,;:\t]\s*|\s+)(?P<number>\d+)")


def read_labels(path: str | Sequence[str]) -> tuple[str, ...]:
    """Class names in the order of the scores, at least two.

    Args:
        path: a text file with one name a line, or with its number before or behind it, such as
            UCF-101's classInd.txt or a csv file "id,name"; a JSON file with a list of names, or with
            numbers by name or names by number, such as the config.json of a model hub, which has
            them as id2label; the same in YAML (.yaml, .yml), also below `names`. Numbers go from 0
            or from 1, in any order. Or "kinetics400", the order that all public weights for it
            share, taken from the library torchvision. Or the names.

    Raises:
        VictimError: the file cannot be read, is in no such form or repeats a name; torchvision is
            missing.
    """
    if path == "kinetics400":
        weights = import_video_models("labels=kinetics400").R3D_18_Weights.DEFAULT
        return tuple(weights.meta["categories"])
    if not isinstance(path, str):
        return _checked(tuple(str(name) for name in path), f"labels={list(path)}")
    file = Path(path).expanduser()
    try:
        text = read_text(file).strip()
    except OSError as error:
        raise VictimError(
            f"cannot read the labels {path} ({error.strerror}): give a file with one class name a line"
        ) from error
    except ValueError as error:
        raise VictimError(str(error)) from error
    if file.suffix.lower() in (".yaml", ".yml"):
        return _checked(_from_yaml(text, path), path)
    names = _from_json(text, path) if text[:1] in ("{", "[") else _from_lines(text, path)
    return _checked(names, path)


def _checked(names: Sequence[str], source: str) -> tuple[str, ...]:
    """The names; raises VictimError unless there are at least two, all distinct."""
    repeated = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if len(names) < 2 or repeated is not None:
        why = f"names {repeated!r} twice" if repeated else f"holds {len(names)} class names"
        raise VictimError(f"{source} {why}: give at least two names, all distinct, one a line")
    return tuple(names)


def _from_lines(text: str, path: str) -> Sequence[str]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    titled = bool(lines) and re.search("[,;\t]|:$", lines[0])
    said = [line for line in lines if not line.startswith("#")]  # among numbered lines, no names
    for body in (lines, lines[1:] if titled else [], said):
        for pattern in (_FIRST, _LAST):
            found = [match for line in body if (match := pattern.fullmatch(line))]
            if len(found) < max(len(body), 2):
                continue
            names = _in_order([(int(match["number"]), match["name"]) for match in found])
            if names:
                return names
            if all(match["mark"].strip() for match in found):  # else "100 m" may be a name
                raise VictimError(
                    f"{path} numbers its {len(found)} classes from {found[0]['number']} to "
                    f"{found[-1]['number']}: number them from 0 or from 1, without gaps"
                )
    return [_unquoted(line) for line in lines]


def _from_json(text: str, path: str) -> Sequence[str]:
    try:
        found: Any = json.loads(text)
    except ValueError:
        return _from_lines(text, path)  # a name may begin with a bracket
    return _from_values(found, path, "JSON")


def _from_yaml(text: str, path: str) -> Sequence[str]:
    try:
        # All scalars are texts: "yes" is a name, too.
        found: Any = yaml.load(text, yaml.BaseLoader)
    except yaml.YAMLError:
        return _from_lines(text, path)
    return _from_values(found, path, "YAML") if isinstance(found, Mapping | list) else [found or ""]


def _from_values(found: Any, path: str, form: str) -> Sequence[str]:
    """Names out of what JSON or YAML holds."""
    for key in ("id2label", "names"):
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping | list):
            found = found[key]
    if isinstance(found, list) and all(isinstance(name, str) for name in found):
        return [_unquoted(name) for name in found]
    names: Sequence[str] = ()
    if isinstance(found, Mapping):
        for pairs in ([*found.items()], [(value, key) for key, value in found.items()]):
            if all(str(number).isdecimal() and isinstance(name, str) for number, name in pairs):
                names = names or _in_order([(int(number), name) for number, name in pairs])
    if not names:
        raise VictimError(
            f"{path} is {form}, but no list of class names and no numbers by name from 0 or from 1: "
            "give a file with one name a line"
        )
    return names


def _in_order(pairs: Sequence[tuple[int, str]]) -> Sequence[str]:
    """Names by their numbers, which go from 0 or from 1; none where they do not."""
    ordered = sorted(pairs)
    numbers = [number for number, _ in ordered]
    start = numbers[0] if numbers else 0
    if start > 1 or numbers != list(range(start, start + len(numbers))):
        return ()
    return [_unquoted(name) for _, name in ordered]


def _unquoted(name: str) -> str:
    """A name without quotes around all of it, as csv and some JSON files have them."""
    name = name.strip()
    quoted = len(name) > 1 and name[0] == name[-1] == '"'
    return name[1:-1].replace('""', '"').strip() if quoted else name
