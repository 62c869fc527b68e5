#!/usr/bin/env python3
"""Writes optimizer_traces.json and scheduler_traces.json: 50 steps of PyTorch's own optimizers and
learning-rate schedulers, which the tests hold ours against. Run with Debian 12's python3-torch (1.13.1)."""
import json
import math
import pathlib
import warnings

import torch
from torch.optim import lr_scheduler

HERE = pathlib.Path(__file__).parent
STEPS = 50


def problem():
    """A tiny regression in float64: inputs, targets and the first weights of 3 -> 4 -> tanh -> 1."""
    wave = lambda n, k: torch.sin(torch.arange(n, dtype=torch.float64) * k + 0.3)
    x = wave(24, 1.7).reshape(8, 3)
    y = (x[:, :1] * x[:, 1:2] - 0.5 * x[:, 2:]).contiguous()
    weights = [0.6 * wave(12, 2.3).reshape(4, 3), 0.1 * wave(4, 0.9), 0.7 * wave(4, 1.1).reshape(1, 4), 0.1 * wave(1, 0.4)]
    return x, y, weights


def loss_of(x, y, w):
    return torch.nn.functional.mse_loss(torch.tanh(x @ w[0].T + w[1]) @ w[2].T + w[3], y)


OPTIMIZERS = [
    ("SGD", {"lr": 0.05}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.1, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"lr": 0.01, "momentum": 0.5, "weight_decay": 0.1, "maximize": True}),
    ("Adam", {"lr": 0.02}),
    ("Adam", {"lr": 0.02, "betas": [0.8, 0.99], "weight_decay": 0.01, "amsgrad": True}),
    ("AdamW", {"lr": 0.02}),
    ("AdamW", {"lr": 0.02, "weight_decay": 0.1, "amsgrad": True, "eps": 1e-6}),
    ("RMSprop", {"lr": 0.005}),
    ("RMSprop", {"lr": 0.005, "alpha": 0.9, "momentum": 0.5, "centered": True, "weight_decay": 0.01}),
    ("Adagrad", {"lr": 0.05}),
    ("Adagrad", {"lr": 0.05, "lr_decay": 0.01, "weight_decay": 0.01, "initial_accumulator_value": 0.1}),
    ("LBFGS", {"lr": 0.1, "max_iter": 4, "history_size": 5}),
    ("LBFGS", {"max_iter": 5, "line_search_fn": "strong_wolfe"}),
]


def optimizer_trace(name, options):
    x, y, w = problem()
    for tensor in w:
        tensor.requires_grad_()
    optimizer = getattr(torch.optim, name)(w, **options)

    def closure():
        optimizer.zero_grad()
        loss = loss_of(x, y, w)
        loss.backward()
        return loss

    losses = [optimizer.step(closure).item() for _ in range(STEPS)]
    return {"name": name, "options": options, "losses": losses, "weights": [v for t in w for v in t.detach().flatten().tolist()]}


SCHEDULERS = [
    ("StepLR", {"step_size": 7, "gamma": 0.5}),
    ("MultiStepLR", {"milestones": [5, 12, 12, 40], "gamma": 0.3}),
    ("ConstantLR", {"factor": 0.25, "total_iters": 10}),
    ("LinearLR", {}),
    ("LinearLR", {"start_factor": 0.1, "end_factor": 0.8, "total_iters": 20}),
    ("ExponentialLR", {"gamma": 0.95}),
    ("PolynomialLR", {"total_iters": 30, "power": 2.0}),
    ("CosineAnnealingLR", {"T_max": 12, "eta_min": 0.001}),
    ("CosineAnnealingLR", {"T_max": 50}),
    ("CosineAnnealingWarmRestarts", {"T_0": 6, "T_mult": 2, "eta_min": 0.002}),
    ("CosineAnnealingWarmRestarts", {"T_0": 10}),
    ("ReduceLROnPlateau", {"factor": 0.5, "patience": 4}),
    ("ReduceLROnPlateau", {"mode": "max", "factor": 0.2, "patience": 2, "threshold": 0.01, "threshold_mode": "abs",
                           "cooldown": 3, "min_lr": [1e-4, 1e-3]}),
    ("OneCycleLR", {"max_lr": 0.3, "total_steps": 60}),
    ("OneCycleLR", {"max_lr": [0.3, 0.1], "epochs": 5, "steps_per_epoch": 11, "pct_start": 0.4, "anneal_strategy": "linear",
                    "three_phase": True, "div_factor": 10.0, "final_div_factor": 100.0, "base_momentum": 0.8, "max_momentum": 0.9}),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 8}),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 5, "step_size_down": 9, "mode": "triangular2"}),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 6, "mode": "exp_range", "gamma": 0.98, "cycle_momentum": False}),
    ("SequentialLR", {"milestones": [6, 20]}),
    ("ChainedScheduler", {}),
]


def make_scheduler(name, options, optimizer):
    if name == "SequentialLR":
        parts = [
            lr_scheduler.LinearLR(optimizer, start_factor=0.1, total_iters=5),
            lr_scheduler.ConstantLR(optimizer, factor=0.5, total_iters=8),
            lr_scheduler.CosineAnnealingLR(optimizer, T_max=30),
        ]
        return lr_scheduler.SequentialLR(optimizer, parts, **options)
    if name == "ChainedScheduler":
        parts = [lr_scheduler.ConstantLR(optimizer, factor=0.1, total_iters=4), lr_scheduler.ExponentialLR(optimizer, gamma=0.9)]
        return lr_scheduler.ChainedScheduler(parts)
    return getattr(lr_scheduler, name)(optimizer, **options)


def score(step):
    return 1.0 / (1 + min(step, 9)) + 0.01 * math.sin(step)


def scheduler_trace(name, options):
    w = [torch.zeros(1, requires_grad=True), torch.zeros(1, requires_grad=True)]
    optimizer = torch.optim.SGD([{"params": w[:1]}, {"params": w[1:], "lr": 0.02}], lr=0.1, momentum=0.9)
    scheduler = make_scheduler(name, options, optimizer)
    read = lambda: [[g["lr"], g["momentum"]] for g in optimizer.param_groups]
    trace = [read()]
    for step in range(STEPS):
        optimizer.step()
        scheduler.step(score(step)) if name == "ReduceLROnPlateau" else scheduler.step()
        trace.append(read())
    return {"name": name, "options": options, "trace": trace}


def write(name, content):
    (HERE / name).write_text(json.dumps(content, indent=None, separators=(",", ":")) + "\n")


warnings.simplefilter("ignore")
x, y, w = problem()
flat = lambda t: t.flatten().tolist()
write("optimizer_traces.json", {"torch": torch.__version__, "x": flat(x), "y": flat(y), "weights": [flat(t) for t in w],
                                "cases": [optimizer_trace(n, o) for n, o in OPTIMIZERS]})
write("scheduler_traces.json", {"torch": torch.__version__, "scores": [score(i) for i in range(STEPS)],
                                "cases": [scheduler_trace(n, o) for n, o in SCHEDULERS]})
