"""PyTorch as a contestant: pytorch.py THREADS [cuda | cuda-graph] [tf32]. Speaks the protocol of serve.ts on stdin and stdout."""

import ctypes
import json
import sys
import time

import torch
from torch import nn
from torch.nn import functional

threads = int(sys.argv[1])
torch.set_num_threads(threads)
device = torch.device("cuda" if "cuda" in sys.argv[2:] or "cuda-graph" in sys.argv[2:] else "cpu")
# a whole step is recorded once and replayed, which spares the host its part
graphs = "cuda-graph" in sys.argv[2:]
# float32 as we compute it, unless the tensor cores' shorter float is asked for
torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = "tf32" in sys.argv[2:]
torch.backends.cudnn.benchmark = True


def loaded_blas():
    """The BLAS in this process, as the library itself describes it, and how it makes threads."""
    with open("/proc/self/maps") as maps:
        paths = sorted({line.split()[-1] for line in maps if "blas" in line and ".so" in line})
    for path in paths:
        library = ctypes.CDLL(path)
        if hasattr(library, "openblas_get_config"):
            library.openblas_get_config.restype = ctypes.c_char_p
            library.openblas_get_corename.restype = ctypes.c_char_p
            kind = {0: "one thread", 1: "pthreads", 2: "OpenMP"}[library.openblas_get_parallel()]
            name = " ".join(library.openblas_get_config().decode().split()[:2])
            return f"{name} ({kind}, {library.openblas_get_corename().decode()})"
    if paths:
        return f"reference BLAS ({paths[0]})"
    return "BLAS of its own"


class Network(nn.Module):
    """The nodes of a workload, run in order."""

    def __init__(self, nodes):
        super().__init__()
        self.plan, self.layers = [], nn.ModuleList()
        for node in nodes:
            make = getattr(self, node["layer"], None)
            if make is None:
                raise ValueError(f"no layer {node['layer']} in pytorch.py")
            layer = make(node, node["props"])
            if layer is not None:
                self.layers.append(layer)
            self.plan.append((node["id"], layer, node["inputs"]))

    def forward(self, x):
        values = {}
        for name, layer, inputs in self.plan:
            if layer is None:
                values[name] = x if not inputs else sum(values[i] for i in inputs)
            else:
                values[name] = layer(values[inputs[0]])
        return values[self.plan[-1][0]]

    def input(self, node, props):
        return None

    add = input

    def flatten(self, node, props):
        return nn.Flatten()

    def dense(self, node, props):
        return nn.Linear(node["inputShape"][0], props["units"], bias=props["bias"])

    def conv2d(self, node, props):
        kernel, stride = props["kernel"], props["stride"]
        if props["padding"] == "same" and kernel[0] % 2 == 1 and kernel[1] % 2 == 1:
            pads = [kernel[0] // 2, kernel[1] // 2]
        elif props["padding"] == "valid":
            pads = [0, 0]
        else:
            raise ValueError("padding that pytorch.py does not know")
        return nn.Conv2d(node["inputShape"][0], props["filters"], kernel, stride, pads, bias=props["bias"])

    def batchNorm(self, node, props):
        shape = node["outputShape"]
        return (nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d)(shape[0])

    def relu(self, node, props):
        return nn.ReLU()

    def sigmoid(self, node, props):
        return nn.Sigmoid()

    def maxPool2d(self, node, props):
        return nn.MaxPool2d(props["kernel"], props["stride"])

    def globalAvgPool2d(self, node, props):
        return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def dropout(self, node, props):
        return nn.Dropout(props["p"])


def network(nodes):
    """A chain as nn.Sequential, as one would write it; else the graph."""
    graph = Network(nodes)
    chain = all(inputs == [before[0]] for (_, _, inputs), before in zip(graph.plan[1:], graph.plan))
    return nn.Sequential(*[layer for _, layer, _ in graph.plan if layer is not None]) if chain else graph


def optimizer(settings, parameters, foreach):
    if settings["kind"] == "adam":
        return torch.optim.Adam(parameters, lr=settings["learningRate"], foreach=foreach, capturable=graphs)
    return torch.optim.SGD(
        parameters, lr=settings["learningRate"], momentum=settings["momentum"],
        weight_decay=settings["weightDecay"], foreach=foreach)


def make_step(workload, memory_format, foreach):
    torch.manual_seed(1)
    model = network(workload["nodes"])
    shape = [workload["batch"], *workload["inputShape"]]
    images = torch.rand(shape)
    labels = torch.randint(0, workload["classes"], (workload["batch"],))
    labels = labels.to(device)
    model = model.to(device).to(memory_format=memory_format)
    images = images.to(device).to(memory_format=memory_format)
    if workload["mode"] == "infer":
        model.eval()

        def infer():
            with torch.inference_mode():
                functional.cross_entropy(model(images), labels, reduction="sum")

        return infer
    update = optimizer(workload["optimizer"], list(model.parameters()), foreach)

    def step():
        update.zero_grad(set_to_none=True)
        functional.cross_entropy(model(images), labels).backward()
        update.step()

    return step


def recorded(step):
    """The step as one CUDA graph, where those are asked for."""
    if not graphs:
        return step
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(5):
            step()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()

    def replay():
        graph.replay()

    # the recording reads and writes the memory of what the step knows
    replay.step = step
    return replay


def finished(step):
    """The step, and a wait until the device has done it."""
    if device.type != "cuda":
        return step

    def whole():
        step()
        torch.cuda.synchronize()

    return whole


def seconds_of(step, least):
    """Least time of a step, after a warm-up."""
    best, end = float("inf"), time.perf_counter() + least
    for _ in range(2):
        step()
    while True:
        start = time.perf_counter()
        step()
        now = time.perf_counter()
        best = min(best, now - start)
        if now > end:
            return best


def load(workload):
    """The fastest of the ways that PyTorch offers for the same arithmetic."""
    images = any(node["layer"] == "conv2d" for node in workload["nodes"])
    formats = {"contiguous": torch.contiguous_format, **({"channels-last": torch.channels_last} if images else {})}
    ways = [(name, foreach) for name in formats for foreach in ([False, True] if workload["mode"] == "train" else [False])]
    steps = {way: recorded(make_step(workload, formats[way[0]], way[1])) for way in ways}
    name, foreach = min(ways, key=lambda way: seconds_of(finished(steps[way]), 0.15))
    step = steps[(name, foreach)]
    note = f"{name}{', foreach' if foreach else ''}"
    return finished(step), note if device.type != "cuda" else json.dumps({"way": note, "queuedMs": queued_ms(step)})


def queued_ms(step):
    """Milliseconds of a step when many are queued before the last one is waited for."""
    steps = 64
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(steps):
        step()
    torch.cuda.synchronize()
    return (time.perf_counter() - start) * 1000 / steps


def run(step, seconds):
    times, end = [], time.perf_counter() + seconds
    while True:
        start = time.perf_counter()
        step()
        now = time.perf_counter()
        times.append((now - start) * 1000)
        if now >= end:
            return times


def reply(**message):
    print(json.dumps(message), flush=True)


def main():
    torch.rand(4, 4) @ torch.rand(4, 4)  # loads the BLAS
    host = f", {torch.cuda.get_device_name()}" if device.type == "cuda" else f", {loaded_blas()}"
    reply(kind="hello", note=f"PyTorch {torch.__version__}{host}")
    step = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["kind"] == "load":
                step, note = load(request["workload"])
                reply(kind="loaded", note=note)
            elif request["kind"] == "run":
                reply(kind="times", times=run(step, request["seconds"]))
            else:
                reply(kind="peak", gflops=0)
        except Exception as error:  # told to the benchmark, which names it
            reply(kind="error", message=str(error).split("\n")[0])


main()
