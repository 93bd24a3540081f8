"""Why a frame came too late: one cause for each, by a rule that can be said in two sentences.

From the beginning of one frame to that of the next, the time goes to uploads, the rasteriser (waiting for the GPU,
presenting; the time that the GPU took for a frame, where that is more), garbage collection, the program (all other
time that the frame's thread had a core), and waiting (for its turn, or for a core that others have). Where the
first four together fit into the display's period, the frame was late by waiting; else by the longest of the four.
"""

from dataclasses import dataclass

CAUSES = ("upload", "rasteriser", "collection", "program", "waiting")
UPLOAD, RASTERISER, COLLECTION, PROGRAM, WAITING = range(len(CAUSES))


@dataclass(slots=True)
class Spent:
    """Where the time since a frame began went, seconds."""

    upload_s: float = 0.0
    waited_s: float = 0.0
    """For the GPU, and presenting."""
    gpu_s: float = 0.0
    """What the GPU took for a frame, of the newest that is through."""
    collection_s: float = 0.0
    core_s: float = 0.0
    """How long the frame's thread had a core between the frame's beginning and its end, uploads and all."""

    def cause(self, period_s: float) -> int:
        """Why the next frame came later than `period_s`: an index into `CAUSES`."""
        rasteriser_s = max(self.waited_s, self.gpu_s)
        program_s = max(0.0, self.core_s - self.upload_s)
        parts = (self.upload_s, rasteriser_s, self.collection_s, program_s)
        return WAITING if sum(parts) < period_s else parts.index(max(parts))
