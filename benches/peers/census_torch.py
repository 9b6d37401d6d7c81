"""An epoch of MMoE on the census rows in PyTorch: the work of benches/census.rs.

    python benches/peers/census_torch.py FOLDER tuned|plain

tuned: one table for all words, experts and gates in one product each, fused Adam, tensors made once.
plain: an nn.Embedding a column and an nn.Linear an expert, as one writes it first; torch.optim.Adam.
One thread; CPU seconds. The rows are the first two thirds of the file, in the file's order, shuffled every epoch.
"""

import gzip
import json
import os
import sys
import time

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

NUMBERS = [0, 5, 16, 17, 18, 30, 39]
LEFT_OUT = [4, 7, 24, 41]
WORDS = [i for i in range(42) if i not in NUMBERS + LEFT_OUT]
UNITS, EXPERTS, WIDTH, TOWER, TASKS, BATCH, REPETITIONS = 4, 8, 16, 8, 2, 512, 5


def read(folder):
    path = os.path.join(folder, "census-income.test.gz")
    with gzip.open(path, "rt") as file:
        rows = [[word.strip() for word in line.split(",")] for line in file]
    rows = rows[: len(rows) * 2 // 3]
    codes, sizes = [], []
    for column in WORDS:
        names = {word: number for number, word in enumerate(sorted({row[column] for row in rows}))}
        codes.append([names[row[column]] for row in rows])
        sizes.append(len(names))
    numbers = torch.tensor([[float(row[i]) for i in NUMBERS] for row in rows])
    numbers = (numbers - numbers.mean(0)) / numbers.std(0).clamp(min=1e-9)
    labels = torch.tensor([[row[41].startswith("50000"), row[7] == "Never married"] for row in rows]).float()
    return torch.tensor(codes).t().contiguous(), sizes, numbers, labels


class Tuned(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        inputs = len(sizes) * UNITS + len(NUMBERS)
        self.register_buffer("offsets", torch.tensor([0] + sizes[:-1]).cumsum(0))
        self.table = nn.Embedding(sum(sizes), UNITS)
        self.experts = nn.Linear(inputs, EXPERTS * WIDTH)
        self.gates = nn.Linear(inputs, TASKS * EXPERTS, bias=False)
        self.tower = nn.Parameter(torch.randn(TASKS, WIDTH, TOWER) / 4)
        self.tower_bias = nn.Parameter(torch.zeros(TASKS, 1, TOWER))
        self.out = nn.Parameter(torch.randn(TASKS, TOWER, 1) / 3)
        self.out_bias = nn.Parameter(torch.zeros(TASKS, 1, 1))

    def forward(self, codes, numbers):
        x = torch.cat([self.table(codes + self.offsets).flatten(1), numbers], 1)
        experts = torch.relu(self.experts(x)).view(-1, EXPERTS, WIDTH)
        gates = torch.softmax(self.gates(x).view(-1, TASKS, EXPERTS), 2)
        mixed = torch.bmm(gates, experts).transpose(0, 1)
        hidden = torch.relu(torch.baddbmm(self.tower_bias, mixed, self.tower))
        return torch.baddbmm(self.out_bias, hidden, self.out).squeeze(2).t()


class Plain(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        inputs = len(sizes) * UNITS + len(NUMBERS)
        self.tables = nn.ModuleList(nn.Embedding(size, UNITS) for size in sizes)
        self.experts = nn.ModuleList(nn.Linear(inputs, WIDTH) for _ in range(EXPERTS))
        self.gates = nn.ModuleList(nn.Linear(inputs, EXPERTS, bias=False) for _ in range(TASKS))
        tower = lambda: nn.Sequential(nn.Linear(WIDTH, TOWER), nn.ReLU(), nn.Linear(TOWER, 1))
        self.towers = nn.ModuleList(tower() for _ in range(TASKS))

    def forward(self, codes, numbers):
        x = torch.cat([table(codes[:, i]) for i, table in enumerate(self.tables)] + [numbers], 1)
        experts = torch.stack([torch.relu(expert(x)) for expert in self.experts], 1)
        outputs = []
        for gate, tower in zip(self.gates, self.towers):
            weights = torch.softmax(gate(x), 1).unsqueeze(2)
            outputs.append(tower((weights * experts).sum(1)))
        return torch.cat(outputs, 1)


def main():
    folder, kind = sys.argv[1], sys.argv[2]
    torch.set_num_threads(1)
    torch.manual_seed(0)
    codes, sizes, numbers, labels = read(folder)
    model = {"tuned": Tuned, "plain": Plain}[kind](sizes)
    adam = torch.optim.Adam(model.parameters(), lr=0.001, **({"fused": True} if kind == "tuned" else {}))
    steps = len(labels) // BATCH
    for epoch in range(REPETITIONS + 1):
        began = time.process_time()
        order = torch.randperm(len(labels))
        for step in range(steps):
            rows = order[step * BATCH : (step + 1) * BATCH]
            logits = model(codes[rows], numbers[rows])
            # The sum of both tasks' means.
            loss = cross_entropy(logits, labels[rows]) * TASKS
            adam.zero_grad(set_to_none=True)
            loss.backward()
            adam.step()
        if epoch > 0:
            seconds = time.process_time() - began
            print(json.dumps({"what": f"torch {kind}", "steps": steps, "seconds": seconds, "loss": loss.item()}))


main()
