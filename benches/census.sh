#!/usr/bin/env bash
# An epoch of MMoE on the census rows, ours beside PyTorch, on one core in the same minute.
#
#   benches/census.sh [FOLDER]      folder with census-income.test.gz [data]; about a minute once torch is there
#
# Needs what benches/peers.sh needs and uses its environment, target/peers-venv. Rounds of every program in turn
# (2), five epochs each; the medians are compared.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${1:-data}
core=${PEERS_CORE:-0}
venv=${PEERS_VENV:-target/peers-venv}
if ! "$venv/bin/python" -c 'import torch' 2>/dev/null; then
    echo "installing torch into $venv" >&2
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check numpy torch
fi
ours=$(cargo build --release --bench census --message-format=json 2>/dev/null |
    sed -n 's/.*"kind":\["bench"\].*"name":"census".*"executable":"\([^"]*\)".*/\1/p')
pinned() { taskset -c "$core" env OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 CUDA_VISIBLE_DEVICES= "$@"; }
for _ in 1 2; do
    pinned "$ours" "$folder"
    pinned "$venv/bin/python" benches/peers/census_torch.py "$folder" tuned
    pinned "$venv/bin/python" benches/peers/census_torch.py "$folder" plain
done | tee target/census.jsonl | python3 -c '
import json, statistics, sys
seconds = {}
for line in map(json.loads, sys.stdin):
    seconds.setdefault(line["what"], []).append(line["seconds"])
median = {what: statistics.median(times) for what, times in seconds.items()}
ours = median["ours"]
for what, value in median.items():
    ratio = "" if what in ("reading", "ours") else f"  {value / ours:.1f} times ours"
    print(f"{what:12} {value:.3f} s{ratio}")
' 
