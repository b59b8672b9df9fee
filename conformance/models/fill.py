"""Our own generator of weights and inputs, the same to the bit as fill.ts; README.md says what it computes."""

import math

import numpy as np

SEED = 20261121


def mix(x):
    """MurmurHash3's 32-bit finaliser, on a whole array of uint32."""
    x = x ^ (x >> np.uint32(16))
    x = x * np.uint32(0x85EBCA6B)
    x = x ^ (x >> np.uint32(13))
    x = x * np.uint32(0xC2B2AE35)
    return x ^ (x >> np.uint32(16))


def name_hash(name, seed=SEED):
    """FNV-1a over the UTF-8 bytes of the name, started from the seed."""
    h = (2166136261 ^ seed) & 0xFFFFFFFF
    for byte in name.encode():
        h = ((h ^ byte) * 16777619) & 0xFFFFFFFF
    return h


def uniform(name, shape, bound, seed=SEED):
    """Values in (-bound, bound): odd multiples of 2^-24, times the bound, rounded once to float32."""
    count = math.prod(shape)
    bits = mix(mix(np.arange(count, dtype=np.uint32)) ^ np.uint32(name_hash(name, seed)))
    odd = (bits >> np.uint32(8)).astype(np.int32) * np.int32(2) + np.int32(1 - (1 << 24))
    return (odd.astype(np.float32) * np.float32(2.0**-24) * np.float32(bound)).reshape(shape)


def weight(name, shape, seed=SEED):
    """A parameter by its name and shape; which rule holds for which is in README.md."""
    if len(shape) < 2:
        if name.rsplit(".", 1)[-1].startswith("weight"):
            return np.float32(1) + uniform(name, shape, 0.25, seed)
        return np.float32(0.5) + uniform(name, shape, 0.125, seed)
    if shape[0] == 1:
        return uniform(name, shape, 0.5, seed)
    gain = 6 if len(shape) >= 4 else 3
    return uniform(name, shape, np.float32(math.sqrt(gain / math.prod(shape[1:]))), seed)


if __name__ == "__main__":
    import json
    import pathlib
    import zlib

    # The golden of conformance/test/fill.test.ts: first values (exact as doubles) and the CRC-32 of the bytes.
    cases = []
    for name, shape in [
        ("conv1.weight", (64, 3, 7, 7)), ("bn1.weight", (64,)), ("bn1.bias", (64,)), ("class_token", (1, 1, 768)),
        ("encoder.layers.0.linear1.weight", (64, 32)), ("lstm.weight_hh_l0_reverse", (128, 32)), ("größe.weight", (5, 5)),
    ]:
        values = weight(name, shape)
        head = [float(v) for v in values.ravel()[:4]]
        cases.append({"name": name, "shape": shape, "head": head, "crc32": zlib.crc32(values.astype("<f4").tobytes())})
    path = pathlib.Path(__file__).with_name("fill.json")
    path.write_text("[\n  " + ",\n  ".join(json.dumps(case) for case in cases) + "\n]\n")
