#!/usr/bin/env bash
# Training ESMM on impressions, ours beside PyTorch, on one core in the same minute.
#
#   benches/esmm.sh      five minutes once torch is there
#
# Needs what benches/peers.sh needs and uses its environment, target/peers-venv. The sizes of experiments/esmm.toml,
# then the paper's (embeddings of 18, heads of 360, 200 and 80 units). Rounds of every program in turn; the medians
# are compared.
set -euo pipefail
cd "$(dirname "$0")/.."
core=${PEERS_CORE:-0}
venv=${PEERS_VENV:-target/peers-venv}
if ! "$venv/bin/python" -c 'import torch' 2>/dev/null; then
    echo "installing torch into $venv" >&2
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check numpy torch
fi
ours=$(cargo build --release --bench esmm --message-format=json 2>/dev/null |
    sed -n 's/.*"kind":\["bench"\].*"name":"esmm".*"executable":"\([^"]*\)".*/\1/p')
pinned() { taskset -c "$core" env OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 CUDA_VISIBLE_DEVICES= "$@"; }
for _ in 1 2 3; do
    for sizes in "8 64,32" "18 360,200,80"; do
        # Two words.
        # shellcheck disable=SC2086
        set -- $sizes
        pinned "$ours" "$@"
        pinned "$venv/bin/python" benches/peers/esmm_torch.py "$@" tuned
        pinned "$venv/bin/python" benches/peers/esmm_torch.py "$@" plain
    done
done | tee target/esmm.jsonl | python3 -c '
import json, statistics, sys
rates = {}
for line in map(json.loads, sys.stdin):
    rates.setdefault((tuple(line["hidden"]), line["what"]), []).append(line["impressions_per_second"])
for (hidden, what), values in rates.items():
    rate = statistics.median(values)
    ratio = statistics.median(rates[hidden, "ours"]) / rate
    slower = "" if what == "ours" else f"  ours is {ratio:.2f} times as fast"
    print(f"heads of {', '.join(map(str, hidden)):14} {what:12} {rate:9,.0f} impressions/s{slower}")
'
