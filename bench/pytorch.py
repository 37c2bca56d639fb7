"""Times one of Ablate's benchmark workloads in PyTorch: pytorch.py WORKLOAD THREADS SECONDS, prints one line of JSON."""

import json
import sys
import time

import torch
from torch import nn

workload, threads, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
torch.set_num_threads(threads)
torch.manual_seed(1)


def mlp(batch_norm):
    layers, width = [], 784
    for _ in range(3):
        layers.append(nn.Linear(width, 100))
        layers += [nn.BatchNorm1d(100)] if batch_norm else []
        layers.append(nn.Sigmoid())
        width = 100
    return nn.Sequential(nn.Flatten(), *layers, nn.Linear(100, 10))


def cnn():
    def conv(inputs, outputs):
        return [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]

    return nn.Sequential(
        *conv(1, 32), *conv(32, 32), nn.MaxPool2d(2), *conv(32, 64), *conv(64, 64), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(3136, 128, bias=False), nn.BatchNorm1d(128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10))


batch = 64 if workload == "W2" else 60
model = cnn() if workload == "W2" else mlp(workload == "W1bn")
make = torch.optim.Adam if workload == "W2" else torch.optim.SGD
optimizer = make(model.parameters(), lr=1e-3 if workload == "W2" else 0.1)
images, labels = torch.rand(batch, 1, 28, 28), torch.randint(0, 10, (batch,))
if workload == "W2":  # the layout that PyTorch trains fastest in
    model, images = model.to(memory_format=torch.channels_last), images.to(memory_format=torch.channels_last)


def step():
    optimizer.zero_grad(set_to_none=True)
    nn.functional.cross_entropy(model(images), labels).backward()
    optimizer.step()


for _ in range(5):
    step()
times, end = [], time.perf_counter() + seconds
while time.perf_counter() < end:
    start = time.perf_counter()
    step()
    times.append((time.perf_counter() - start) * 1000)
times.sort()
blas = next((part for part in torch.__config__.show().split() if "BLAS_INFO" in part), "BLAS unknown")
print(json.dumps({"least": times[0], "median": times[len(times) // 2], "version": torch.__version__, "blas": blas}))
