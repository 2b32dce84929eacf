"""A command that runs once or, with --multirun, once for each combination of the values that are listed."""

import itertools
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from omegaconf import OmegaConf

from video_attack.agents.configs.arrange import arrange, read_options, replaced
from video_attack.agents.configs.command_line import plain_errors, prepare
from video_attack.agents.configs.spelling import parse, quoted, readable
from video_attack.agents.core.errors import ConfigError, IncompleteError
from video_attack.agents.core.trust import CONF

HYDRAS_OWN = ("hydra/launcher", "hydra/sweeper", "hydra.launcher", "hydra.sweeper")


def run_command(command: str, main: Callable[[], None]) -> None:
    """Run an entry point on the command line, with one sentence for what a user can mend.

    Args:
        command: name of the configuration: train, evaluate or finetune.
        main: what `hydra.main` made; it reads `sys.argv`.
    """
    with plain_errors():
        prepare()
        given = sys.argv[1:]
        options = read_options(given)
        if options.multirun and not any(o.startswith(HYDRAS_OWN) for o in options.overrides):
            sweep(command, main, given, options.overrides)
        else:
            sys.argv[1:] = arrange(command, given)
            main()


def sweep(
    command: str, main: Callable[[], None], given: Sequence[str], overrides: Sequence[str]
) -> None:
    """Run a command once for each combination of values; one that fails does not stop the others.

    Each run is what the command with these values would be, in a folder of its own, 0, 1, ... below
    `hydra.sweep.dir`.

    Raises:
        ConfigError: an argument that cannot be read.
        IncompleteError: some runs failed; the message names them.
    """
    overrides = [readable(argument, multirun=True) for argument in overrides]
    if any(parse(argument).key_or_group == "run_dir" for argument in overrides):
        raise ConfigError(
            "each run of a sweep has a folder of its own: write hydra.sweep.dir=... for the one that they "
            "are in, and leave run_dir out"
        )
    jobs = combinations(overrides)
    names = [
        " ".join(word for word in job if any(word not in other for other in jobs)) for job in jobs
    ]
    folder, failed = sweep_folder(command, overrides), []
    options = [a for a in replaced(given, overrides, []) if a not in ("-m", "--multirun")]
    for number, job in enumerate(jobs):
        print(f"run {number} of 0 to {len(jobs) - 1}: {names[number]}", flush=True)
        try:
            with plain_errors():
                place = f"run_dir={quoted(str(folder / str(number)))}"
                sys.argv[1:] = arrange(command, [*options, *job, place])
                main()
        except SystemExit as end:
            if isinstance(end.__context__, KeyboardInterrupt):
                rest = [f"{n} ({names[n]})" for n in range(number + 1, len(jobs))]
                left = f"; not begun: {', '.join(rest)}" if rest else ""
                sys.exit(f"{end}; run {number} of the sweep {folder} was stopped{left}")
            if end.code:
                failed.append(f"{number} ({names[number]}): {str(end).removeprefix('error: ')}")
        except Exception as error:  # a bug of one run's component is no reason to lose the others
            logging.getLogger(__name__).exception("run %d failed", number)
            failed.append(f"{number} ({names[number]}): {type(error).__name__}: {error}")
    if failed:
        raise IncompleteError(
            f"{len(failed)} of {len(jobs)} runs failed, the others are in {folder}: {'; '.join(failed)}"
        )


def combinations(overrides: Sequence[str]) -> list[list[str]]:
    """The overrides of each run of a sweep, the last key's values changing fastest."""
    values = []
    for override in map(parse, overrides):
        if override.is_sweep_override():
            key = override.get_key_element()
            values.append([f"{key}={value}" for value in override.sweep_string_iterator()])
        else:
            values.append([str(override.input_line)])
    return [list(job) for job in itertools.product(*values)]


def sweep_folder(command: str, overrides: Sequence[str]) -> Path:
    """Where the runs of a sweep go."""
    from hydra.core.utils import setup_globals

    setup_globals()  # the resolver `now`
    name = OmegaConf.load(CONF / f"{command}.yaml").hydra.sweep.dir
    for override in map(parse, overrides):
        if override.key_or_group == "hydra.sweep.dir":
            name = override.value()
    return Path(str(name))
