"""One recording of several in a process of its own: a `Request` comes on standard input."""

from __future__ import annotations

import sys


def main() -> int:
    """Run what standard input says; the exit codes of `dcfm`."""
    from dcfm_ros.cli.main import guarded

    return guarded("evaluate", _run)


def _run() -> int:
    from dcfm_ros.cli.evaluate import evaluate
    from dcfm_ros.evaluation.fleet.request import Request

    request = Request.from_json(sys.stdin.read())
    evaluate(request, [request.recording])
    return 0


if __name__ == "__main__":
    sys.exit(main())
