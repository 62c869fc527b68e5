"""The functions of the quality suite, as tuning_quality.cpp has them: Optuna's side of it."""

import csv
import math
from pathlib import Path

SHIFT = [1.23, -2.07, 0.61, 2.9, -1.44, 0.35, -0.98, 1.77, -2.61, 0.12]
SHIFT += [2.21, -0.53, 1.01, -1.89, 0.74, -2.33, 1.58, -0.27, 2.47, -1.12]
GRID = Path(__file__).resolve().parent / "svm_digits_grid.csv"


def floats(trial, count, low, high):
    return [trial.suggest_float(f"x{i}", low, high) for i in range(count)]


def sphere(d):
    return lambda trial: sum((x - s) ** 2 for x, s in zip(floats(trial, d, -5.12, 5.12), SHIFT))


def rosenbrock(d):
    def f(trial):
        x = floats(trial, d, -5, 10)
        return sum(100 * (x[i + 1] - x[i] ** 2) ** 2 + (1 - x[i]) ** 2 for i in range(d - 1))

    return f


def ackley(d):
    def f(trial):
        z = [x - 4 * s for x, s in zip(floats(trial, d, -32.768, 32.768), SHIFT)]
        mean_square = sum(v * v for v in z) / d
        mean_cos = sum(math.cos(2 * math.pi * v) for v in z) / d
        return -20 * math.exp(-0.2 * math.sqrt(mean_square)) - math.exp(mean_cos) + 20 + math.e

    return f


def rastrigin(d):
    def f(trial):
        z = [x - s for x, s in zip(floats(trial, d, -5.12, 5.12), SHIFT)]
        return 10 * d + sum(v * v - 10 * math.cos(2 * math.pi * v) for v in z)

    return f


def branin(trial):
    a, b = trial.suggest_float("x0", -5, 10), trial.suggest_float("x1", 0, 15)
    curve = b - 5.1 / (4 * math.pi**2) * a * a + 5 / math.pi * a - 6
    return curve * curve + 10 * (1 - 1 / (8 * math.pi)) * math.cos(a) + 10


def mixed(trial):
    x1 = trial.suggest_float("x1", -5, 5)
    x2 = trial.suggest_float("x2", 1e-3, 10, log=True)
    n = trial.suggest_int("n", 1, 20)
    m = trial.suggest_int("m", 1, 256, log=True)
    k = trial.suggest_int("k", 0, 100, step=10)
    c = trial.suggest_categorical("c", ["a", "b", "c", "d"])
    b = trial.suggest_categorical("b", [False, True])
    shift = {"a": 1.5, "b": -2, "c": 0, "d": 3}[c]
    penalty = {"a": 0.5, "b": 0, "c": 1, "d": 2}[c]
    value = (x1 - shift) ** 2 + 2 * (math.log10(x2) + 1) ** 2 + 0.05 * (n - 7) ** 2
    value += 0.5 * (math.log2(m) - 5) ** 2 + 0.001 * (k - 70) ** 2
    return value + penalty + (0 if b else 0.5)


def conditional(trial):
    algo = trial.suggest_categorical("algo", ["quad", "tree", "net"])
    if algo == "quad":
        x, y = trial.suggest_float("quad_x", -5, 5), trial.suggest_float("quad_y", -5, 5)
        return 0.3 + 0.1 * ((x - 2) ** 2 + (y + 1) ** 2)
    if algo == "tree":
        depth, lr = trial.suggest_int("depth", 1, 10), trial.suggest_float("lr", 1e-4, 1, log=True)
        return 0.1 + 0.05 * (depth - 6) ** 2 + 0.4 * (math.log10(lr) + 2) ** 2
    layers = trial.suggest_int("layers", 1, 3)
    value = 0.25 * abs(layers - 2)
    for i in range(layers):
        units = trial.suggest_int(f"units{i}", 4, 256, log=True)
        drop = trial.suggest_float(f"drop{i}", 0, 0.8)
        value += 0.1 * (math.log2(units) - (7 - i)) ** 2 + 0.5 * (drop - 0.2) ** 2
    return value


def read_grid():
    table = {}
    with GRID.open() as file:
        for row in csv.DictReader(file):
            table.setdefault(row["kernel"], []).append(float(row["error"]))
    return table


def svm(table=read_grid()):
    """Between the points of the grid (19 x 19, thirds of a decade) linear in both logarithms."""

    def f(trial):
        errors = table[trial.suggest_categorical("kernel", ["rbf", "poly", "sigmoid"])]
        c = (math.log10(trial.suggest_float("C", 1e-3, 1e3, log=True)) + 3) * 3
        g = (math.log10(trial.suggest_float("gamma", 1e-5, 10, log=True)) + 5) * 3
        i, j = min(max(int(c), 0), 17), min(max(int(g), 0), 17)
        u, v = c - i, g - j
        rows = [errors[19 * (i + k) + j] * (1 - v) + errors[19 * (i + k) + j + 1] * v for k in (0, 1)]
        return rows[0] * (1 - u) + rows[1] * u

    return f


# ---- of our own choice


def hartmann6(trial):
    x = floats(trial, 6, 0, 1)
    alpha = [1.0, 1.2, 3.0, 3.2]
    a = [
        [10, 3, 17, 3.5, 1.7, 8],
        [0.05, 10, 17, 0.1, 8, 14],
        [3, 3.5, 1.7, 10, 17, 8],
        [17, 8, 0.05, 10, 0.1, 14],
    ]
    p = [
        [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
        [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
        [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
        [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
    ]
    inner = [sum(a[k][i] * (x[i] - p[k][i]) ** 2 for i in range(6)) for k in range(4)]
    return 3.32236801141551 - sum(alpha[k] * math.exp(-inner[k]) for k in range(4))


def levy10(trial):
    w = [1 + (x - 1) / 4 for x in floats(trial, 10, -10, 10)]
    value = math.sin(math.pi * w[0]) ** 2
    value += sum((v - 1) ** 2 * (1 + 10 * math.sin(math.pi * v + 1) ** 2) for v in w[:-1])
    return value + (w[-1] - 1) ** 2 * (1 + math.sin(2 * math.pi * w[-1]) ** 2)


def styblinski8(trial):
    return 39.16616570377142 * 8 + sum(v**4 - 16 * v * v + 5 * v for v in floats(trial, 8, -5, 5)) / 2


def schwefel5(trial):
    x = floats(trial, 5, -500, 500)
    return 418.9828872724338 * 5 - sum(v * math.sin(math.sqrt(abs(v))) for v in x)


def ridge10(trial):
    """Only three of ten parameters matter, each ten times as much as the next."""
    x = floats(trial, 10, -5, 5)
    return 10 * (x[2] - SHIFT[2]) ** 2 + (x[5] + x[2] - SHIFT[5]) ** 2 + 0.1 * (x[8] - SHIFT[8]) ** 2


def choices8(trial):
    """Eight categorical parameters of four choices; neighbours matter together."""
    best = [2, 0, 3, 1, 1, 3, 0, 2]
    hit = [trial.suggest_categorical(f"c{i}", ["p", "q", "r", "s"]) == "pqrs"[best[i]] for i in range(8)]
    value = sum(0 if good else 1 for good in hit)
    return value + sum(0 if hit[i] and hit[i + 1] else 0.5 for i in range(0, 8, 2))


def integers6(trial):
    target = [3, 12, 27, 8, 41, 19]
    n = [trial.suggest_int(f"n{i}", 0, 50) for i in range(6)]
    return sum((a - b) ** 2 / 25 for a, b in zip(n, target)) + abs(n[0] + n[1] - 15) * 0.2


def training(trial):
    """Looks like the loss of a net: learning rate and batch size interact, one optimizer has a momentum."""
    lr = math.log10(trial.suggest_float("lr", 1e-5, 1, log=True))
    batch = math.log2(trial.suggest_int("batch", 8, 512, log=True))
    decay = math.log10(trial.suggest_float("weight_decay", 1e-6, 1e-1, log=True))
    width = math.log2(trial.suggest_int("width", 16, 1024, log=True))
    dropout = trial.suggest_float("dropout", 0, 0.7)
    value = 0.05 * (decay + 3.5) ** 2 + 0.03 * (width - 8.5) ** 2 + 0.6 * (dropout - 0.15) ** 2
    if trial.suggest_categorical("optimizer", ["sgd", "adam"]) == "sgd":
        momentum = trial.suggest_float("momentum", 0, 0.99)
        best_lr = -1.5 + 0.2 * (batch - 5) - momentum
        return value + 0.1 + 0.3 * (lr - best_lr) ** 2 + 0.2 * (momentum - 0.9) ** 2
    return value + 0.25 * (lr + 3 - 0.15 * (batch - 5)) ** 2 + 0.02 * (batch - 6) ** 2


# The functions of the shared specification, then our own.
SPECIFIED = {
    "sphere5": sphere(5),
    "sphere20": sphere(20),
    "rosenbrock5": rosenbrock(5),
    "rosenbrock20": rosenbrock(20),
    "ackley5": ackley(5),
    "ackley20": ackley(20),
    "rastrigin5": rastrigin(5),
    "rastrigin20": rastrigin(20),
    "branin": branin,
    "mixed": mixed,
    "conditional": conditional,
    "svm": svm(),
}
FURTHER = {
    "hartmann6": hartmann6,
    "levy10": levy10,
    "styblinski8": styblinski8,
    "schwefel5": schwefel5,
    "ridge10": ridge10,
    "choices8": choices8,
    "integers6": integers6,
    "training": training,
}
SINGLE = {**SPECIFIED, **FURTHER}


# ---- two objectives; the reference point of the hypervolume beside each


def zdt(shape, d=30):
    def f(trial):
        x = floats(trial, d, 0, 1)
        g = 1 + 9 * sum(x[1:]) / (d - 1)
        return x[0], g * shape(x[0], g)

    return f


def dtlz2(trial, d=11):
    x = floats(trial, d, 0, 1)
    g = sum((v - 0.5) ** 2 for v in x[1:])
    return (1 + g) * math.cos(x[0] * math.pi / 2), (1 + g) * math.sin(x[0] * math.pi / 2)


TWO = {
    "zdt1": (zdt(lambda a, g: 1 - math.sqrt(a / g)), (1.1, 11.0)),
    "zdt2": (zdt(lambda a, g: 1 - (a / g) ** 2), (1.1, 11.0)),
    "zdt3": (zdt(lambda a, g: 1 - math.sqrt(a / g) - a / g * math.sin(10 * math.pi * a)), (1.1, 11.0)),
    "dtlz2": (dtlz2, (2.5, 2.5)),
}


def hypervolume(points, reference):
    volume, ceiling = 0.0, reference[1]
    for a, b in sorted(points):
        if a < reference[0] and b < ceiling:
            volume += (reference[0] - a) * (ceiling - b)
            ceiling = b
    return volume


class Probe:
    """A trial of known values, the k-th of a fixed sequence: to compare functions with those in C++."""

    def __init__(self, k):
        self.k, self.asked = k, 0

    def unit(self):
        self.asked += 1
        return math.modf((self.k + 1) * 0.6180339887498949 * self.asked + 0.137 * self.k)[0]

    def suggest_float(self, _, low, high, log=False):
        u = self.unit()
        return math.exp(math.log(low) + u * (math.log(high) - math.log(low))) if log else low + u * (high - low)

    def suggest_int(self, _, low, high, step=1, log=False):
        return low + step * int(self.unit() * ((high - low) // step + 1))

    def suggest_categorical(self, _, choices):
        return choices[int(self.unit() * len(choices))]
