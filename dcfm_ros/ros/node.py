"""The lifecycle node `segmenter`: converts, calls, publishes; the work is in the rooms below."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from std_srvs.srv import Trigger

from dcfm_ros.errors import DcfmError
from dcfm_ros.ros import parameters
from dcfm_ros.ros.configured import Configured
from dcfm_ros.ros.costmap_messages import unknown_grid
from dcfm_ros.ros.costmap_publishers import GridPublishers
from dcfm_ros.ros.diagnostics import engine_status
from dcfm_ros.ros.executor import refuse_impossible_transitions
from dcfm_ros.ros.monitor import Monitor
from dcfm_ros.ros.session import Session
from dcfm_ros.ros.throttle import Throttle
from dcfm_ros.streaming import Segmenter

if TYPE_CHECKING:
    from dcfm_ros.ros.bond import Bond

_LOOK_PERIOD_S = 0.25
_SUCCESS, _FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


class SegmenterNode(LifecycleNode):
    """Camera topics in, label images out.

    Raises:
        SettingsError: a parameter was given an invalid value.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__("segmenter", **options)
        self.settings = parameters.declare(self)
        self.state = "unconfigured"
        self._throttle = Throttle()
        self._problem = ""
        self._mismatches: dict[str, str] = {}
        self._configured: Configured | None = None
        self._session: Session | None = None
        self._monitor: Monitor | None = None
        self._unconfigured_grid: GridPublishers | None = None
        refuse_impossible_transitions(self)
        self.add_on_set_parameters_callback(self._on_parameters)
        self.create_service(Trigger, "~/reset", self._on_reset)
        self.create_service(Trigger, "~/force_key_frame", self._on_force_key_frame)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._reported_s = time.monotonic()
        # Timers of the steady clock: under use_sim_time nothing would move before the first /clock.
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(_LOOK_PERIOD_S, self._look, clock=self._steady)
        if unknown := parameters.unknown_overrides(self):
            self.get_logger().warning(f"parameters without effect: {', '.join(unknown)}")
        self._offer_unknown_grid()
        self._bond = None if self.settings.autostart else self._make_bond()
        if self.settings.autostart:
            self._autostart_timer = self.create_timer(0.0, self._autostart, clock=self._steady)

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the network and warm it up; create the output topics."""
        started_s = time.monotonic()
        done = self._try("configure", self._configure)
        if done is _SUCCESS and self._configured is not None:
            self.state = "inactive"
            engine = self._configured.engine.resolved
            self.get_logger().info(
                f"configured in {time.monotonic() - started_s:.1f} s: {engine.checkpoint} on "
                f"{engine.device}, {engine.precision}, {engine.threads} threads"
            )
        return done

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe to the cameras and start to work."""
        done = self._try("activate", self._activate)
        if done is _SUCCESS and self._session is not None:
            self.state = "active"
            if self._bond is not None:
                self._bond.start()
            topics = ", ".join(source.topic for source in self._session.inputs.values())
            self.get_logger().info(f"active; waiting for images on {topics}")
        return done

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop at once; nothing is published afterwards."""
        self._stop()
        self.state = "inactive"
        return _SUCCESS

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Remove the output topics and free the device memory."""
        self._stop()
        self._tear_down()
        self.state = "unconfigured"
        self._offer_unknown_grid()
        return _SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop, remove and free everything."""
        self._stop()
        self._tear_down()
        self._withdraw_unknown_grid()
        self.state = "finalized"
        return _SUCCESS

    def finish(self) -> None:
        """Go to finalized from whatever state; the process is about to end."""
        if self.state != "finalized":
            self.trigger_shutdown()

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Fall back to unconfigured."""
        return self.on_cleanup(state)

    def _configure(self) -> None:
        self._configured = Configured(self, self.settings, self._warn, self._on_mismatch)
        self._withdraw_unknown_grid()

    def _activate(self) -> None:
        assert self._configured is not None
        if self._session is not None and not self._session.join():
            raise DcfmError("the last frame before deactivation is still in work; activate again")
        costmap = self._configured.costmap
        self._session = Session(
            self,
            self.settings,
            self._configured.cameras,
            None if costmap is None else costmap.stage(self.settings.costmap, self._warn),
            self._warn,
        )
        self._monitor = Monitor(
            self._session, self.settings.stale_after_s, self.get_logger().warning
        )
        self._configured.publish_label_info()

    def _stop(self) -> None:
        self._monitor = None
        if self._bond is not None:
            self._bond.stop()
        if self._session is not None:
            self._session.stop()

    def _tear_down(self) -> None:
        if self._session is not None:
            self._session.join()
            self._session = None
        if self._configured is not None:
            self._configured.close()
            self._configured = None
        self._mismatches.clear()

    def _offer_unknown_grid(self) -> None:
        """While unconfigured: whoever keeps the grid of a node that died learns that it is void."""
        self._withdraw_unknown_grid()
        settings = self.settings.costmap
        if settings.enabled:
            grids = GridPublishers(self, settings.global_frame, self._on_mismatch)
            now_ns = int(self.get_clock().now().nanoseconds)
            grids.publish(unknown_grid(settings.grid, None, now_ns))
            self._unconfigured_grid = grids

    def _withdraw_unknown_grid(self) -> None:
        if self._unconfigured_grid is not None:
            self._unconfigured_grid.close()
            self._unconfigured_grid = None

    def _make_bond(self) -> Bond | None:
        try:
            from dcfm_ros.ros.bond import Bond
        except ImportError as error:
            self.get_logger().warning(
                f"no bond with a lifecycle manager, which needs bond_timeout: 0.0 then: {error}; "
                "install the ROS package bond, or build dcfm_ros anew"
            )
            return None
        return Bond(self)

    def _try(self, name: str, action: Callable[[], None]) -> TransitionCallbackReturn:
        """Run a transition; a failure is logged with its reason and leaves the state as it is."""
        try:
            action()
        except DcfmError as error:
            self._problem = f"{name} failed: {error}"
        except Exception as error:
            self.get_logger().error(traceback.format_exc())
            self._problem = f"{name} failed: unexpected {type(error).__name__}: {error}"
        else:
            self._problem = ""
            return _SUCCESS
        self.get_logger().error(self._problem)
        return _FAILURE

    def _autostart(self) -> None:
        self.destroy_timer(self._autostart_timer)
        if self.state == "unconfigured" and self.trigger_configure() is _SUCCESS:
            self.trigger_activate()

    def _on_parameters(self, changes: list[Parameter]) -> SetParametersResult:
        before = self.settings
        wanted, result = parameters.changed(before, changes, self.state)
        costmap = None if self._configured is None else self._configured.costmap
        refusal = "" if costmap is None else costmap.refusal(wanted.costmap)
        if refusal:
            return SetParametersResult(successful=False, reason=refusal)
        self.settings = wanted
        if self._configured is not None:
            self._configured.apply(before, self.settings)
        if self._monitor is not None:
            self._monitor.stale_after_s = self.settings.stale_after_s
        return result

    def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        return self._ask_cameras(response, "reset", Segmenter.reset)

    def _on_force_key_frame(
        self, request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        return self._ask_cameras(response, "key frame", Segmenter.request_key_frame)

    def _ask_cameras(
        self,
        response: Trigger.Response,
        what: str,
        request: Callable[[Segmenter], object],
    ) -> Trigger.Response:
        if self.state != "active" or self._configured is None:
            response.success = False
            response.message = f"the node is {self.state}, expected active"
            return response
        for camera in self._configured.cameras:
            camera.before_next_frame(request)
        response.success = True
        response.message = f"{what} with the next frame of each camera"
        return response

    def _look(self) -> None:
        if self._monitor is not None:
            self._monitor.look()
        now_s = time.monotonic()
        if now_s - self._reported_s >= self.settings.diagnostics_period_s - _LOOK_PERIOD_S / 2:
            self._reported_s = now_s
            self._report()

    def _report(self) -> None:
        name = self.get_fully_qualified_name().lstrip("/")
        engine = {} if self._configured is None else self._configured.figures()
        message = DiagnosticArray()
        message.header.stamp = self.get_clock().now().to_msg()
        message.status = [
            engine_status(f"{name}: engine", self.state, self._problem, engine, self._mismatches)
        ]
        if self._monitor is not None:
            message.status += self._monitor.report(name)
        for status in message.status:
            status.hardware_id = name
        self._diagnostics.publish(message)

    def _on_mismatch(self, topic: str, policy: str) -> None:
        self._mismatches[topic] = policy
        self._warn(
            f"{topic} {policy}",
            f"{topic}: a subscriber asks for another {policy} policy than offered and gets nothing",
        )

    def _warn(self, kind: str, text: str) -> None:
        self._throttle.say(kind, text, self.get_logger().warning)
