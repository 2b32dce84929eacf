"""What the render modes show of an episode: a picture, or a line of text."""

from collections.abc import Sequence

from video_attack.envs.game.episode import Episode
from video_attack.envs.game.observation import faded
from video_attack.envs.game.render import Picture, panel


def picture(episode: Episode, classes: tuple[str, ...]) -> Picture:
    """The panel of the frame that carries most of the perturbation, see `panel`."""
    canvas, ledger = episode.canvas, episode.ledger
    return panel(
        canvas.clean, canvas.frames, faded(canvas.energy), episode.scores,
        classes, ledger.clip.label, int(canvas.energy.sum((1, 2)).argmax()),
        caption=f"query {ledger.spent} of {ledger.budget}", clean_scores=ledger.clean_scores,
    )  # fmt: skip


def text_line(episode: Episode, classes: Sequence[str]) -> str:
    """The clip, the query, what the victim says and the perturbation's norm."""
    ledger, label = episode.ledger, episode.ledger.clip.label
    seen, norm = classes[int(episode.scores.argmax())], episode.canvas.norm()
    return (
        f"{ledger.clip.id}: query {ledger.spent} of {ledger.budget}, {classes[label]} seen as {seen}, "
        f"margin {episode.margin:.3f}, {episode.config.norm} {norm:.4g}"
        f"{', flipped' if episode.flipped else ''}"
    )
