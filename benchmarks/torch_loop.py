"""torch_loop.py FOLDER   The loop of torch_benchmark.cpp in Python: the same nets, parts and arithmetic.

Reads the parts that torch_benchmark wrote into FOLDER, then answers each line `NET BATCH_SIZE EPOCHS` of its standard
input with a line of `wall cpu val_loss`.
"""
import sys
import time
from pathlib import Path

import numpy
import torch
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss

NETS = {"rectangle": ((2, 50, 100, 1), mse_loss), "digits": ((64, 128, 10), cross_entropy)}


def read_part(folder, net, mode):
    return tuple(torch.from_numpy(numpy.load(folder / f"{net}_{mode}_{array}.npy")) for array in ("input", "target"))


def make_model(sizes):
    layers = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def train_epoch(model, optimizer, loss_function, inputs, targets, batch_size):
    model.train()
    total = 0.0
    for rows in torch.randperm(len(inputs)).split(batch_size):
        input, target = inputs.index_select(0, rows), targets.index_select(0, rows)
        optimizer.zero_grad(set_to_none=True)
        loss = loss_function(model(input), target)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(rows)
    return total / len(inputs)


@torch.no_grad()
def validate(model, loss_function, inputs, targets, batch_size):
    model.eval()
    total = 0.0
    for input, target in zip(inputs.split(batch_size), targets.split(batch_size)):
        total += loss_function(model(input), target).item() * len(input)
    return total / len(inputs)


def measure(folder, net, batch_size, epochs):
    sizes, loss_function = NETS[net]
    train, val = read_part(folder, net, "train"), read_part(folder, net, "val")
    model = make_model(sizes)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(epochs):
        train_epoch(model, optimizer, loss_function, *train, batch_size)
        val_loss = validate(model, loss_function, *val, batch_size)
    return time.perf_counter() - wall, time.process_time() - cpu, val_loss


def main():
    folder = Path(sys.argv[1])
    torch.set_num_threads(1)
    print("ready", flush=True)
    for line in sys.stdin:
        net, batch_size, epochs = line.split()
        print(*measure(folder, net, int(batch_size), int(epochs)), flush=True)


if __name__ == "__main__":
    main()
