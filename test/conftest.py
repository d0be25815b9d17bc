"""Keeps the tests apart from every other ROS on this network, and finds what they share."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

# Before anything imports rclpy or torch. Set, not defaulted: a robot may run in the user's domain.
os.environ["ROS_DOMAIN_ID"] = str(1 + os.getpid() % 100)
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
# Waiting OpenMP threads sleep: spinning ones take the core from the node beside them.
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"

CHECKOUT = Path(__file__).resolve().parent.parent

LONG_FILES = {
    "test_bootstrap.py",
    "test_cli_demo.py",
    "test_cli_evaluate_fleet.py",
    "test_cli_evaluate_live.py",
    "test_evaluation_long_bags.py",
    "test_ros_bag.py",
    "test_ros_costmap_bag.py",
    "test_training_distributed.py",
    "test_training_trainer.py",
}
"""A minute or more each; few tests, whose processes wait for one another."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first: with one begun at the end, a worker would run alone for minutes."""
    missing = [name for name in LONG_FILES if not (CHECKOUT / "test" / name).is_file()]
    assert not missing, f"renamed? {missing}"
    items.sort(key=lambda item: item.path.name not in LONG_FILES)


# What says that torch is missing: Python, the guard of `dcfm`, `dcfm doctor`.
_NO_TORCH = ("No module named 'torch'", "needs torch, which is not installed")
_WITHOUT_TORCH = "--without-torch"


def pytest_addoption(parser: pytest.Parser) -> None:
    """`make test-oldest` runs where there is no torch."""
    parser.addoption(
        _WITHOUT_TORCH,
        action="store_true",
        help="skip what cannot import torch",
    )


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Skip the modules that import torch."""
    report = yield
    _skip_for_torch(collector, report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Skip the tests that import torch, here or in a process that they start."""
    report = yield
    _skip_for_torch(item, report)
    return report


def _skip_for_torch(node: pytest.Item | pytest.Collector, report: Any) -> None:
    if not (report.failed and node.config.getoption(_WITHOUT_TORCH)):
        return
    said = f"{report.longrepr}{report.capstdout}{report.capstderr}"
    if any(sign in said for sign in _NO_TORCH):
        report.outcome = "skipped"
        report.longrepr = (str(node.path), 0, "Skipped: needs torch")


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The source folder."""
    return CHECKOUT


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Folder of real data: DCFM_SHARED, or `shared` beside the checkout; skips without one."""
    folder = Path(os.environ.get("DCFM_SHARED") or CHECKOUT.parent / "shared")
    if not (folder / "bags").is_dir():
        pytest.skip(f"no shared data at {folder}; DCFM_SHARED names another folder")
    return folder


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny network with random weights, for the pictures of `evaluation_harness`."""
    from evaluation_harness import write_checkpoint  # torch, which many tests do without

    return write_checkpoint(tmp_path_factory.mktemp("checkpoint") / "tiny.safetensors")
