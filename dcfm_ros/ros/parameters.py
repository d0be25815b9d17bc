"""The node's settings as ROS parameters: declared, described, read and guarded."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable
from typing import Any

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter

from dcfm_ros.errors import SettingsError
from dcfm_ros.ros.parameter_file import valid_values
from dcfm_ros.ros.settings import NodeSettings
from dcfm_ros.settings import Option, flatten, from_flat, replace_flat

_AT_START = ("autostart",)
_AT_CONFIGURE = ("cameras", "image_bits", "engine.", "costmap.enabled", "costmap.classes")
_AT_ACTIVATE = ("image_transport", "image_reliability", "costmap.")
_AT_ONCE = (
    "costmap.costs",
    "costmap.rate_hz",
    "costmap.prompt_range_m",
    "costmap.max_rate_hz",
    "costmap.tf_timeout_s",
    "costmap.clear_after_s",
    "costmap.nav_scale",
)

_INT64 = 2**63 - 1


def declare(node: Node) -> NodeSettings:
    """Declare every setting as a parameter and read the values that the user gave.

    Raises:
        SettingsError: a value of the wrong type or out of range; names the parameter.
    """
    options = flatten(NodeSettings())
    values: dict[str, Any] = {}
    for name, option in options.items():
        try:
            values[name] = node.declare_parameter(
                name, _parameter_value(option.default), descriptor(option)
            ).value
        except (InvalidParameterTypeException, InvalidParameterValueException) as error:
            _settings({name: _overrides(node).get(name, option.default)})
            raise SettingsError(f"parameter {name}: {error}") from error
    return _settings(values)


def descriptor(option: Option) -> ParameterDescriptor:
    """What tools show for a parameter, and the range that rclpy enforces."""
    described = ParameterDescriptor()
    described.description = option.doc
    described.additional_constraints = valid_values(option)
    described.read_only = option.name in _AT_START
    # Let users write 1 for 1.0, and [], which has no type; the settings check the type.
    described.dynamic_typing = option.type in (float, tuple[str, ...])
    low, high = option.low, option.high
    if option.type is int and (low is not None or high is not None):
        described.integer_range = [
            IntegerRange(
                from_value=int(low) if low is not None else -_INT64,
                to_value=int(high) if high is not None else _INT64,
            )
        ]
    elif option.type is float and (low is not None or high is not None):
        described.floating_point_range = [
            FloatingPointRange(
                from_value=float(low) if low is not None else -sys.float_info.max,
                to_value=float(high) if high is not None else sys.float_info.max,
            )
        ]
    return described


def changed(
    settings: NodeSettings, parameters: Iterable[Parameter], state: str
) -> tuple[NodeSettings, SetParametersResult]:
    """Judge a change of parameters in a lifecycle state.

    Returns:
        The settings to use from now on, and the answer to the caller. Parameters that are not
        settings (QoS overrides, use_sim_time) are accepted.
    """
    known = flatten(settings)
    wanted = _cleaned({p.name: p.value for p in parameters if p.name in known})
    try:
        new = replace_flat(settings, wanted)
    except SettingsError as error:
        return settings, SetParametersResult(successful=False, reason=_dotted(error, wanted))
    after = flatten(new)
    for name in wanted:
        reason = _too_late(name, state) if after[name].value != known[name].value else ""
        if reason:
            return settings, SetParametersResult(successful=False, reason=reason)
    return new, SetParametersResult(successful=True)


def unknown_overrides(node: Node) -> list[str]:
    """Parameters given to the node that it does not have, each with the nearest that it has."""
    known = list(flatten(NodeSettings()))
    unknown = []
    for name in _overrides(node):
        if not node.has_parameter(name) and not name.startswith("qos_overrides."):
            nearest = difflib.get_close_matches(name, known, n=1)
            unknown.append(f"{name} (did you mean {nearest[0]}?)" if nearest else name)
    return unknown


def _parameter_value(value: Any) -> Any:
    # An empty list has no type of its own; a list with one empty string means the same here.
    return (list(value) or [""]) if isinstance(value, tuple) else value


def _cleaned(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: [item for item in value if item] if isinstance(value, list) else value
        for name, value in values.items()
    }


def _settings(values: dict[str, Any]) -> NodeSettings:
    """Settings from values, or the reason why there are none, under the parameter's full name."""
    try:
        return from_flat(NodeSettings, _cleaned(values))
    except SettingsError as error:
        text = _dotted(error, values)
        named = text.partition(":")[0] in values
        raise SettingsError("parameter " + text if named else text) from error


def _dotted(error: SettingsError, names: Iterable[str]) -> str:
    """A settings error about one field names it; put the full parameter name there."""
    field, colon, rest = str(error).partition(":")
    for name in names:
        if name.rpartition(".")[2] == field:
            return name + colon + rest
    return str(error)


def _overrides(node: Node) -> dict[str, Any]:
    """The values given on the command line and in files; rclpy offers no public list."""
    given = getattr(node, "_parameter_overrides", {})
    return {name: parameter.value for name, parameter in given.items()}


def _too_late(name: str, state: str) -> str:
    if name in _AT_ONCE:
        return ""
    if name.startswith(_AT_CONFIGURE) and state not in ("unconfigured", "configuring"):
        return (
            f"{name} takes effect at configure, and the node is {state}; "
            "deactivate and clean it up first"
        )
    if name.startswith(_AT_ACTIVATE) and state in ("active", "activating"):
        return f"{name} takes effect at activate, and the node is {state}; deactivate it first"
    return ""
