"""Keeps a lifecycle node alive when it is asked for a transition that its state does not allow."""

from __future__ import annotations

from typing import Any

from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.lifecycle import LifecycleNode


def refuse_impossible_transitions(node: LifecycleNode) -> None:
    """Answer `success: false` where rclpy raises and leaves the caller without an answer."""
    service = getattr(node, "_service_change_state", None)
    if service is None:  # another rclpy than the ones known; the executor's loop still survives
        return
    change_state = service.callback

    def answer(request: Any, response: Any) -> Any:
        try:
            return change_state(request, response)
        except rclpy_implementation.RCLError:
            name = request.transition.label or request.transition.id
            node.get_logger().warning(f"transition {name} refused: not possible in this state")
            response.success = False
            return response

    service.callback = answer
