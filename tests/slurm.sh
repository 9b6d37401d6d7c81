#!/usr/bin/env bash
# A study by a Slurm job array equals the same study by one process, byte for byte, whatever happens to its tasks.
#
# Starts a Slurm of one machine in a temporary folder, submits experiments/slurm/sweep.sbatch over a small study,
# cancels one task and kills another while they train, requeues both, and compares. Installs Debian's slurm-wlm and
# munge where they are missing. Needs root; where Slurm cannot be had it says so and passes, but fails where CI is set.
#
#   tests/slurm.sh [the program, target/release/sweep where none is given]
set -euo pipefail
cd "$(dirname "$0")/.."
sweep=$(realpath "${1:-target/release/sweep}")
sbatch_file=$PWD/experiments/slurm/sweep.sbatch

cannot() {
    echo "skipped: $1"
    [ -z "${CI:-}" ] || exit 1
    exit 0
}

[ "$(id -u)" = 0 ] || cannot "a Slurm of its own is started by root only"
if ! command -v slurmctld slurmd sbatch munged >/dev/null; then
    command -v apt-get >/dev/null || cannot "neither Slurm nor apt-get is here"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends slurm-wlm munge; } \
        >/dev/null 2>&1 || cannot "slurm-wlm and munge could not be installed"
fi

desk=$(mktemp -d)
host=$(hostname -s)
daemons=()
# Ends what was started here, by its number, and shows why where something went wrong.
finish() {
    local code=$?
    if [ $code != 0 ]; then
        tail -n 20 "$desk"/*.log 2>/dev/null || true
    fi
    for daemon in "${daemons[@]}"; do
        kill "$daemon" 2>/dev/null || true
    done
    wait 2>/dev/null || true
    rm -rf "$desk"
    exit $code
}
trap finish EXIT

# Munge proves to Slurm who asks. A key and a socket of our own leave the machine's alone.
mkdir "$desk/munge" && chown munge: "$desk/munge" && chmod 755 "$desk" "$desk/munge"
(umask 077 && head -c 1024 /dev/urandom >"$desk/munge/key") && chown munge: "$desk/munge/key"
socket=$desk/munge/socket
setpriv --reuid=munge --regid=munge --clear-groups munged --foreground --force --key-file="$desk/munge/key" \
    --socket="$socket" --pid-file="$desk/munge/pid" --log-file="$desk/munge/log" --seed-file="$desk/munge/seed" >/dev/null 2>&1 &
daemons+=($!)

mkdir "$desk/state" "$desk/spool"
cat >"$desk/slurm.conf" <<CONF
ClusterName=test
SlurmctldHost=$host
SlurmUser=root
SlurmdUser=root
SlurmctldPort=16817
SlurmdPort=16818
AuthType=auth/munge
# A requeued task waits until its last credentials have run out; two minutes where nothing is said.
AuthInfo=socket=$socket,cred_expire=10
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=none
ReturnToService=2
JobRequeue=1
KillWait=5
StateSaveLocation=$desk/state
SlurmdSpoolDir=$desk/spool
SlurmctldPidFile=$desk/slurmctld.pid
SlurmdPidFile=$desk/slurmd.pid
SlurmctldLogFile=$desk/slurmctld.log
SlurmdLogFile=$desk/slurmd.log
NodeName=$host CPUs=2 RealMemory=1000 State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
export SLURM_CONF=$desk/slurm.conf
slurmctld -D -c >/dev/null 2>&1 &
daemons+=($!)
slurmd -D >/dev/null 2>&1 &
daemons+=($!)

# wait_until <seconds> <what> <command…>
wait_until() {
    local left=$(($1 * 5)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        ((left-- > 0)) || { echo "failed: waited too long until $what"; exit 1; }
        sleep 0.2
    done
}
idle() { [ "$(sinfo --noheader --format=%T)" = idle ]; }
wait_until 60 "the node is idle" idle
echo "Slurm $(sinfo --version | cut -d' ' -f2) is up"

cat >"$desk/small.toml" <<TOML
[data]
kind = "synthetic"
dim = 16
scale = 0.557
alpha = [3.950, 5.190, 8.742]
beta = [1.672, 0.174, 3.024]
noise_std = 0.1
label_points = 500
[grid]
models = ["shared_bottom", "omoe", "mmoe"]
task_correlations = [0.5, 1.0]
learning_rates = [0.001, 0.01]
seeds = 18
[train]
steps = 1000
batch_size = 32
engine = "graph"
log_every = 50
held_out_rows = 64
TOML
cd "$desk"
export SWEEP=$sweep
"$sweep" run small.toml --no-report --out whole 2>/dev/null >/dev/null
submit() {
    local out=$1
    shift
    sbatch --parsable --cpus-per-task=1 --mem-per-cpu=200M --chdir="$desk" --output="$desk/task-%A_%a.log" "$@" "$sbatch_file" \
        small.toml --no-report --out "$out"
}
state_of() { scontrol show job "$1" 2>/dev/null | sed -n 's/.*JobState=\([A-Z_]*\).*/\1/p' | head -n 1; }
is() { [ "$(state_of "$1")" = "$2" ]; }
groups() { find "$1/groups" -name '*.json' ! -name '.*' 2>/dev/null | wc -l; }
has_groups() { [ "$(groups "$1")" -ge "$2" ]; }
queue_is_empty() { [ -z "$(squeue --noheader)" ]; }
# Tables equal byte for byte; of runs.csv all but its last column, which measures the machine.
assert_equals_whole() {
    for table in curves.csv gates.csv labels.csv; do
        cmp "whole/$table" "$1/$table"
    done
    cmp <(sed 's/,[^,]*$//' whole/runs.csv) <(sed 's/,[^,]*$//' "$1/runs.csv")
    [ "$(grep digest whole/manifest.json)" = "$(grep digest "$1/manifest.json")" ]
    "$sweep" status "$1" >/dev/null
}

echo "== an array of five, one task cancelled and one killed while they train, both requeued"
job=$(submit array --array=0-4)
wait_until 60 "task 0 runs" is "${job}_0" RUNNING
wait_until 60 "task 1 runs" is "${job}_1" RUNNING
wait_until 120 "a group is finished" has_groups array 1
scancel "${job}_0"
scancel --signal=KILL --batch "${job}_1"
wait_until 60 "task 0 is cancelled" is "${job}_0" CANCELLED
wait_until 60 "task 1 has failed" is "${job}_1" FAILED
if "$sweep" status array >status.txt; then
    echo "failed: the study was complete before anything was killed" && exit 1
fi
grep -E '^(runs|groups) ' status.txt
scontrol requeue "${job}_0"
scontrol requeue "${job}_1"
wait_until 300 "the queue is empty" queue_is_empty
for task in 0 1 2 3 4; do
    grep -q "shard $task/5, from SLURM_ARRAY_TASK_ID" task-"${job}_$task".log
done
[ "$(grep -c "shard 0/5" task-"${job}_0".log)" = 2 ]
assert_equals_whole array
echo "equal to one process: $(groups array) groups, $(grep -o '"digest": "[0-9a-f]\{16\}' array/manifest.json | cut -d'"' -f4)…"

echo "== tasks 10, 20, …, 50, and a study that is there already"
cp -r array again && find again/groups -name '*.json' | sort | head -n 7 | xargs rm && rm again/*.csv again/manifest.json
job=$(submit again --array=10-50:10)
wait_until 300 "the queue is empty" queue_is_empty
grep -q "shard 4/5, from SLURM_ARRAY_TASK_ID" task-"${job}_50".log
assert_equals_whole again
echo "equal to one process"

echo "== tasks that Slurm cannot have spaced evenly are refused, and what they lack is no secret"
job=$(submit uneven --array=1,2,7)
wait_until 60 "the queue is empty" queue_is_empty
grep -q "expected a task of an evenly spaced array" task-"${job}_2".log
if "$sweep" status uneven >status.txt; then
    echo "failed: a third of the study cannot have been trained" && exit 1
fi
grep -E '^(runs|groups) ' status.txt
echo "passed"
