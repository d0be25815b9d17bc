"""The network that labels are compared with: every frame a key frame."""

from __future__ import annotations

from dcfm_ros.errors import EvaluationError
from dcfm_ros.evaluation.run.results import Reference, sha256_of
from dcfm_ros.images import Pixels
from dcfm_ros.streaming import Engine, FrameResult, KeyFrameSettings, Segmenter


class ReferenceSegmenter:
    """Labels of a reference engine, of the same or of another checkpoint.

    Args:
        engine: that is measured.
        reference: may be the same.

    Raises:
        EvaluationError: the reference knows other classes.
    """

    def __init__(self, engine: Engine, reference: Engine) -> None:
        theirs, ours = reference.info.labels.classes, engine.info.labels.classes
        if theirs != ours:
            raise EvaluationError(
                f"the reference {reference.info.name!r} knows {len(theirs)} classes "
                f"({', '.join(theirs[:4])}, …), the checkpoint {engine.info.name!r} {len(ours)} "
                f"({', '.join(ours[:4])}, …): expected the same"
            )
        digest = sha256_of(reference)
        self.about = Reference(reference.info.name, digest, own=digest == sha256_of(engine))
        self._segmenter = Segmenter(reference, KeyFrameSettings(policy="always"))

    def labels(self, rgb: Pixels, stamp_ns: int, result: FrameResult) -> Pixels:
        """(H, W) class ids of a frame that came out as `result`."""
        if self.about.own and result.age == 0:
            return result.labels  # computed with the frame's own common feature already
        return self._segmenter.step(rgb, stamp_ns).labels
