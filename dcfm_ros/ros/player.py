"""Publishes a bag's messages, as they were serialised, with their timing."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import rclpy
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSDurabilityPolicy, QoSProfile, QoSReliabilityPolicy
from rosgraph_msgs.msg import Clock

from dcfm_ros.bags import BagReader, RawMessage, TopicInfo, split_stamp
from dcfm_ros.errors import BagError

_IMAGES_DEPTH = 5
_DEPTH = 100
_POLL_S = 0.02
_ACKNOWLEDGE_S = 2.0
_LONG_PAUSE_S = 10.0
"""To wait for, in s of real time: longer ones are told of."""
_CLOCK = "/clock"
_NS_PER_S = 1_000_000_000


@dataclass(frozen=True)
class PlaySettings:
    """What to play, and how."""

    rate: float = 1.0
    loop: bool = False
    clock_hz: float = 0.0
    """How often to publish the bag's time on /clock; 0: never, nor beside a /clock of the bag."""
    start_offset_s: float = 0.0
    topics: tuple[str, ...] = ()
    """Empty: all."""
    remaps: dict[str, str] = field(default_factory=dict)
    most_pause_s: float = 0.0
    """Longer pauses of the recording are shortened to this, in s of the bag's time; 0: none are."""
    wait_for: tuple[str, ...] | None = None
    """Names that need a subscriber before the start; empty: any image topic; None: nothing."""


@dataclass
class Played:
    """What came of it."""

    messages: Counter[str] = field(default_factory=Counter)
    """By published topic name."""
    latest_s: float = 0.0
    """By how much the latest message was behind its time."""
    skipped: dict[str, str] = field(default_factory=dict)
    """Message type by topic that this machine has no Python package for."""


class Player:
    """Plays one bag from a node of its own.

    Args:
        advance: called with the seconds of bag time that have passed since the last call.
        tell: called with a line about the recording that a user should know.

    Raises:
        BagError: a topic that the bag does not have, or nothing to play.
    """

    def __init__(
        self,
        bag: BagReader,
        settings: PlaySettings,
        advance: Callable[[float], object] = lambda seconds: None,
        tell: Callable[[str], object] = lambda line: None,
    ) -> None:
        self.played = Played()
        self._bag = bag
        self._settings = settings
        self._advance = advance
        self._tell = tell
        self._topics = _chosen(bag, settings.topics)
        self._node: Node = rclpy.create_node(f"dcfm_play_{os.getpid()}")
        self._publishers = {
            topic.name: publisher
            for topic in self._topics
            if (publisher := self._publisher(topic)) is not None
        }
        self._clock = self._own_clock()
        if not self._publishers:
            raise BagError(
                f"{bag.path}: nothing to play; no message package for "
                f"{', '.join(sorted(set(self.played.skipped.values()))) or 'its topics'}"
            )

    @property
    def topics(self) -> tuple[str, ...]:
        """The names that are published."""
        return tuple(self._published(name) for name in self._publishers)

    def wait(self, stop: threading.Event) -> None:
        """Return when the topics to wait for have subscribers, or `stop` is set.

        Raises:
            BagError: a topic to wait for is not played.
        """
        wanted = self._settings.wait_for
        if wanted is None:
            return
        by_name = {self._published(name): p for name, p in self._publishers.items()}
        if self._clock is not None:
            by_name[_CLOCK] = self._clock
        for name in wanted:
            if name not in by_name:
                raise BagError(f"cannot wait for {name}; played are {', '.join(sorted(by_name))}")
        images = [self._publishers[t.name] for t in self._bag.image_topics if t in self._topics]

        def ready() -> bool:
            if wanted:
                return all(by_name[name].get_subscription_count() for name in wanted)
            return any(publisher.get_subscription_count() for publisher in images)

        while not ready() and not stop.wait(_POLL_S):
            pass

    def play(self, stop: threading.Event) -> Played:
        """Publish everything at its time; again and again with `loop`; until `stop` is set."""
        while True:
            self._play_once(stop)
            if stop.is_set() or not self._settings.loop:
                break
        self._flush(stop)
        return self.played

    def close(self) -> None:
        """Remove the node."""
        self._node.destroy_node()

    def _play_once(self, stop: threading.Event) -> None:
        messages = self._bag.raw_messages(self._publishers)
        first = next(messages, None)
        if first is None:
            return
        start_ns = first.log_ns + round(self._settings.start_offset_s * _NS_PER_S)
        latched = {topic.name for topic in self._topics if _is_latched(topic)}
        pace = Pace(start_ns, self._settings.rate)
        reported_s, before_ns = 0.0, start_ns
        for message in _chain(first, messages):
            if message.log_ns < start_ns:
                if message.topic in latched:
                    self._publish(message)
                continue
            self._look_at_pause(before_ns, message.log_ns, start_ns, pace)
            before_ns = message.log_ns
            if not self._wait_until(message.log_ns, pace, stop):
                return
            self.played.latest_s = max(self.played.latest_s, -pace.left_s(message.log_ns))
            self._publish(message)
            passed_s = (message.log_ns - start_ns) / _NS_PER_S
            self._advance(passed_s - reported_s)
            reported_s = passed_s

    def _look_at_pause(self, before_ns: int, log_ns: int, start_ns: int, pace: Pace) -> None:
        """Shorten a pause of the recording that is too long, and tell of one that one waits for."""
        pause_ns = log_ns - before_ns
        most_ns = round(self._settings.most_pause_s * _NS_PER_S)
        at_s = (before_ns - start_ns) / _NS_PER_S
        text = (
            f"the recording pauses for {pause_ns / _NS_PER_S:.1f} s, {at_s:.1f} s after its start"
        )
        if most_ns and pause_ns > most_ns:
            pace.skip(pause_ns - most_ns)
            self._tell(f"{text}: shortened to {self._settings.most_pause_s:g} s")
        elif pause_ns / _NS_PER_S / self._settings.rate > _LONG_PAUSE_S:
            self._tell(f"{text}: waiting; --max-pause S shortens it")

    def _wait_until(self, log_ns: int, pace: Pace, stop: threading.Event) -> bool:
        """Wait for a message's time, with clock ticks on the way; False if stopped."""
        if self._clock is None:
            return not stop.wait(max(0.0, pace.left_s(log_ns)))
        tick_s = 1.0 / self._settings.clock_hz
        while True:
            self._clock.publish(_clock_message(min(pace.now_ns(), log_ns)))
            left_s = pace.left_s(log_ns)
            if stop.wait(max(0.0, min(left_s, tick_s))):
                return False
            if left_s <= tick_s:
                return True

    def _publish(self, message: RawMessage) -> None:
        self._publishers[message.topic].publish(message.cdr)
        self.played.messages[self._published(message.topic)] += 1

    def _flush(self, stop: threading.Event) -> None:
        """Let reliable subscribers get the last messages before the publishers go."""
        end_s = time.monotonic() + _ACKNOWLEDGE_S
        for publisher in self._publishers.values():
            if not hasattr(publisher, "wait_for_all_acked"):
                continue
            # Asked again and again, since one long wait would hold up every thread of this process.
            while not publisher.wait_for_all_acked(Duration(nanoseconds=1)):
                if time.monotonic() > end_s or stop.wait(_POLL_S):
                    return

    def _own_clock(self) -> Publisher | None:
        """A clock of bag time, where one is asked for and the bag does not hold one."""
        if not self._settings.clock_hz:
            return None
        if _CLOCK in self.topics:
            self._tell(f"the bag holds {_CLOCK}: that is played, and no other clock beside it")
            return None
        return self._node.create_publisher(Clock, _CLOCK, 10)

    def _publisher(self, topic: TopicInfo) -> Publisher | None:
        message_type = _message_type(topic.type)
        if message_type is None:
            self.played.skipped[topic.name] = topic.type
            return None
        is_image = topic in self._bag.image_topics
        durability = QoSDurabilityPolicy
        profile = QoSProfile(
            depth=max(1, min(topic.count, _IMAGES_DEPTH if is_image else _DEPTH)),
            reliability=QoSReliabilityPolicy.RELIABLE,
            durability=durability.TRANSIENT_LOCAL if _is_latched(topic) else durability.VOLATILE,
        )
        return self._node.create_publisher(message_type, self._published(topic.name), profile)

    def _published(self, name: str) -> str:
        return self._settings.remaps.get(name, name)


class Pace:
    """Maps bag time to the steady clock."""

    def __init__(
        self, start_ns: int, rate: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._start_ns = start_ns
        self._rate = rate
        self._clock = clock
        self._started_s = clock()

    def skip(self, time_ns: int) -> None:
        """Leave out so much of the bag's time, from now on."""
        self._start_ns += time_ns

    def left_s(self, log_ns: int) -> float:
        """Until a message is due; negative once it is late."""
        due_s = self._started_s + (log_ns - self._start_ns) / _NS_PER_S / self._rate
        return due_s - self._clock()

    def now_ns(self) -> int:
        """The bag's time now."""
        passed_s = (self._clock() - self._started_s) * self._rate
        return self._start_ns + round(passed_s * _NS_PER_S)


def _chosen(bag: BagReader, names: Iterable[str]) -> tuple[TopicInfo, ...]:
    wanted = set(names)
    known = {topic.name for topic in bag.topics}
    for name in sorted(wanted - known):
        raise BagError(f"{bag.path} has no topic {name}; it has {', '.join(sorted(known))}")
    return tuple(topic for topic in bag.topics if not wanted or topic.name in wanted)


def _is_latched(topic: TopicInfo) -> bool:
    return topic.latched or topic.name.endswith("/tf_static")


def _message_type(name: str) -> Any:
    """The rclpy class of a message type; None where its package is not installed."""
    package, _, message = name.partition("/msg/")
    try:
        return getattr(import_module(f"{package}.msg"), message, None)
    except ImportError:
        return None


def _clock_message(now_ns: int) -> Clock:
    message = Clock()
    message.clock.sec, message.clock.nanosec = split_stamp(now_ns)
    return message


def _chain(first: RawMessage, rest: Iterator[RawMessage]) -> Iterator[RawMessage]:
    yield first
    yield from rest
