"""The report page, parsed; its look is checked by eye."""

from __future__ import annotations

import base64
import io
import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import cv2
import numpy as np
import pytest
from frame_harness import segmented_frame
from PIL import Image

from dcfm_ros.evaluation.measure.frames import SegmentedFrame
from dcfm_ros.evaluation.measure.tally import Tally
from dcfm_ros.evaluation.report.document import document
from dcfm_ros.evaluation.report.drawings import (
    latency_histogram,
    stage_bars,
    stage_histograms,
)
from dcfm_ros.evaluation.report.notes import notes_on_costmaps
from dcfm_ros.evaluation.report.pictures import ground_truth, mistakes, prediction
from dcfm_ros.evaluation.report.summary import summary
from dcfm_ros.evaluation.report.timeline import timeline
from dcfm_ros.evaluation.report.write import write_report
from dcfm_ros.evaluation.run.results import EXACT, LIVE, Delivery, Recording, Results, Setup
from dcfm_ros.network import CheckpointInfo, label_set, named_config
from dcfm_ros.streaming import KeyFrameSettings
from dcfm_ros.streaming.engine import ResolvedEngine

HEIGHT, WIDTH, COUNT = 36, 48, 40
VOID_TAGS = {"meta", "img", "br"}


class Page(HTMLParser):
    """Checks that tags are balanced, and collects what the tests ask for."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.headings: list[str] = []
        self.sources: list[str] = []
        self.text: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID_TAGS:
            self.open.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" in self.open:
            return
        self.text.append(data)
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)


def frames(*, labelled: bool, skip: int | None = None):
    """The upper half is sky, the lower half road; the network errs on the right."""
    truth = np.zeros((HEIGHT, WIDTH), np.uint8)
    truth[HEIGHT // 2 :] = 3
    labels = truth.copy()
    labels[:, WIDTH - 8 :] = 8
    for index in range(COUNT):
        if index == skip:
            continue
        key = index % 5 == 0
        yield segmented_frame(
            labels,
            index=index,
            stamp_ns=index * 100_000_000,
            is_key_frame=key,
            age=index % 5,
            mean_confidence=0.9,
            stages_ms={"preprocess": 2.0, "network": 20.0 + index, "total": 22.0 + index},
            rgb=np.full((HEIGHT, WIDTH, 3), 100, np.uint8),
            truth=truth if labelled else None,
        )


def results_of(mode=EXACT, *, labelled=True, skip=None, name="street <1> & more") -> Results:
    named = named_config("camvid_tiny")
    info = CheckpointInfo("tiny", named.network, label_set("camvid"), (HEIGHT, WIDTH))
    engine = ResolvedEngine("tiny.safetensors", "cpu", "float32", 1, 0, 0, "2", "4")
    results = Results(Setup(mode, info, "0" * 64, engine, KeyFrameSettings()), io.StringIO())
    recording = Recording(name, f"/bags/{name}", "/image", "/gt/label", COUNT, COUNT, Tally(11))
    results.recordings.append(recording)
    results.gather(recording, frames(labelled=labelled, skip=skip))
    if mode == LIVE:
        recording.delivery = Delivery(sent=40, lost=0, dropped=1, segmented=39, latest_ms=3.0)
    return results


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    content = write_report(results_of(LIVE, skip=7), folder)
    return folder, content, Page((folder / "report.html").read_text(encoding="utf-8"))


def test_the_page_needs_no_other_file(written):
    folder, _, page = written
    assert sorted(f.name for f in folder.iterdir()) == [
        "contact_sheet.png", "counts.npz", "metrics.json", "report.html"
    ]  # fmt: skip
    assert page.sources
    assert all(source.startswith("data:image/") for source in page.sources)
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"(?:src|href)=.?https?:|url\(|@import", html)


def test_all_sections_are_there_in_order(written):
    _, _, page = written
    assert page.headings == [
        "What it looks like", "Classes", "Key frames", "Latency", "Reuse and confidence",
        "Steadiness", "Worst frames", "Set-up",
    ]  # fmt: skip


def test_names_are_escaped(written):
    _, _, page = written
    assert any("street <1> & more" in text for text in page.text)


def test_the_figures_of_the_summary_are_those_measured(written):
    _, content, page = written
    text = " ".join(page.text)
    accuracy = content["total"]["accuracy"]
    assert accuracy["miou"] == pytest.approx(40 / 48)
    assert "83.3" in text
    assert "8 of 39 frames" in text
    assert "of 40" in text
    assert "1 dropped · 0 lost" in text
    assert "the camera gives 10.0 Hz" in text
    assert json.loads((written[0] / "metrics.json").read_text()) == content


def test_pictures_and_drawings_can_be_decoded(written):
    _, _, page = written
    kinds = {"data:image/jpeg": 0, "data:image/svg+xml": 0}
    for source in page.sources:
        head, _, data = source.partition(";base64,")
        kinds[head] += 1
        decoded = base64.b64decode(data, validate=True)
        if head == "data:image/jpeg":
            assert cv2.imdecode(np.frombuffer(decoded, np.uint8), cv2.IMREAD_COLOR) is not None
        else:
            assert ET.fromstring(decoded).tag.endswith("svg")
    # nine overlays, and four panels of each of the worst frames, which lie 15 frames apart
    assert kinds == {"data:image/jpeg": 9 + 4 * 3, "data:image/svg+xml": 5}


def test_classes_stand_beside_their_colours(written):
    _, _, page = written
    styles = [value for name, value in page.attributes if name == "style"]
    assert "background:rgb(128, 64, 128)" in styles
    assert "width:83.3%" in styles


def test_the_contact_sheet_is_a_picture_of_nine_frames(written):
    with Image.open(written[0] / "contact_sheet.png") as sheet:
        assert sheet.mode == "RGB"
        width, height = sheet.size
    tile = 426 * HEIGHT / WIDTH
    assert width == 2 * 20 + 3 * 426 + 2 * 8
    assert height > 3 * tile


def test_without_ground_truth_the_page_says_so(tmp_path):
    content = write_report(results_of(labelled=False), tmp_path)
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    text = " ".join(page.text)
    assert "no ground truth" in text
    assert "Share of each class in the predicted pixels" in text
    assert "mistakes" not in text
    assert "not measured: there is no ground truth" in summary(content)


def test_one_frame_is_enough(tmp_path):
    results = results_of()
    recording = results.recordings[0]
    recording.tally = Tally(11)
    results.gather(recording, list(frames(labelled=True))[:1])
    write_report(results, tmp_path)
    assert "1 of 1 frames" in (tmp_path / "report.html").read_text()


def test_the_summary_fits_a_screen():
    results = results_of(LIVE, skip=7)
    lines = summary(document(results)).splitlines()
    assert len(lines) <= 20
    assert all(len(line) <= 100 for line in lines)
    assert lines[0] == "frames      40 sent, 39 segmented, 1 dropped, 0 lost"
    assert any(
        line.startswith("mIoU        83.3 % over 39 frames (sky 83, road 83") for line in lines
    )


def test_problems_of_several_costmaps_are_added_up():
    late = {"frames_added": 6, "frames_not_added": {"late": 4, "no ground": 1}, "warnings": ["w"]}
    good = {"frames_added": 9, "frames_not_added": {"no ground": 5}, "warnings": ["w", "x"]}
    assert notes_on_costmaps([late, good]) == [
        "6 of 25 frames not added to the costmap: no ground.",
        "4 of 25 frames not added to the costmap: late.",
        "W.",
        "X.",
    ]


def test_many_problems_of_the_costmap_leave_the_terminal_its_screen():
    content = document(results_of())
    content["recordings"][0]["costmap"] = {
        "frames_added": 0,
        "frames_not_added": {f"reason {number}": 1 for number in range(30)},
        "grids": 0,
        "against_truth": None,
        "warnings": [],
    }
    lines = summary(content).splitlines()
    assert "costmap     0 grids" in lines
    assert len(lines) <= 20
    assert lines[-1] == "note        26 more on the costmap in the report"


def test_long_recordings_do_not_make_large_drawings():
    """Of 6000 frames as of 40: many marks become one bitmap."""
    tally = Tally(11)
    (first,) = list(frames(labelled=True))[:1]
    for index in range(6000):
        stages = {"preprocess": 1.0, "network": 9.0 + index % 7, "total": 10.0 + index % 7}
        one = {**vars(first), "index": index, "stamp_ns": index * 100, "stages_ms": stages}
        tally.add(SegmentedFrame(**one), "bag")
    drawings = (
        timeline(tally, 100.0),
        latency_histogram(tally.latencies, 100.0),
        stage_bars(tally.latencies),
        stage_histograms(tally.latencies),
    )
    assert sum(len(drawing) for drawing in drawings) < 1_000_000


def test_jumping_stamps_are_drawn_by_frame_number():
    tally = Tally(11)
    for frame in frames(labelled=True):
        tally.add(SegmentedFrame(**{**vars(frame), "stamp_ns": 0}), "bag")
    assert b"<svg" in timeline(tally, float("nan"))


def test_pictures_show_predictions_truth_and_mistakes():
    results = results_of()
    sample, labels = results.samples.spread()[0], label_set("camvid")
    shown, true, wrong = (draw(sample, labels) for draw in (prediction, ground_truth, mistakes))
    road = np.array((128, 64, 128))
    np.testing.assert_allclose(shown[-1, 0], 0.4 * 100 + 0.6 * road, atol=1)
    np.testing.assert_allclose(true[-1, -1], 0.4 * 100 + 0.6 * road, atol=1)
    assert (shown[-1, -1] != true[-1, -1]).any()
    red, green, blue = wrong[-1, -1].astype(int)
    assert red > green > blue + 80, "mistakes are orange"
    assert len(set(wrong[0, 0].tolist())) == 1, "what is right is grey"
