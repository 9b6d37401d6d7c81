"""The table of benches/peers.sh: table.py RESULTS.jsonl RAW.csv

Reads one line of JSON a measurement, writes every repetition to a CSV and prints medians and ratios.
"""
import csv, json, statistics, sys

NAMES = {
    ("ours_fused", ""): "ours, fused engine",
    ("ours_graph", ""): "ours, graph engine",
    ("jax_vmap", "hash"): "JAX, own counter hash",
    ("jax_vmap", "erfinv"): "JAX, its own normals",
    ("torch_vmap", ""): "PyTorch ensemble (bmm)",
    ("torch_compile", ""): "PyTorch ensemble, compiled",
    ("torch_loop", "tuned"): "PyTorch loop, tuned",
    ("torch_loop", "naive"): "PyTorch loop, plain",
}


def name(row):
    impl, variant = row["impl"], row.get("variant", "")
    if impl == "jax_vmap":
        variant = variant.split(",")[2]          # prng, partitionable, normals, mixing, unrolling
    elif impl != "torch_loop":
        variant = ""
    return NAMES[impl, variant]


rows = [row for row in map(json.loads, open(sys.argv[1])) if row["data"]]
rates = {}                           # (model, B) -> name -> run-steps a CPU second, all rounds
with open(sys.argv[2], "w", newline="") as f:
    out = csv.writer(f)
    out.writerow(["model", "batch_size", "implementation", "variant", "runs", "repetition",
                  "run_steps_per_second", "cpu_share", "probe_gflops"])
    for row in rows:
        seen = rates.setdefault((row["model"], row["B"]), {}).setdefault(name(row), [])
        probes = row.get("probe", [""] * len(row["rate"]))
        for rate, cpu, probe in zip(row["rate"], row["cpu"], probes):
            out.writerow([row["model"], row["B"], row["impl"], row["variant"], row["R"], len(seen),
                          rate, cpu, probe])
            seen.append(rate / (cpu or 1.0))     # cpu is null where the system does not tell

print("Run-steps a second of CPU time on one core: one Adam step of one run on a new batch, making the batch included.")
print("Ours: 9 runs that share x; PyTorch loop: 1 run; JAX and PyTorch ensembles: 2 to 16 runs, x for each.")
print("fused/, graph/: how many times the row's rate our engines make. Medians; range of all repetitions.\n")
for (model, batch), of in rates.items():
    medians = {n: statistics.median(r) for n, r in of.items()}
    print(f"| {model}, B = {batch} | run-steps/CPU s | range | fused/ | graph/ |")
    print("|---|---|---|---|---|")
    for n in NAMES.values():
        if n in of:
            ratio = lambda engine: (f"{medians[e] / medians[n]:.2f}"
                                    if (e := f"ours, {engine} engine") in medians and e != n else "")
            print(f"| {n} | {medians[n]:,.0f} | {min(of[n]):,.0f} to {max(of[n]):,.0f} |"
                  f" {ratio('fused')} | {ratio('graph')} |")
    jax = max((m for n, m in medians.items() if n.startswith("JAX")), default=None)
    if jax:
        ours = ", ".join(f"{n.split()[1]} {m / jax:.2f}" for n, m in medians.items() if n.startswith("ours"))
        print(f"\nAgainst the best JAX variant: {ours}.\n")
