"""Writes cases in the format of the reference data (test/golden/cases.ts): tensors as safetensors, cases as JSON.

Inputs are float32; what PyTorch, NumPy or SciPy makes of them is computed in float64 and rounded once. A case that is
differentiable is also run in float32 with the same library and has to stay within half of its tolerance, so that no case
asks more of an implementation than float32 can give."""

import json
import math
import os
import struct
import zlib

import numpy as np
import torch

torch.set_num_threads(1)
KINDS = {"float32": "F32", "int32": "I32", "uint8": "U8"}
SUM = (5e-5, 3e-5)


def stored(value):
    a = np.asarray(value)
    if a.dtype in (np.uint8, np.bool_):
        return a.astype(np.uint8, order="C")
    return a.astype(np.int32 if np.issubdtype(a.dtype, np.integer) else np.float32, order="C")


def plain(value):
    """Doubles and lists of them; null where a number is undefined."""
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(item) for item in value]
    if isinstance(value, (bool, np.bool_, int, np.integer)):
        return int(value)
    value = float(value)
    assert not math.isinf(value)
    return None if math.isnan(value) else value


class Draw:
    """Random numbers of a case: they depend on its name alone."""

    def __init__(self, name):
        self.g = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))

    def normal(self, *shape, scale=1.0, shift=0.0):
        return np.asarray(self.g.standard_normal(shape) * scale + shift, dtype=np.float32)

    def uniform(self, *shape, lo=0.0, hi=1.0):
        return np.asarray(self.g.uniform(lo, hi, shape), dtype=np.float32)

    def ints(self, lo, hi, *shape):
        return self.g.integers(lo, hi + 1, shape).astype(np.int32)


class Group:
    def __init__(self, name):
        self.name, self.tensors, self.cases = name, {}, []

    def add(self, id, op, attrs, inputs, outputs, tol, tols=None, values_tol=None):
        case = {"id": id, "op": op, "attrs": attrs, "inputs": {}, "outputs": {}, "tolerance": {"abs": tol[0], "rel": tol[1]}}
        assert all(case["id"] != other["id"] for other in self.cases), id
        for side, items in (("inputs", inputs), ("outputs", outputs)):
            for name, value in items.items():
                key = f"{id}/{side[:-3]}/{name}"
                case[side][name] = key
                self.tensors[key] = stored(value)
        if tols:
            case["tolerances"] = {name: {"abs": a, "rel": r} for name, (a, r) in tols.items()}
        if values_tol:
            case["values"] = {name: plain(value) for name, value in outputs.items()}
            case["valuesTolerance"] = {"abs": values_tol[0], "rel": values_tol[1]}
        self.cases.append(case)

    def torch(self, id, op, attrs, inputs, fn, tol, tols=None):
        """A case that `fn` computes from torch tensors, in float64 and, as a check, in float32."""
        def run(dtype):
            torch.set_default_dtype(dtype)
            kinds = {"float32": dtype, "int32": torch.int64, "uint8": torch.uint8}
            out = fn({name: torch.tensor(stored(v), dtype=kinds[str(stored(v).dtype)]) for name, v in inputs.items()})
            torch.set_default_dtype(torch.float32)
            return {name: value.detach().numpy() if torch.is_tensor(value) else np.asarray(value) for name, value in out.items()}
        exact, single = run(torch.float64), run(torch.float32)
        for name, e in exact.items():
            a, r = (tols or {}).get(name, tol)
            used = np.max(np.abs(single[name] - e) / (a + r * np.abs(e)), initial=0)
            assert np.all(np.isfinite(e)) and used <= 0.5, f"{id} {name}: float32 uses {used:.2f} of the tolerance"
        self.add(id, op, attrs, inputs, exact, tol, tols)

    def write(self, folder):
        names = sorted(self.tensors, key=lambda name: self.tensors[name].dtype.itemsize == 1)
        header, offset = {}, 0
        for name in names:
            t = self.tensors[name]
            header[name] = {"dtype": KINDS[str(t.dtype)], "shape": list(t.shape), "data_offsets": [offset, offset + t.nbytes]}
            offset += t.nbytes
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        with open(os.path.join(folder, self.name + ".safetensors"), "wb") as file:
            file.write(struct.pack("<Q", len(text)) + text + b"".join(self.tensors[name].tobytes() for name in names))
        head = {"format": 1, "group": self.name, "file": self.name + ".safetensors"}
        with open(os.path.join(folder, self.name + ".json"), "w") as file:
            file.write(json.dumps(head)[:-1] + ', "cases": [\n')
            file.write(",\n".join(json.dumps(case, allow_nan=False) for case in self.cases) + "\n]}\n")


def gradients(y, dy, **leaves):
    """Of sum(y * dy), named d<leaf>."""
    names = [name for name in leaves if leaves[name] is not None]
    found = torch.autograd.grad(y, [leaves[name] for name in names], dy, allow_unused=True)
    return {"d" + name: torch.zeros_like(leaves[name]) if g is None else g for name, g in zip(names, found)}


def leaf(t, *names):
    for name in names:
        if name in t:
            t[name].requires_grad_(True)
    return [t.get(name) for name in names]
