"""Which variables reach what make starts."""

from __future__ import annotations

import pytest
from clean_environment import clean_environment, enter_venv


@pytest.mark.parametrize(
    "name",
    [
        "AMENT_PREFIX_PATH",
        "CMAKE_PREFIX_PATH",
        "COLCON_PREFIX_PATH",
        "FASTDDS_BUILTIN_TRANSPORTS",
        "FASTRTPS_DEFAULT_PROFILES_FILE",
        "PIP_USER",
        "PYTHONHOME",
        "PYTHONPATH",
        "RCUTILS_LOGGING_BUFFERED_STREAM",
        "RMW_IMPLEMENTATION",
        "ROS_DISTRO",
        "ROS_DOMAIN_ID",
        "_ROS_WHEELS_BOOTSTRAP_COMPLETE",
    ],
)
def test_variables_of_another_ros_or_python_are_left_out(name):
    assert clean_environment({name: "x"}) == {}


@pytest.mark.parametrize(
    "name", ["CC", "CUDA_VISIBLE_DEVICES", "HOME", "http_proxy", "LANG", "PIP_INDEX_URL", "ROSE"]
)
def test_other_variables_are_kept(name):
    assert clean_environment({name: "x"}) == {name: "x"}


def test_library_folders_with_a_ros_in_them_are_left_out(tmp_path):
    for folder, library in (("ros", "librcutils.so"), ("cuda", "libcudart.so")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / library).touch()
    path = f"{tmp_path}/ros:{tmp_path}/cuda::/nowhere"
    expected = {"LD_LIBRARY_PATH": f"{tmp_path}/cuda:/nowhere"}
    assert clean_environment({"LD_LIBRARY_PATH": path}) == expected
    assert clean_environment({"LD_LIBRARY_PATH": f"{tmp_path}/ros"}) == {}


def test_the_environments_programs_come_first(tmp_path):
    entered = enter_venv({"PATH": "/usr/bin", "ROS_DISTRO": "humble"}, tmp_path)
    assert entered == {"PATH": f"{tmp_path}/bin:/usr/bin", "VIRTUAL_ENV": str(tmp_path)}
