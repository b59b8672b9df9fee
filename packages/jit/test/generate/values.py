"""Values as the tests' JSON has them: what JavaScript's own types cannot say is tagged."""
import math
import torch


def encode(value):
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return {"int": str(value)} if abs(value) > 2**53 else {"int": value}
    if isinstance(value, float):
        return {"float": value if math.isfinite(value) else str(value)}
    if isinstance(value, torch.Tensor):
        value = value.detach()
        data = value.contiguous().reshape(-1).tolist()
        return {
            "tensor": [x if not isinstance(x, float) or math.isfinite(x) else str(x) for x in data],
            "dtype": str(value.dtype).split(".")[1],
            "shape": list(value.shape),
        }
    if isinstance(value, tuple):
        return {"tuple": [encode(v) for v in value]}
    if isinstance(value, list):
        return {"list": [encode(v) for v in value]}
    if isinstance(value, dict):
        return {"dict": [[encode(k), encode(v)] for k, v in value.items()]}
    if isinstance(value, torch.device):
        return {"device": str(value)}
    raise TypeError(type(value))
