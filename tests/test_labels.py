"""Protects the order of the classes: every form in which people have it is read, and none is guessed."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from video_attack.envs.victims.base import VictimError
from video_attack.envs.victims.labels import read_labels

NAMES = ("abseiling", "massaging person's head", 'the "moon walk"')


def read(folder: Path, content: str | bytes, name: str = "labels.txt") -> tuple[str, ...]:
    data = content if isinstance(content, bytes) else content.encode()
    (folder / name).write_bytes(data)
    return read_labels(str(folder / name))


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(NAMES),
        "\r\n".join(NAMES) + "\r\n\r\n",
        "\ufeff" + "\n".join(NAMES),  # saved by a Windows editor
        # UCF-101's classInd.txt, which MMAction2's preparation of the data set fetches too.
        '1 abseiling\n2 massaging person\'s head\n3 the "moon walk"\n',
        '2 massaging person\'s head\n1 abseiling\n3 the "moon walk"\n',
        # The csv of Kinetics-400's names that PyTorchVideo's and other demos read.
        'id,name\n0,abseiling\n1,massaging person\'s head\n2,the "moon walk"\n',
        'id,name\n0,"abseiling"\n2,"the ""moon walk"""\n1,"massaging person\'s head"\n',
        '\ufeffid;name\n0;abseiling\n1;massaging person\'s head\n2;the "moon walk"\n',
        '0\tabseiling\n1\tmassaging person\'s head\n2\tthe "moon walk"\n',
        'abseiling 0\nmassaging person\'s head 1\nthe "moon walk" 2\n',
        'name,label\nabseiling,0\nmassaging person\'s head,1\nthe "moon walk",2\n',
        '0: abseiling\n1: massaging person\'s head\n2: the "moon walk"\n',
        'abseiling: 0\nmassaging person\'s head: 1\nthe "moon walk": 2\n',
        'names:\n  0: abseiling\n  1: massaging person\'s head\n  2: the "moon walk"\n',
        '# of the training\n0 abseiling\n1 massaging person\'s head\n2 the "moon walk"\n',
        json.dumps(NAMES),
        # PyTorchVideo's kinetics_classnames.json, whose names are in quotes once more.
        json.dumps({f'"{NAMES[2]}"': 2, '"abseiling"': 0, f'"{NAMES[1]}"': 1}),
        # Something-Something v2's labels.json: numbers as strings.
        json.dumps({name: str(i) for i, name in enumerate(NAMES)}),
        # A model hub's config.json.
        json.dumps({"id2label": {str(i): n for i, n in enumerate(NAMES)}, "hidden_size": 768}),
    ],
)
def test_every_usual_form_is_read(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == NAMES


@pytest.mark.parametrize(
    "text",
    [
        'abseiling: 0\n"massaging person\'s head": 1\nthe "moon walk": 2\n',
        "0: abseiling\n1: massaging person's head\n2: 'the \"moon walk\"'\n",
        '# Classes\n---\nnames:\n  2: the "moon walk"\n  0: abseiling\n  1: massaging person\'s head\n',
        'path: ../data\nnc: 3\nnames: [abseiling, "massaging person\'s head", the "moon walk"]\n',
        '- abseiling\n- massaging person\'s head\n- the "moon walk"\n',
        'id2label:\n  "0": abseiling\n  "1": massaging person\'s head\n  "2": the "moon walk"\n',
    ],
)
@pytest.mark.parametrize("name", ["classes.yaml", "classes.YML"])
def test_yaml_is_read_as_yaml(tmp_path: Path, text: str, name: str) -> None:
    """As detection toolkits and configurations have their names; they are texts, "yes" too."""
    assert read(tmp_path, text, name) == NAMES
    assert read(tmp_path, "- yes\n- no\n- 3\n", name) == ("yes", "no", "3")
    with pytest.raises(VictimError, match="is YAML, but no list of class names"):
        read(tmp_path, "a: 3\nb: 7\n", name)


def test_utf16_of_a_windows_shell(tmp_path: Path) -> None:
    assert read(tmp_path, "\r\n".join(NAMES).encode("utf-16")) == NAMES


@pytest.mark.parametrize(
    "names",
    [
        # Something-Something's own, one a line, with commas in some.
        ("Letting something roll up a slanted surface, so it rolls back down", "Folding something"),
        ("100 m", "200 m"),
        ("3d printing", "1 on 1"),
        ("0", "1", "2"),
        ("gear 1", "gear 3"),
        ("[odd", "even]"),
        ("数据", "réparer"),
        ("no finding", "1 finding", "2 findings"),
    ],
)
def test_names_that_only_look_odd_stay(tmp_path: Path, names: tuple[str, ...]) -> None:
    assert read(tmp_path, "\n".join(names)) == names


@given(st.permutations(range(5)), st.integers(0, 1), st.sampled_from([" ", ",", "\t", ": "]))
@settings(max_examples=40, deadline=None)
def test_numbers_decide_the_order(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], first: int, mark: str
) -> None:
    folder = tmp_path_factory.mktemp("labels")
    names = [f"class {chr(97 + i)}" for i in range(5)]
    lines = [f"{i + first}{mark}{names[i]}" for i in order]
    assert list(read(folder, "\n".join(lines))) == names


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", r"labels\.txt holds 0 class names: give at least two"),
        ("one\n", "holds 1 class names"),
        ("a\nb\na\n", "names 'a' twice"),
        ("3,a\n5,b\n", "numbers its 2 classes from 3 to 5: number them from 0 or from 1"),
        ('{"a": [1]}', "is JSON, but no list of class names"),
        ('{"a": 0, "b": 2}', "is JSON, but no list of class names"),
        (b"caf\xe9\nthe\n", r"labels\.txt is no text in UTF-8: save it again"),
    ],
)
def test_what_is_no_list_of_names_is_told(tmp_path: Path, content: str | bytes, words: str) -> None:
    with pytest.raises(VictimError, match=words) as caught:
        read(tmp_path, content)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(VictimError, match=r"cannot read the labels .*none\.txt \(No such file"):
        read_labels(str(tmp_path / "none.txt"))


def test_the_names_themselves_may_be_given() -> None:
    assert read_labels(["walk", "run"]) == ("walk", "run")
    with pytest.raises(VictimError, match=r"labels=\['walk', 'walk'\] names 'walk' twice"):
        read_labels(["walk", "walk"])
