"""Environment of the processes that this package starts: room for images in shared memory."""

from __future__ import annotations

import os
from collections.abc import MutableMapping

from dcfm_ros.errors import SettingsError
from dcfm_ros.resources import resource

_MOST_DOMAIN = 232  # ports end there
PROFILE_VARIABLES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
"""Fast DDS reads the first up to Jazzy, the second from Kilted on."""


def use_fast_dds_profile(environment: MutableMapping[str, str] = os.environ) -> None:
    """Name the package's Fast DDS profile, unless the user has one; call it before rclpy.init.

    Raises:
        ResourceError: the profile is not installed.
        SettingsError: a variable of ROS 2 has a value that no node would start with.
    """
    _check_domain(environment.get("ROS_DOMAIN_ID", ""))
    if not fast_dds_profile(environment):
        environment.update(dict.fromkeys(PROFILE_VARIABLES, str(resource("config/fastdds.xml"))))


def fast_dds_profile(environment: MutableMapping[str, str] = os.environ) -> str:
    """The Fast DDS profile in use; empty if none."""
    return next((environment[name] for name in PROFILE_VARIABLES if environment.get(name)), "")


def _check_domain(text: str) -> None:
    if text and not (text.isascii() and text.isdigit() and int(text) <= _MOST_DOMAIN):
        raise SettingsError(
            f"ROS_DOMAIN_ID is {text!r}, expected a number from 0 to {_MOST_DOMAIN}: "
            "set it so, or unset it"
        )
