"""The worker as it is, its tensors in the processor's memory: what `card_program.py` starts in its place."""

from vrgen.cuda import Stream
from vrgen.generator import device_memory, worker


def main(**arguments: object) -> None:
    device_memory.stream_of = lambda tensor: Stream(0)
    worker.main(**arguments)  # type: ignore[arg-type]
