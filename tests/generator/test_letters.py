"""Letters: what a request asks for comes out as it went in, and what several share goes in once."""

import numpy as np

from vrgen.generator.protocol import decode_letter, pack, unpacked
from vrgen.messages import Request


def test_requests_come_out_as_they_went_in_and_what_they_share_is_packed_once() -> None:
    latent = np.arange(8, dtype=np.float32).reshape(1, 8)
    land = {"latent": latent, "relief": np.full(1, 0.3, np.float32)}
    requests = [Request("land", 2, 5, land, (x, -1), 0, 9, 1.5) for x in range(4)]
    requests += [Request("sky", 2, 4, {"latent": latent}, None, 3), Request("plain", 2, 1, {})]
    letter = decode_letter(pack([], [(i + 1, 70 + i, request) for i, request in enumerate(requests)]))
    assert len(letter.arrays) == 2 and len(letter.inputs) == 3
    assert [(packed.index, packed.serial) for packed in letter.requests] == [(i + 1, 70 + i) for i in range(6)]
    for packed, request in zip(letter.requests, requests, strict=True):
        wanted = unpacked(packed, letter)
        said = [getattr(request, name) for name in wanted._fields if name != "inputs"]
        assert list(wanted[:-1]) == said
        assert wanted.inputs.keys() == request.inputs.keys()
        for name, value in wanted.inputs.items():
            assert value.dtype == request.inputs[name].dtype and not value.flags.writeable
            np.testing.assert_array_equal(value, request.inputs[name])
