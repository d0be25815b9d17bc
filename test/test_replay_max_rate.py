"""The search on nodes whose limit is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from frame_harness import segmented_frame

from dcfm_ros.bags import open_bag
from dcfm_ros.evaluation.report.formats import max_rate_section, max_rate_sentence, trials_text
from dcfm_ros.evaluation.report.write import render
from dcfm_ros.evaluation.run.writers import LabelBag
from dcfm_ros.network import label_set
from dcfm_ros.replay.max_rate import (
    PRECISION,
    StatusLatencies,
    Trial,
    find_max_rate,
    kept_pace,
    patience_s,
    plain,
)


def trial(rate, *, dropped=0, pace=True):
    return Trial(rate, 15 * rate, 90, 90 - dropped, dropped, 0, 1.0, 20.0, 30.0, pace)


def node_with(limit):
    """Drops frames above a rate; notes what was played."""
    played = []

    def play(rate):
        played.append(rate)
        return trial(rate, dropped=0 if rate <= limit else 5)

    return play, played


@pytest.mark.parametrize("limit", [0.05, 0.3, 1.0, 1.37, 7.9, 40.0])
def test_the_limit_is_found_to_the_precision(limit):
    play, played = node_with(limit)
    found = find_max_rate(play)
    assert limit / (1 + PRECISION) <= found.rate <= limit
    assert found.limit == "node"
    assert found.best.rate == found.rate
    assert len(played) < 26
    assert [t.rate for t in found.trials] == played


def test_without_any_limit_the_search_ends():
    found = find_max_rate(node_with(math.inf)[0])
    assert (found.rate, found.limit) == (64.0, "search")


def test_a_node_that_always_drops_has_no_rate():
    found = find_max_rate(node_with(0.0)[0])
    assert found.rate is None
    assert found.best is None
    assert min(t.rate for t in found.trials) == 1 / 64
    assert "even at 0.0156 times real time" in max_rate_sentence(plain(found, 15.0))


def test_one_hiccup_is_not_the_nodes_limit():
    """Every rate drops a frame the first time."""
    seen = set()

    def play(rate):
        first = rate not in seen
        seen.add(rate)
        return trial(rate, dropped=1 if first or rate > 2.0 else 0)

    assert find_max_rate(play).rate == 2.0


def test_a_player_that_is_late_is_told_apart():
    found = find_max_rate(lambda rate: trial(rate, pace=rate <= 4.0))
    assert (found.rate, found.limit) == (4.0, "player")
    assert "the player itself was late" in max_rate_sentence(plain(found, None))


def test_a_player_may_be_late_by_a_frame_or_by_the_precision():
    assert kept_pace(99.0, duration_s=1.0, rate=1.0, frames=11), "a frame is 100 ms"
    assert not kept_pace(101.0, duration_s=1.0, rate=1.0, frames=11)
    assert not kept_pace(99.0, duration_s=1.0, rate=2.0, frames=11)
    assert kept_pace(499.0, duration_s=10.0, rate=1.0, frames=1001), "5 % of 10 s"


def section_html(document):
    return render("max_rate.html.j2", max_rate=max_rate_section(document))


def test_the_curve_rises_and_can_be_json():
    content = plain(find_max_rate(node_with(1.4)[0]), 15.0)
    rates = [t["rate"] for t in content["curve"]]
    assert rates == sorted(rates)
    assert content["hz"] == pytest.approx(15 * content["rate"], abs=1e-3)
    text = trials_text(content)
    assert text.splitlines()[0].split()[:2] == ["rate", "Hz"]
    assert len(text.splitlines()) == 1 + len(rates)
    assert f"{content['rate']:.2f} times real time" in section_html({"max_rate": content})
    assert section_html({}) == ""


def test_unknown_latencies_are_null():
    unknown = Trial(1.0, math.nan, 1, 1, 0, 0, 0.0, math.nan, math.nan, True)
    content = plain(find_max_rate(lambda rate: unknown), None)
    assert content["curve"][0]["p50_ms"] is None
    assert "n/a" in trials_text(content)


def test_latencies_are_read_from_serialised_statuses(tmp_path):
    bag = LabelBag(tmp_path / "bag", label_set("camvid"))
    labels = np.zeros((4, 6), np.uint8)
    for index, total_ms in enumerate((12.5, 20.0)):
        bag.write(
            segmented_frame(
                labels,
                index=index,
                stamp_ns=10**18 + index,
                is_key_frame=True,
                stages_ms={
                    "preprocess": 1.0,
                    "network": 2.0,
                    "postprocess": 3.0,
                    "total": total_ms,
                },
            )
        )
    bag.close()
    log = StatusLatencies()
    with open_bag(tmp_path / "bag") as reader:
        for message in reader.raw_messages():
            log.write_raw(message.topic, message.type, message.cdr, message.log_ns)
    np.testing.assert_array_equal(log.take(), [12.5, 20.0])
    assert log.take().size == 0
    assert log.slowest_ms == 20.0, "whether taken or not"


@pytest.mark.parametrize(
    ("slowest_ms", "expected_s"), [(0.0, 15.0), (20.0, 2.0), (500.0, 5.0), (9000.0, 15.0)]
)
def test_frames_are_waited_for_as_long_as_frames_take_here(slowest_ms, expected_s):
    assert patience_s(slowest_ms, 15.0) == expected_s
