"""Training ESMM on impressions in PyTorch: the work of benches/esmm.rs.

    python benches/peers/esmm_torch.py EMBEDDING HIDDEN tuned|plain        such as: 8 64,32 tuned

tuned: one table for all fields, both heads in one product a layer, fused Adam.
plain: an nn.Embedding a field and an nn.Sequential a head, as one writes it first; torch.optim.Adam.
One thread; CPU seconds. Rows are made up: the work does not depend on what they say.
"""

import json
import sys
import time

import torch
from torch import nn

FIELDS, WORDS, NUMBERS, BATCH, STEPS, REPETITIONS, ROWS = 6, 500, 8, 1024, 190, 3, 200_000


class Tuned(nn.Module):
    def __init__(self, embedding, hidden):
        super().__init__()
        self.register_buffer("offsets", torch.arange(FIELDS) * WORDS)
        self.table = nn.Embedding(FIELDS * WORDS, embedding)
        inputs = FIELDS * embedding + NUMBERS
        self.first = nn.Linear(inputs, 2 * hidden[0])
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for below, units in zip(hidden, hidden[1:] + [1]):
            self.weights.append(torch.randn(2, below, units) / below**0.5)
            self.biases.append(torch.zeros(2, 1, units))

    def forward(self, codes, numbers):
        x = torch.cat([self.table(codes + self.offsets).flatten(1), numbers], 1)
        units = torch.relu(self.first(x)).view(len(x), 2, -1).transpose(0, 1)
        for weight, bias in list(zip(self.weights, self.biases))[:-1]:
            units = torch.relu(torch.baddbmm(bias, units, weight))
        return torch.baddbmm(self.biases[-1], units, self.weights[-1]).squeeze(2)


class Plain(nn.Module):
    def __init__(self, embedding, hidden):
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(WORDS, embedding) for _ in range(FIELDS))
        sizes = [FIELDS * embedding + NUMBERS] + hidden

        def head():
            layers = [layer for a, b in zip(sizes, hidden) for layer in (nn.Linear(a, b), nn.ReLU())]
            return nn.Sequential(*layers, nn.Linear(hidden[-1], 1))

        self.heads = nn.ModuleList(head() for _ in range(2))

    def forward(self, codes, numbers):
        x = torch.cat([table(codes[:, i]) for i, table in enumerate(self.tables)] + [numbers], 1)
        return torch.stack([head(x).squeeze(1) for head in self.heads])


def main():
    embedding, hidden, kind = int(sys.argv[1]), [int(units) for units in sys.argv[2].split(",")], sys.argv[3]
    torch.set_num_threads(1)
    torch.manual_seed(0)
    # Words by Zipf's law, as the funnel has them.
    weights = 1.0 / torch.arange(1, WORDS + 1).float()
    codes = torch.multinomial(weights, ROWS * FIELDS, replacement=True).view(ROWS, FIELDS)
    numbers = torch.randn(ROWS, NUMBERS)
    click = (torch.rand(ROWS) < 0.04).float()
    both = click * (torch.rand(ROWS) < 0.1).float()
    model = {"tuned": Tuned, "plain": Plain}[kind](embedding, hidden)
    adam = torch.optim.Adam(model.parameters(), lr=0.001, **({"fused": True} if kind == "tuned" else {}))
    for repetition in range(REPETITIONS + 1):
        order = torch.randperm(ROWS)
        began = time.process_time()
        for step in range(STEPS):
            rows = order[step * BATCH : (step + 1) * BATCH]
            p, q = torch.sigmoid(model(codes[rows], numbers[rows]))
            loss = nn.functional.binary_cross_entropy(p, click[rows])
            loss = loss + nn.functional.binary_cross_entropy(p * q, both[rows])
            adam.zero_grad(set_to_none=True)
            loss.backward()
            adam.step()
        if repetition > 0:
            rate = STEPS * BATCH / (time.process_time() - began)
            what = f"torch {kind}"
            print(json.dumps({"what": what, "hidden": hidden, "impressions_per_second": rate, "loss": loss.item()}))


main()
