"""Several attacks in one command: `attack=a,b,c` in the words that Hydra knows."""

import re
from collections.abc import Sequence

from video_attack.agents.core.errors import ConfigError

MULTIRUN = {"-m", "--multirun"}
OWN = re.compile(r"(attack|attacks\.[^.=]+)\.codec_in_loop=")


def spread_attacks(arguments: Sequence[str]) -> list[str]:
    """A command line whose list of attacks, if any, became one config group an attack.

    `attack=a,b` or `attack=[a,b]` turns into `~attack +attack@attacks.a=a +attack@attacks.b=b`,
    so that `attacks.a.key=value` reaches the constants of one of them. With one attack that is
    `attack.key=value`. The key `codec_in_loop`, which is no attack's own, is admitted to each.
    Hydra's own sweep (`--multirun`), a run an attack, is left alone.

    Args:
        arguments: the user's overrides.

    Raises:
        ConfigError: an attack is named twice or cannot be among others, or a key is addressed to
            the wrong one.
    """
    arguments = [f"+{a}" if OWN.match(a) else a for a in arguments]
    if MULTIRUN & set(arguments):
        return arguments
    chosen = [a for a in arguments if a.startswith("attack=")]
    names = (
        [n for n in re.split(r"[,\s\[\]'\"]+", chosen[-1].partition("=")[2]) if n] if chosen else []
    )
    _check(names, [a.lstrip("+") for a in arguments])
    if len(names) < 2:
        return [f"attack={names[0]}" if names and a == chosen[-1] else a for a in arguments]
    spread = ["~attack", *(f"+attack@attacks.{name}={name}" for name in names)]
    place = arguments.index(chosen[-1])  # overrides must stay together among the options
    before, after = (
        [a for a in part if a not in chosen] for part in (arguments[:place], arguments[place:])
    )
    return [*before, *spread, *after]


def _check(names: Sequence[str], arguments: Sequence[str]) -> None:
    """Raise ConfigError at the first thing that these attacks cannot mean."""
    several = len(names) > 1
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise ConfigError(f"attack={','.join(names)}: name {twice} once")
    if several and "none" in names:
        raise ConfigError("attack=none measures without an attacker: run it without other attacks")
    known = {*names} if several else set()
    known |= {a.split("@attacks.")[1].split("=")[0] for a in arguments if "@attacks." in a}
    for argument in arguments:
        group, _, key = argument.partition(".")
        if several and group == "attack":
            raise ConfigError(f"{argument}: of which attack? Write attacks.{names[0]}.{key}")
        if group == "attacks" and "." in key and key.split(".")[0] not in known:
            name, _, own = key.partition(".")
            if several:
                raise ConfigError(f"{argument}: {name} is not among attack={','.join(names)}")
            raise ConfigError(f"{argument}: only one attack runs, so write attack.{own}")
