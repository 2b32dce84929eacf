"""Whole numbers may be written 1e3."""

import dataclasses
from collections.abc import Sequence
from typing import Any, get_args, get_type_hints

from hydra.core.override_parser.types import Override

from video_attack.agents.configs.schema import SCHEMAS


def whole_numbers(command: str, given: Sequence[Override]) -> list[str]:
    """Overrides in which a value such as 1e3 of a key that takes whole numbers is written 1000."""
    lines = []
    for override in given:
        line, value = str(override.input_line), override.value()
        if isinstance(value, float) and value.is_integer() and _whole(command, override):
            line = f"{line.partition('=')[0]}={int(value)}"
        lines.append(line)
    return lines


def _whole(command: str, override: Override) -> bool:
    """Whether a key of a command's schema takes whole numbers and no others."""
    kind: Any = SCHEMAS[command]
    for name in override.key_or_group.split("."):
        if not dataclasses.is_dataclass(kind):
            return False
        kind = get_type_hints(kind).get(name)
    kinds = {*(get_args(kind) or (kind,))} - {type(None)}
    return kinds == {int}
