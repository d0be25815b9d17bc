"""What a reader of the figures has to know: all that was left out, resized or not found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from dcfm_ros.datasets.class_names import unnamed
from dcfm_ros.evaluation.measure.confusion import CHANCE, kappa, likely_ids
from dcfm_ros.evaluation.run.results import Recording

_HOW_TO_NAME = "a vision_msgs/LabelInfo or classes.json beside them would tell"
_SAME_ASPECT = 0.02
_UNMATCHED = {
    "stamp": "has the stamp of a segmented frame; a larger --gt-tolerance-ms may help",
    "number": "has the number of a segmented frame, the first of which is 0",
    "name": "has the name of a segmented picture",
}


def notes_on(recording: Recording) -> list[str]:
    """One sentence each; empty if there is nothing to say."""
    return [*recording.remarks, *_truth(recording), *_frames(recording)]


def notes_of(document: Mapping[str, Any]) -> list[str]:
    """All of a metrics.json; of several recordings each with its name."""
    recordings = document["recordings"]
    several = len(recordings) + len(document.get("failed", ())) > 1
    return [
        f"{recording['name']}: {note}" if several else note
        for recording in recordings
        for note in recording["notes"]
    ]


def notes_on_costmaps(costmaps: Sequence[Mapping[str, Any]]) -> list[str]:
    """Why frames are not in the grids, the most frequent reason first, and what is amiss in them.

    Args:
        costmaps: of recordings of a metrics.json.
    """
    reasons: Counter[str] = Counter()
    for costmap in costmaps:
        reasons.update(costmap["frames_not_added"])
    frames = sum(costmap["frames_added"] for costmap in costmaps) + sum(reasons.values())
    warnings = dict.fromkeys(warning for costmap in costmaps for warning in costmap["warnings"])
    return [
        *(
            f"{count} of {frames} frames not added to the costmap: {reason}."
            for reason, count in reasons.most_common()
        ),
        *(f"{warning[0].upper()}{warning[1:]}." for warning in warnings),
    ]


def _truth(recording: Recording) -> list[str]:
    tally = recording.tally
    if not recording.label_topic:
        return []
    if not tally.labelled_frames:
        none = (
            f"None of the {recording.label_count} ground-truth images on {recording.label_topic} "
            f"{_UNMATCHED[recording.labels_by]}."
        )
        return [none]
    notes = _meaning(recording)
    unmatched = recording.label_count - tally.labelled_frames
    if unmatched > 0:
        notes.append(
            f"{unmatched} of {recording.label_count} ground-truth images on "
            f"{recording.label_topic} belong to no segmented frame and were not used."
        )
    if recording.foreign_classes:
        notes.append(
            f"The ground truth has classes that the network lacks "
            f"({', '.join(recording.foreign_classes)}): they count as unlabelled."
        )
    accuracy = tally.accuracy
    unknown = accuracy.unknown_ids
    if unknown:
        pixels = accuracy.all.pixels + unknown.total()
        ids = ", ".join(str(label) for label in sorted(unknown))
        notes.append(
            f"{100 * unknown.total() / pixels:.1f} % of the ground truth's pixels hold id {ids}, "
            f"no class of this network (0 to {tally.classes - 1}): they count as unlabelled."
        )
    if not accuracy.all.pixels:
        notes.append("The ground truth holds no labelled pixel.")
    notes += [_resized(size, recording.image_size) for size in sorted(accuracy.truth_sizes)]
    return notes


def _resized(truth: tuple[int, int], image: tuple[int, int]) -> str:
    """What was done about ground truth of another size, both (height, width)."""
    what = f"Ground truth of {truth[1]}x{truth[0]} px differs from the image"
    how = "the prediction was resized to it, nearest neighbour"
    if not image[0] or abs(truth[1] * image[0] / (truth[0] * image[1]) - 1) < _SAME_ASPECT:
        return f"{what}: {how}."
    return (
        f"{what}, {image[1]}x{image[0]} px, and has another aspect ratio: {how}. Figures are wrong "
        "unless the labels show the whole image, squeezed."
    )


def _meaning(recording: Recording) -> list[str]:
    """Whether the ids of the ground truth mean what they are taken for."""
    notes: list[str] = []
    names = recording.classes
    if not names:
        return notes
    if not recording.truth_is_named:
        where = f"on {recording.label_topic}"
        notes.append(unnamed(where, names, _HOW_TO_NAME))
    matrix = recording.tally.accuracy.all
    likely = likely_ids(matrix)
    by_chance = kappa(matrix.counts) < CHANCE
    if likely:
        meant = ", ".join(f"{i} ({names[i]}) as {names[j]}" for i, j in likely.items())
        notes.append(
            f"The ground truth is suspicious: labels agree {_how_little(by_chance)}; they would "
            f"with its ids read as: {meant}."
        )
    elif by_chance:
        notes.append(
            f"The ground truth is suspicious: labels agree {_how_little(by_chance)}, whatever its "
            "ids mean; it may belong to other frames, or the network does not know this scene."
        )
    return notes


def _how_little(by_chance: bool) -> str:
    return "with it by chance only" if by_chance else "with it far less than they could"


def _frames(recording: Recording) -> list[str]:
    notes = []
    hint = recording.decoder.hint
    if hint:
        notes.append(f"{hint[0].upper()}{hint[1:]}.")
    if recording.unreadable_count:
        notes.append(
            f"{recording.unreadable_count} frames could not be read and were left out: "
            + "; ".join(recording.unreadable)
            + ("; …" if recording.unreadable_count > len(recording.unreadable) else "")
        )
    return notes
