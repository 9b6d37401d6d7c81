#!/usr/bin/env bash
# Our engines beside JAX and PyTorch on the same work, on one core, in the same minutes.
#
#   benches/peers.sh                 all batch sizes and models, about 15 minutes
#   PEERS_B=128 benches/peers.sh     one batch size, about 5 minutes
#   PEERS_B=128 PEERS_MODELS=mmoe PEERS_COMPILE=0 benches/peers.sh     about a minute
#
# Needs Rust, Python 3.10 or newer with venv, taskset and, at its first run, a network: it installs numpy,
# jax and torch into target/peers-venv. Nothing else is changed.
#
# For each model and batch size, PEERS_ROUNDS rounds (2) of every program in turn, so that whatever else the
# machine does falls on all of them. A program's rate is the median of its repetitions over all rounds; the
# table has ratios of those. Every repetition goes to target/peers.csv, with the speed of a matrix product
# measured beside the Python ones (`probe`): where it moves, the machine was disturbed.
set -euo pipefail
cd "$(dirname "$0")/.."

core=${PEERS_CORE:-0}
batches=${PEERS_B:-32,128,512}
models=${PEERS_MODELS:-shared_bottom,omoe,mmoe}
rounds=${PEERS_ROUNDS:-2}
compile=${PEERS_COMPILE:-1}
venv=target/peers-venv
# Two repetitions of 0.3 s a round: hundreds of steps each, and a full pass within 15 minutes, most of which
# is compilation by JAX and torch.compile.
export PEERS_REPS=${PEERS_REPS:-2} PEERS_SEC=${PEERS_SEC:-0.3} PEERS_FRESH_ONLY=1
export PEERS_OUT=$PWD/target/peers.jsonl

if ! "$venv/bin/python" -c 'import numpy, jax, torch' 2>/dev/null; then
    echo "installing numpy, jax and torch into $venv" >&2
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check numpy jax torch
fi
cargo build --release --bench peer 2>&1 | tail -1 >&2
ours=$(cargo build --release --bench peer --message-format=json 2>/dev/null |
    sed -n 's/.*"kind":\["bench"\].*"name":"peer".*"executable":"\([^"]*\)".*/\1/p')

# Alone on the core, with libraries that use one thread.
pinned() {
    timeout 300 taskset -c "$core" env OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 \
        CUDA_VISIBLE_DEVICES= JAX_PLATFORMS=cpu "$@" ||
        echo "failed: $*" >&2
}
peer() { PEERS_B=$batch pinned "$venv/bin/python" "benches/peers/$1" "${@:2}"; }

rm -f "$PEERS_OUT"
for model in ${models//,/ }; do
    for batch in ${batches//,/ }; do
        for _ in $(seq "$rounds"); do
            for engine in fused graph; do
                pinned "$ours" "$engine" "$model" "$batch" >>"$PEERS_OUT"
            done
            peer jax_vmap.py "$model" bench
            peer jax_vmap.py "$model" bench normal=hash
            peer torch_vmap.py "$model" bench
            peer torch_loop.py "$model" tuned
            peer torch_loop.py "$model" naive
            if [ "$compile" = 1 ]; then peer torch_vmap.py "$model" bench --compile; fi
        done >>target/peers.log
        echo "$model, batch $batch: measured" >&2
    done
done
"$venv/bin/python" benches/peers/table.py "$PEERS_OUT" target/peers.csv
