"""The benchmark of exact mode runs; what it finds depends on the machine."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from evaluation_harness import pictures, write_checkpoint, write_recording

sys.path.append(str(Path(__file__).resolve().parent.parent))  # benchmarks are not installed

from benchmarks import harness


@pytest.fixture(autouse=True)
def threads_of_opencv():
    before = cv2.getNumThreads()
    yield
    cv2.setNumThreads(before)


def test_the_benchmark_runs_both_ways_over_all_frames(tmp_path, monkeypatch, capsys):
    labels = [np.zeros((48, 64), np.uint8)] * 5
    bag = write_recording(tmp_path / "street", pictures(5), labels)
    checkpoint = write_checkpoint(tmp_path / "tiny.safetensors")
    arguments = [str(bag), "--rounds", "2", "--checkpoint", str(checkpoint), "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["harness", *arguments])
    harness.main()
    found = json.loads((tmp_path / "harness.json").read_text())
    assert (found["frames"], found["labelled"], found["image_size"]) == (5, 5, [64, 48])
    assert set(found["kinds"]) == set(harness.KINDS)
    for figures in found["kinds"].values():
        assert len(figures["ratios"]) == 2
        assert figures["ratio_with_reader"] >= figures["ratio"] > 0
    text = (tmp_path / "harness.md").read_text()
    assert text.strip() == capsys.readouterr().out.strip()
    assert "street --rounds 2 --threads 1" in text
