"""What scikit-learn says of the sample in src/engine/metrics.rs: the numbers that its test expects.

    target/census-venv/bin/python benches/peers/scores.py      (needs numpy and scikit-learn)
"""

import numpy as np
import sklearn
from sklearn.metrics import log_loss, roc_auc_score


def sample(n, steps):
    i = np.arange(n, dtype=np.float64)
    fraction = lambda x: x - np.floor(x)
    a = fraction(np.sin(i * 12.9898) * 43_758.5453)
    b = fraction(np.sin(i * 78.233) * 12_543.123)
    v = (a * 6.0 - 4.0) * steps
    # Rust rounds halves away from 0.
    z = np.sign(v) * np.floor(np.abs(v) + 0.5) / steps
    return z, (b < 1.0 / (1.0 + np.exp(-0.8 * z))).astype(int)


def calibration_error(p, y, bins=10):
    """Equal predictions stay in one bin: the one of their middle row, of two middle rows the lower."""
    order = np.argsort(p, kind="stable")
    n = len(p)
    bin_of_row = np.searchsorted([k * n // bins for k in range(bins + 1)], np.arange(n), side="right") - 1
    _, first, count = np.unique(p[order], return_index=True, return_counts=True)
    bin_of_row = np.repeat(bin_of_row[first + (count - 1) // 2], count)
    gap = (p - y)[order]
    return sum(abs(gap[bin_of_row == k].sum()) for k in range(bins)) / n


print("scikit-learn", sklearn.__version__)
for n, steps in [(200, 2.0), (1000, 50.0), (5000, 1.0)]:
    z, y = sample(n, steps)
    p = 1.0 / (1.0 + np.exp(-z))
    print(f"({n}, {steps:.1f}, {roc_auc_score(y, z)!r}, {log_loss(y, p)!r}, {calibration_error(p, y)!r}),")
