"""The command line, read by Hydra's own parser before Hydra sees it, so that each spelling means the same."""

import re
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, NoReturn, get_origin, get_type_hints

from hydra import compose, initialize_config_dir
from hydra._internal.utils import get_args_parser  # the one that hydra.main reads with
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from video_attack.agents.configs.attack_list import (
    attack_names,
    listed,
    one_attack_list,
    to_the_right_attack,
)
from video_attack.agents.configs.carried import CARRIED, carry
from video_attack.agents.configs.schema import SCHEMAS
from video_attack.agents.configs.spelling import at_home, parse, quoted, readable
from video_attack.agents.configs.whole_numbers import whole_numbers
from video_attack.agents.core.errors import ConfigError
from video_attack.agents.core.trust import CONF, targets


def arrange(command: str, arguments: Sequence[str]) -> list[str]:
    """A command line as Hydra wants it, with the settings of the checkpoint's run offered to Hydra.

    Args:
        command: name of the configuration: train, evaluate or finetune.
        arguments: the user's.

    Raises:
        ConfigError: an argument that cannot be read; the message has the spelling that can.
        CheckpointError: the checkpoint that is named does not exist.
    """
    options = read_options(arguments)
    if options.shell_completion:
        return list(arguments)
    given = [readable(argument, options.multirun) for argument in options.overrides]
    if not options.multirun:  # each job of a sweep is arranged as a command of its own
        given = spell_out(command, given, options)
    return replaced(arguments, options.overrides, given)


def spell_out(command: str, given: Sequence[str], options: Namespace) -> list[str]:
    """Overrides of one run, spelt out: lists of attacks, whole numbers, and what a checkpoint brings."""
    refuse_left_out(command, [parse(argument) for argument in given])
    given = whole_numbers(command, [parse(argument) for argument in given])
    if command == "train":
        given = listed("logger", [parse(argument) for argument in given])
    if command == "evaluate":
        given = one_attack_list([parse(argument) for argument in given])
        run = overview(command, given, options)
        carry_for(run, [parse(argument) for argument in given], options)
        given = to_the_right_attack([parse(a) for a in given], attack_names(run))
    return list(given)


def refuse_left_out(command: str, given: Sequence[Override]) -> None:
    """Raise ConfigError where a key is left out (~key) that the command cannot do without."""
    for override in given:
        kind: Any = SCHEMAS[command]
        for name in override.key_or_group.split(".") if override.is_delete() else ():
            kind = get_type_hints(kind).get(name, Any) if is_dataclass(kind) else Any
        if override.is_delete() and kind is not Any and get_origin(kind) is not dict:
            key = override.key_or_group
            raise ConfigError(
                f"~{key}: this command needs {key}: leave ~{key} out, or write {key}=... in its place"
            )


def read_options(arguments: Sequence[str]) -> Namespace:
    """Hydra's options, and the overrides among them.

    Raises:
        ConfigError: an option that Hydra does not know, such as a key with dashes.
    """
    parser: ArgumentParser = get_args_parser()

    def refuse(message: str) -> NoReturn:
        raise ConfigError(dashes(arguments, parser) or f"{message}: see --help")

    parser.error = refuse  # type: ignore[method-assign] # instead of a page of usage
    options, unknown = parser.parse_known_intermixed_args(list(arguments))
    if options.experimental_rerun:
        raise ConfigError(
            "--experimental-rerun unpickles a file: give the command that run.json holds"
        )
    if unknown:
        refuse(f"{' '.join(unknown)}: neither an option nor key=value")
    return options


def dashes(arguments: Sequence[str], parser: ArgumentParser) -> str:
    """What to write in place of the first key that was given dashes; empty where there is none."""
    known = parser._option_string_actions
    for place, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if not re.fullmatch(r"--?[A-Za-z][\w.-]+", name) or name in known:
            continue
        after = arguments[place + 1] if place + 1 < len(arguments) else ""
        if not equals:
            value = "true" if not after or after.startswith("-") or "=" in after else after
        key = name.lstrip("-").replace("-", "_")
        return f"{name} is no option: keys are written without dashes, {key}={value}"
    return ""


def overview(command: str, given: Sequence[str], options: Namespace) -> DictConfig:
    """The configuration without keys inside of groups, which a checkpoint's settings may bring."""
    kept = []
    for argument in given:
        override = parse(argument)
        if override.key_or_group != "hydra.searchpath" and "." not in override.key_or_group:
            kept.append(argument)
    folder = Path(options.config_path) if options.config_path else CONF
    searched = [f"file://{path.resolve()}" for path in conf_folders(given, options)[1:]]
    path = ",".join(quoted(name) for name in searched)
    with initialize_config_dir(str(folder.resolve()), version_base=None):
        return compose(options.config_name or command, [*kept, f"hydra.searchpath=[{path}]"])


def conf_folders(given: Sequence[str], options: Namespace) -> list[Path]:
    """Folders of configuration: the project's, and those that the user names."""
    named = [p.value() for p in map(parse, given) if p.key_or_group == "hydra.searchpath"]
    listed = [
        str(path).removeprefix("file://")
        for paths in named
        if isinstance(paths, list)
        for path in paths
    ]
    more = [options.config_path, options.config_dir, *listed]
    return [CONF, *(Path(path) for path in more if path and "://" not in path)]


def carry_for(run: DictConfig, given: Sequence[Override], options: Namespace) -> None:
    """Offer the settings of the checkpoint that a command names, but for what it names itself."""
    checkpoint = OmegaConf.select(run, "checkpoint", throw_on_missing=False)
    folders = conf_folders([o.input_line for o in given if o.input_line], options)[1:]
    carry(
        None if checkpoint is None else at_home(str(checkpoint)),
        anew=[o.key_or_group for o in given if o.package is None],
        named={
            o.key_or_group.split(".")[0]: str(o.value())
            for o in given
            if o.key_or_group.endswith("._target_") and o.key_or_group.count(".") == 1
        },
        known={group: targets(group, folders) for group in CARRIED},
        trusted=bool(run.trust),
    )


def replaced(arguments: Sequence[str], old: Sequence[str], new: Sequence[str]) -> list[str]:
    """A command line with other overrides, which must stay together among the options."""
    rest, left = [*arguments], list(old)
    place = len(rest)
    for index in range(len(rest) - 1, -1, -1):
        if left and rest[index] == left[-1]:
            left.pop()
            del rest[index]
            place = index
    return [*rest[:place], *new, *rest[place:]]
