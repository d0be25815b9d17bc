"""Settings: validation, dotted names, and the round trip to plain values."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field

import pytest

from dcfm_ros.errors import SettingsError
from dcfm_ros.settings import check, flatten, from_flat, option, replace_flat, to_dict
from dcfm_ros.streaming.settings import EngineSettings, KeyFrameSettings


@dataclass(frozen=True)
class Inner:
    rate_hz: float = option(2.0, "A rate.", low=0.1, high=50.0)
    names: tuple[str, ...] = option((), "Some names.")

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class Outer:
    mode: str = option("fast", "A mode.", choices=("fast", "slow"))
    count: int = option(3, "A count.", low=1)
    live: bool = option(True, "A switch.")
    inner: Inner = field(default_factory=Inner)

    def __post_init__(self) -> None:
        check(self)


def test_flatten_names_every_option_by_its_path() -> None:
    options = flatten(Outer(inner=Inner(rate_hz=5.0)))
    assert list(options) == ["mode", "count", "live", "inner.rate_hz", "inner.names"]
    rate = options["inner.rate_hz"]
    assert (rate.value, rate.default, rate.low, rate.high) == (5.0, 2.0, 0.1, 50.0)
    assert (rate.doc, rate.type) == ("A rate.", float)
    assert options["mode"].choices == ("fast", "slow")


def test_from_flat_takes_what_yaml_and_ros_give() -> None:
    made = from_flat(Outer, {"inner.rate_hz": 7, "inner.names": ["a", "b"], "count": 9})
    assert made == Outer(count=9, inner=Inner(rate_hz=7.0, names=("a", "b")))
    assert isinstance(made.inner.rate_hz, float)


def test_replace_flat_keeps_the_rest() -> None:
    assert replace_flat(Outer(count=9), {"mode": "slow"}) == Outer(count=9, mode="slow")


def test_to_dict_is_plain() -> None:
    plain = to_dict(Outer(inner=Inner(names=("x",))))
    assert json.loads(json.dumps(plain)) == {
        "mode": "fast",
        "count": 3,
        "live": True,
        "inner": {"rate_hz": 2.0, "names": ["x"]},
    }


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"mode": "fats"}, "mode: found 'fats', expected one of fast, slow; did you mean 'fast'?"),
        ({"count": 0}, "count: found 0, expected at least 1"),
        ({"inner.rate_hz": 51.0}, "rate_hz: found 51.0, expected 0.1 to 50.0"),
        ({"inner.rate_hz": math.nan}, "rate_hz: found nan"),
        ({"count": 2.5}, "count: found 2.5, expected a value of type int"),
        ({"count": True}, "count: found True, expected a value of type int"),
        ({"live": 1}, "live: found 1, expected a value of type bool"),
        ({"inner.names": "abc"}, "names: found 'abc', expected a value of type list of strings"),
        ({"inner.rat_hz": 1.0}, "unknown setting 'inner.rat_hz'; did you mean 'inner.rate_hz'?"),
        ({"zzz": 1}, "unknown setting 'zzz'; known are mode"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(values: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        from_flat(Outer, values)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_the_shipped_settings_are_valid_and_explained() -> None:
    for settings in (EngineSettings(), KeyFrameSettings()):
        for found in flatten(settings).values():
            assert found.doc.endswith(".")
