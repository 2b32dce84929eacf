"""Errors of Hydra and OmegaConf in this project's words: one sentence with what to write instead."""

import re
from collections.abc import Iterator

from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig
from omegaconf.errors import (
    GrammarParseError,
    InterpolationKeyError,
    MissingMandatoryValue,
    OmegaConfBaseException,
    ValidationError,
)

from video_attack.agents.configs.carried import NAME
from video_attack.agents.core.renamed import told

NOISE = re.compile(
    r"^\s*(full_key|object_type|reference_type|See https?|Search path|\tprovider)\b.*"
)
OURS = {"hydra.run.dir": "run_dir"}  # Hydra asks for the left one, and users give the right one
KINDS = {  # by what OmegaConf says of a value that it refuses
    "converted to (Boxed)?Integer": "a whole number",
    "converted to Float": "a number",
    "valid bool|converted to Boolean": "true or false",
    "converted to String|Cannot convert .* to string": "a text",
    "not Optional": "a value, not null",
    "not a ListConfig": "a list, such as [1,2]",
    "not a (DictConfig|subclass)": "keys of its own, each with a value",
}


def explain(error: BaseException, ours: tuple[type[BaseException], ...] = ()) -> str:
    """One sentence for an error of Hydra or OmegaConf.

    Args:
        error: the error.
        ours: errors whose message already says what to do; one that lies behind `error` speaks.
    """
    chain = list(causes(error))
    for cause in chain:
        if isinstance(cause, ours) and not isinstance(cause, HydraException):
            return str(cause)
    said = " ".join(str(error).split())
    for cause in chain:
        if isinstance(cause, MissingConfigException):
            return _no_choice(cause) or said
        if isinstance(cause, MissingMandatoryValue):
            return f"{cause.full_key} has no value: add {cause.full_key}=... to the command"
        if isinstance(cause, OmegaConfBaseException):
            return _of_a_key(cause, chain[0])
    return _of_hydra(error)


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, what caused it, what caused that, and so on."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _of_a_key(error: OmegaConfBaseException, outer: BaseException) -> str:
    """A sentence on a key that is unknown or has a value that it does not take."""
    key, parent = error.full_key or str(error.key), error.parent_node
    if isinstance(parent, DictConfig) and error.key not in parent and not _interpolated(error):
        allowed = ", ".join(sorted(map(str, parent.keys())))
        return f"unknown key {key!r}; allowed here: {allowed}{told(key)}"
    given = re.search(r"Error merging override (.*)", str(outer))
    key = OURS.get(key, key)
    what = given[1].lstrip("+") if given else key
    reason = _first_line(str(error.msg))
    if isinstance(error, GrammarParseError):
        return (
            f"{what}: its ${{ cannot be read: close it as ${{...}}, or write \\${{ for these signs"
        )
    if isinstance(error, ValidationError):
        value = re.search(r"Value '(.*?)'", reason)
        shown = what if given else f"{key}={value[1]}" if value else key
        for words, kind in KINDS.items():
            if re.search(words, reason):
                return f"{shown}: {key} takes {kind}"
    if isinstance(error, InterpolationKeyError) and (lost := re.search(r"'(.*?)'", reason)):
        return (
            f"{what} takes its value from {lost[1]!r}, which is not there: correct that, or give "
            f"{what} a value of its own"
        )
    reason = re.sub(r"^\w+ raised while resolving interpolation: ", "", reason)
    reason = re.sub(r"""^(['"])(.*)\1$""", r"\2", reason)
    remedy = f": correct that, or give {what} a value of its own" if _interpolated(error) else ""
    return f"{what}: {reason[:1].lower()}{reason[1:]}{remedy}"


def _interpolated(error: OmegaConfBaseException) -> bool:
    return "nterpolation" in type(error).__name__


def _no_choice(error: MissingConfigException) -> str:
    """A sentence on a choice of a group that is not there."""
    found = re.search(r"Could not find '([^']*)/([^'/]*)'", str(error))
    if not found:
        return ""
    group, name = found[1], found[2] or "(nothing)"
    options = [option for option in error.options or () if option != NAME]
    return f"{group}={name}: there is no such choice; {group} is one of {', '.join(options)}"


def _of_hydra(error: BaseException) -> str:
    """A sentence of Hydra's with what follows it left out, and the commonest ones in other words."""
    text = str(error)
    if found := re.search(r"Could not override '([^']+)'\. No match in the defaults list", text):
        return f"this command takes no group {found[1]!r}: see --help for those that it takes"
    if found := re.search(r"You must specify '([^']+)'", text):
        names = ", ".join(re.findall(r"^\t(\S+)$", text, re.M))
        return f"{found[1]} is not chosen: add {found[1]}=... to the command, one of {names}"
    if found := re.search(r"An item is already at '([^']+)'", text):
        return f"{found[1]} is a key already: write {found[1]}=... without +"
    if found := re.search(r"Could not delete (?:from config\. )?'([^']+)'", text):
        return (
            f"~{found[1]}: there is nothing of that name to leave out, or it is null: take ~{found[1]} "
            "out of the command"
        )
    if found := re.search(r"Sweep parameters '([^']+)'", text):
        return f"{found[1]} is several runs: add --multirun"
    return _first_line(text)


def _first_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip() and not NOISE.match(line)]
    return " ".join(lines)
