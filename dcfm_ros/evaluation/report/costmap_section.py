"""The costmap in the report: grids beside their frames, and how they compare with the truth."""

from __future__ import annotations

from html import escape

from dcfm_ros.evaluation.report import page
from dcfm_ros.evaluation.report.costmap_pictures import beside, film_strip
from dcfm_ros.evaluation.report.page import percent
from dcfm_ros.evaluation.report.pictures import jpeg_uri
from dcfm_ros.evaluation.run.costmap_run import CostmapRun
from dcfm_ros.evaluation.run.results import Recording, Results
from dcfm_ros.images import Pixels

_MOST_RECORDINGS = 4


def costmaps(results: Results) -> str:
    """Grids of each recording that has them."""
    mapped = [recording for recording in results.recordings if recording.costmap is not None]
    parts = [part for recording in mapped[:_MOST_RECORDINGS] for part in _of(recording, results)]
    if not parts:
        return ""
    explained = (
        "What the costmap holds after these frames: the classes of the ground and of what stands "
        "on it, from above, the robot's way up; grey is unknown."
    )
    return page.section("Costmap", page.text(explained), *parts)


def strip(results: Results) -> Pixels | None:
    """Grids of the first recording that has them, side by side; None without."""
    for recording in results.recordings:
        if recording.costmap is not None and recording.costmap.shots():
            return film_strip(recording.costmap.shots(), recording.costmap.classes)
    return None


def _of(recording: Recording, results: Results) -> list[str]:
    run = recording.costmap
    assert run is not None
    parts = [f"<h3>{escape(recording.name)}</h3>"] if len(results.recordings) > 1 else []
    parts.append(page.text(_sentence(run)))
    if run.score.grids:
        parts.append(page.cards(_cards(run)))
    parts += [
        f'<figure><img alt="costmap" src="{jpeg_uri(beside(shot, run.classes))}">'
        f"<figcaption>frame {shot.index}: camera, costmap"
        f"{', true grid' if shot.truth is not None else ''}</figcaption></figure>"
        for shot in run.shots(4)
    ]
    return parts


def _sentence(run: CostmapRun) -> str:
    settings = run.settings
    how = "by depth" if run.by_depth else "on the ground plane"
    made = (
        f"{run.added} frames were projected {how} into cells of {settings.grid.resolution_m:g} m, "
        f"which gave {run.grids} grids at {settings.rate_hz:g} Hz."
    )
    if run.published:
        made = f"{run.grids} grids that the node published on ~/class_grid."
    said = [made]
    said += [f"{count} frames not added: {reason}." for reason, count in run.problems.items()]
    said += [f"{warning[0].upper()}{warning[1:]}." for warning in run.warnings]
    return " ".join(said)


def _cards(run: CostmapRun) -> list[str]:
    score = run.score
    return [
        page.card(
            "ground of the right class",
            percent(score.ground_share),
            "%",
            f"of {score.ground} cells, {score.grids} grids",
        ),
        page.card(
            "obstacles near a true one",
            percent(score.obstacle_share),
            "%",
            f"of {score.obstacles} cells, within two cells",
        ),
        page.card(
            "ground that hides an obstacle",
            percent(score.hidden_share),
            "%",
            f"{score.hidden_obstacles} cells",
        ),
    ]
