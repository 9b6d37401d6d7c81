//! The mixture family in f64, one row and one multiply-add at a time, straight from its equations: what the
//! kernels are compared with.

use crate::model::{MixtureShape, Routing};

/// Losses, gradient and gate use of one run.
pub struct Reference {
    /// `[tasks]`.
    pub losses: Vec<f64>,
    /// Flat, in layout order.
    pub gradient: Vec<f64>,
    /// `[gates, experts]`.
    pub mean_weight: Vec<f64>,
    /// `[gates]`.
    pub entropy: Vec<f64>,
    /// Distance from 0 of the ReLU input nearest to it.
    pub nearest_kink: f64,
}

/// Pass of one run with flat `parameters` over `x`, `[rows, features]`, and `y`, `[tasks, rows]`.
pub fn pass(shape: MixtureShape, parameters: &[f64], x: &[f32], y: &[f32]) -> Reference {
    let MixtureShape { features: d, experts: n, expert_units: h, tasks, tower_units: t, routing } = shape;
    let gates = shape.gates();
    let rows = y.len() / tasks;
    let layout = shape.layout();
    let start = |name: &str| layout.position(name).map(|p| layout.ranges()[p].start);
    let at = |name: &str| start(name).expect("a parameter of every member");
    let (ew, eb) = (at("expert.weight"), at("expert.bias"));
    let gw = start("gate.weight").unwrap_or(0);
    let (tw, tb) = (at("tower.weight"), at("tower.bias"));
    let (ow, ob) = (at("output.weight"), at("output.bias"));
    let p = parameters;
    let mut out = Reference {
        losses: vec![0.0; tasks],
        gradient: vec![0.0; p.len()],
        mean_weight: vec![0.0; gates * n],
        entropy: vec![0.0; gates],
        nearest_kink: f64::INFINITY,
    };
    let g = &mut out.gradient;
    let mut relu = |input: f64| {
        out.nearest_kink = out.nearest_kink.min(input.abs());
        input.max(0.0)
    };
    for row in 0..rows {
        let x: Vec<f64> = x[row * d..][..d].iter().map(|&x| x as f64).collect();
        let f: Vec<f64> = (0..n * h)
            .map(|c| relu(p[eb + c] + (0..d).map(|j| x[j] * p[ew + j * n * h + c]).sum::<f64>()))
            .collect();
        let weights: Vec<Vec<f64>> = (0..gates)
            .map(|k| {
                let logits: Vec<f64> =
                    (0..n).map(|i| (0..d).map(|j| x[j] * p[gw + j * gates * n + k * n + i]).sum()).collect();
                let most = logits.iter().copied().fold(f64::MIN, f64::max);
                let powers: Vec<f64> = logits.iter().map(|l| (l - most).exp()).collect();
                let sum: f64 = powers.iter().sum();
                powers.iter().map(|e| e / sum).collect()
            })
            .collect();
        for (k, weights) in weights.iter().enumerate() {
            for (i, &w) in weights.iter().enumerate() {
                out.mean_weight[k * n + i] += w / rows as f64;
                out.entropy[k] -= if w > 0.0 { w * w.ln() / rows as f64 } else { 0.0 };
            }
        }
        let mut df = vec![0.0; n * h];
        let mut dg = vec![vec![0.0; n]; gates];
        for k in 0..tasks {
            // Which experts reach tower k, and how strongly.
            let gate = if routing == Routing::OneGate { 0 } else { k };
            let strength: Vec<f64> = match routing {
                Routing::Shared => vec![1.0],
                Routing::Own => (0..n).map(|i| if i == k { 1.0 } else { 0.0 }).collect(),
                Routing::OneGate | Routing::GatePerTask => weights[gate].clone(),
            };
            let m: Vec<f64> = (0..h).map(|u| (0..n).map(|i| strength[i] * f[i * h + u]).sum()).collect();
            let hidden: Vec<f64> = (0..t)
                .map(|c| {
                    let sum: f64 = (0..h).map(|u| m[u] * p[tw + (k * h + u) * t + c]).sum();
                    relu(sum + p[tb + k * t + c])
                })
                .collect();
            let prediction = p[ob + k] + (0..t).map(|c| hidden[c] * p[ow + k * t + c]).sum::<f64>();
            let error = prediction - y[k * rows + row] as f64;
            out.losses[k] += error * error / rows as f64;

            let dy = 2.0 * error / rows as f64;
            g[ob + k] += dy;
            let mut dm = vec![0.0; h];
            for c in 0..t {
                g[ow + k * t + c] += dy * hidden[c];
                let dh = if hidden[c] > 0.0 { dy * p[ow + k * t + c] } else { 0.0 };
                g[tb + k * t + c] += dh;
                for u in 0..h {
                    g[tw + (k * h + u) * t + c] += dh * m[u];
                    dm[u] += dh * p[tw + (k * h + u) * t + c];
                }
            }
            for i in 0..n {
                for u in 0..h {
                    df[i * h + u] += strength[i] * dm[u];
                    if gates > 0 {
                        dg[gate][i] += dm[u] * f[i * h + u];
                    }
                }
            }
        }
        for c in 0..n * h {
            let dz = if f[c] > 0.0 { df[c] } else { 0.0 };
            g[eb + c] += dz;
            for j in 0..d {
                g[ew + j * n * h + c] += x[j] * dz;
            }
        }
        for k in 0..gates {
            let mean: f64 = (0..n).map(|i| weights[k][i] * dg[k][i]).sum();
            for i in 0..n {
                let dl = weights[k][i] * (dg[k][i] - mean);
                for j in 0..d {
                    g[gw + j * gates * n + k * n + i] += x[j] * dl;
                }
            }
        }
    }
    out
}
