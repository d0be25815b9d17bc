"""`dcfm evaluate --live`: a recording played into the live node, at one rate or at the highest."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from dcfm_ros.bags import open_bag
from dcfm_ros.datasets.source import open_source
from dcfm_ros.evaluation.evaluate import RunSettings
from dcfm_ros.evaluation.fleet.request import Live
from dcfm_ros.evaluation.report.formats import max_rate_sentence, trials_text
from dcfm_ros.evaluation.run.output import output_folder
from dcfm_ros.progress import seconds_bar
from dcfm_ros.replay.live import PATIENCE_S, LiveNode, figure_outputs, live_node
from dcfm_ros.replay.max_rate import (
    StatusLatencies,
    Trial,
    find_max_rate,
    kept_pace,
    patience_s,
    plain,
)
from dcfm_ros.replay.recording import as_bag, camera_hz, say
from dcfm_ros.replay.report import LOG, check_engine, play_and_report

_TRIAL_S = 30.0
"""Of bag time: how much of a recording each rate is tried on."""

_TRIAL_WALL_S = 60.0
"""The same in real time; low rates are tried on less of it."""


def evaluate_live(recording: Path, settings: RunSettings, live: Live, out: Path) -> dict[str, Any]:
    """Play one recording, and write the report.

    Args:
        out: folder of the report; appears whole or not at all, but for the node's log.

    Returns:
        The content of metrics.json.

    Raises:
        DcfmError: the recording or the checkpoint cannot be used, or the node fails.
    """
    check_engine(settings.engine)
    outputs = figure_outputs(settings)
    with output_folder(out) as stage:
        bag = as_bag(recording, settings.source.rate_hz, stage)
        rate, extra = live.rate, {}
        if live.find_max_rate:
            found = _highest_rate(bag, settings, live.rate, out / LOG)
            rate, extra = found["rate"] or found["curve"][0]["rate"], {"max_rate": found}
        return play_and_report(bag, settings, rate, out, stage, outputs, extra)


def _highest_rate(bag: Path, settings: RunSettings, first: float, log: Path) -> dict[str, Any]:
    """Search the highest rate without drops: `max_rate` of metrics.json."""
    with open_source(bag, settings.source) as source:
        topic, hz = source.image_topic, camera_hz(source)
    with open_bag(bag, skip_missing=settings.source.skip_missing) as reader:
        duration_s = min(reader.duration_ns / 1e9, _TRIAL_S)
    latencies = StatusLatencies()
    with live_node(bag, topic, settings, latencies, figure_outputs(settings), log) as node:
        found = find_max_rate(lambda rate: _try(node, rate, hz, duration_s, latencies), first)
    content = plain(found, hz)
    say(trials_text(content))
    say(max_rate_sentence(content))
    return content


def _try(
    node: LiveNode, rate: float, hz: float | None, duration_s: float, latencies: StatusLatencies
) -> Trial:
    """Play the recording's beginning once."""
    tried_s = min(duration_s, _TRIAL_WALL_S * rate)
    waits_s = patience_s(latencies.slowest_ms, PATIENCE_S)
    say(f"playing {tried_s / rate:.1f} s at {rate:.2f} times real time")
    with seconds_bar(f"rate {rate:.2f}", tried_s) as bar:
        delivery = node.play(rate, bar.update, tried_s, waits_s)
    total_ms = latencies.take()
    known = total_ms.size > 0
    return Trial(
        rate=rate,
        camera_hz=math.nan if hz is None else hz * rate,
        sent=delivery.sent,
        segmented=delivery.segmented,
        dropped=delivery.dropped,
        lost=delivery.lost,
        latest_ms=delivery.latest_ms,
        p50_ms=float(np.percentile(total_ms, 50)) if known else math.nan,
        p99_ms=float(np.percentile(total_ms, 99)) if known else math.nan,
        kept_pace=kept_pace(delivery.latest_ms, tried_s, rate, delivery.sent),
    )
