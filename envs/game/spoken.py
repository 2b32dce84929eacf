"""Where an attack stands, as a line of text."""

from collections.abc import Sequence

from video_attack.envs.game.episode import Episode


def line(episode: Episode, classes: Sequence[str]) -> str:
    """The clip, the query, what the victim says and the perturbation's norm."""
    ledger, label = episode.ledger, episode.ledger.clip.label
    seen, norm = classes[int(episode.scores.argmax())], episode.canvas.norm()
    return (
        f"{ledger.clip.id}: query {ledger.spent} of {ledger.budget}, {classes[label]} seen as {seen}, "
        f"margin {episode.margin:.3f}, {episode.config.norm} {norm:.4g}"
        f"{', flipped' if episode.flipped else ''}"
    )
