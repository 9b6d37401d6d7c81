//! Embeddings and towers on a CPU, without tensors: ESMM and the other models of click and conversion.
//!
//! The `graph` engine makes a tensor of every gradient, fills it with zeros and adds to it; that and the copies around
//! it are more than half of its time here. Towers are products of matrices between loops over rows, and the objective
//! gives the gradient of the logits ([`Predictions`]), so one pass forward and one back is all there is: in buffers that
//! are allocated once, into one flat gradient in the order of the layout, which one pass of Adam takes. The graph engine
//! is the reference, and trains models without a [`TowersShape`].

mod backward;

use std::ops::Range;

use candle_core::{Result, bail};

use self::backward::{LayerView, output_gradient};
use crate::data::Batch;
use crate::engine::objective::conversion::Predictions;
use crate::engine::{Evaluation, Population, Start, StartRun};
use crate::engine::{adam, clip};
use crate::model::dropout;
use crate::model::ops::product::{Before, Matrix, product};
use crate::model::towers::TowersShape;
use crate::simd::{CpuFeatures, multiversion};

/// Rows of one pass outside training: bounds the memory of scoring.
const EVALUATION_ROWS: usize = 1024;

/// Runs of one model of embeddings and towers, trained on this CPU.
pub struct TowersPopulation {
    shape: TowersShape,
    runs: Vec<StartRun>,
    /// Range of each parameter in a run's flat vector.
    ranges: Ranges,
    /// `[runs, parameters]`.
    parameters: Vec<f32>,
    /// First, then second moments of every run: `[runs, 2, parameters]`.
    moments: Vec<f32>,
    /// Optimiser steps done.
    steps: u64,
    work: Work,
}

/// Ranges of the parameters in a run's flat vector, in the order of the layout.
struct Ranges {
    table: Range<usize>,
    /// Weight and bias of every hidden layer, of all towers.
    layers: Vec<(Range<usize>, Range<usize>)>,
    output_weight: Range<usize>,
    output_bias: Range<usize>,
    count: usize,
}

/// Buffers of one run's pass over a batch.
#[derive(Default)]
struct Work {
    /// Embedded rows of every table, `[tables, rows, width]`.
    input: Vec<f32>,
    /// Units of every hidden layer, `[layers][towers, rows, units]`.
    units: Vec<Vec<f32>>,
    /// `[towers, rows]`.
    logits: Vec<f32>,
    /// Gradient of the logits, `[towers, rows]`.
    logit_gradient: Vec<f32>,
    /// ∂z of the layer at hand, and the gradient of the units below it, `[rows, units]` each.
    masked: [Vec<f32>; 2],
    /// Sums of ∂z over rows, `[units]`.
    sums: Vec<f32>,
    /// ∂ of the embedded words of every table, `[tables, rows, fields · units]`.
    word_gradient: Vec<f32>,
    /// Gradient of a run's parameters, flat, `[parameters]`.
    gradient: Vec<f32>,
    /// Seed, step and rows that the factors of dropout are of.
    drawn: Option<(u64, u64, usize)>,
    /// Factors of the units of every hidden layer, as `units`.
    factors: Vec<Vec<f32>>,
}

impl Work {
    /// Draws the factors of dropout of a run's step, counted from 0, unless they are here already: runs of a seed share
    /// them.
    fn draw(&mut self, shape: &TowersShape, run: &StartRun, step: u64, rows: usize) {
        if self.drawn == Some((run.seed, step, rows)) {
            return;
        }
        let (towers, mut drawn) = (shape.method.towers(), Vec::new());
        self.factors.resize_with(shape.hidden.len(), Vec::new);
        for ((layer, &units), factors) in (0..).zip(&shape.hidden).zip(&mut self.factors) {
            dropout::factors(run.recipe.dropout, run.seed, (step, layer), towers * units, rows, &mut drawn);
            dropout::by_row(&drawn, towers, towers * units, rows, factors);
        }
        self.drawn = Some((run.seed, step, rows));
    }

    /// Multiplies ∂z of the layer at hand, and its sums, by the factor of units that were kept. Those of the others are 0.
    fn scale_kept(&mut self, rate: f64) {
        if rate > 0.0 {
            let (cpu, scale) = (CpuFeatures::best(), dropout::scale(rate));
            clip::multiply(cpu, &mut self.masked[0], scale);
            clip::multiply(cpu, &mut self.sums, scale);
        }
    }
}

impl TowersPopulation {
    /// A population before its first step.
    ///
    /// # Errors
    /// If the number of initial parameters is not that of the layout.
    pub fn new(shape: TowersShape, start: Start) -> Result<Self> {
        let layout = start.model.layout();
        let (runs, count) = (start.runs.len(), layout.count());
        if start.parameters.len() != runs * count {
            bail!("{} initial parameters for {runs} runs of {count} each", start.parameters.len());
        }
        let mut ranges = layout.ranges().into_iter();
        let mut next = || ranges.next().expect("a layout of towers has these parameters");
        let table = next();
        let layers = shape.hidden.iter().map(|_| (next(), next())).collect();
        let ranges = Ranges { table, layers, output_weight: next(), output_bias: next(), count };
        Ok(Self {
            shape,
            runs: start.runs,
            ranges,
            parameters: start.parameters,
            moments: vec![0.0; 2 * runs * count],
            steps: 0,
            work: Work::default(),
        })
    }

    /// Logits of a run on some rows of a batch, left in `work.logits`, with the units that led to them; without those
    /// that dropout drops where the step is trained.
    fn forward(&mut self, run: usize, batch: &Batch, rows: Range<usize>, trained: bool) {
        let (shape, ranges, work) = (&self.shape, &self.ranges, &mut self.work);
        let parameters = &self.parameters[run * ranges.count..][..ranges.count];
        let (count, towers, cpu) = (rows.len(), shape.method.towers(), CpuFeatures::best());
        let dropped = trained && self.runs[run].recipe.dropout > 0.0;
        if dropped {
            work.draw(shape, &self.runs[run], self.steps - 1, count);
        }
        let x = &batch.x[rows.start * batch.features..rows.end * batch.features];
        shape.embed(&parameters[ranges.table.clone()], x, &mut work.input);
        work.units.resize_with(shape.hidden.len(), Vec::new);
        let mut inputs = shape.features;
        for (layer, (&units, (weight, bias))) in shape.hidden.iter().zip(&ranges.layers).enumerate() {
            let (below, above) = work.units.split_at_mut(layer);
            let out = &mut above[0];
            out.resize(towers * count * units, 0.0);
            for (tower, out) in out.chunks_exact_mut(count * units).enumerate() {
                let input = match below.last() {
                    Some(below) => &below[tower * count * inputs..][..count * inputs],
                    None => &work.input[shape.table_of(tower) * count * inputs..][..count * inputs],
                };
                let weight = &parameters[weight.clone()][tower * inputs * units..][..inputs * units];
                let bias = &parameters[bias.clone()][tower * units..][..units];
                product(
                    Matrix::new(input, count, inputs),
                    Matrix::new(weight, inputs, units),
                    out,
                    Before::Forgotten,
                );
                bias_relu(cpu, out, bias);
            }
            if dropped {
                multiply(cpu, out, &work.factors[layer]);
            }
            inputs = units;
        }
        work.logits.resize(towers * count, 0.0);
        let last = work.units.last().expect("a tower has hidden layers");
        let outputs = parameters[ranges.output_weight.clone()].chunks_exact(inputs);
        let outputs = outputs.zip(&parameters[ranges.output_bias.clone()]);
        let each = work.logits.chunks_exact_mut(count).zip(last.chunks_exact(count * inputs));
        for ((logits, units), (weight, &bias)) in each.zip(outputs) {
            output(cpu, units, weight, bias, logits);
        }
    }

    /// The gradient of a run's parameters, left in `work.gradient`, from that of its logits and what `forward` left.
    fn backward(&mut self, run: usize, batch: &Batch) {
        let (shape, ranges, work) = (&self.shape, &self.ranges, &mut self.work);
        let parameters = &self.parameters[run * ranges.count..][..ranges.count];
        let rows = batch.rows;
        let rate = self.runs[run].recipe.dropout;
        let word_columns = shape.categorical * shape.embedding_units;
        work.gradient.resize(ranges.count, 0.0);
        work.word_gradient.resize(shape.tables * rows * word_columns, 0.0);
        for tower in 0..shape.method.towers() {
            output_gradient(shape, ranges, parameters, tower, rows, work);
            work.scale_kept(rate);
            for layer in LayerView::for_tower(shape, ranges, tower).rev() {
                layer.weight_gradient(rows, work);
                match layer.below {
                    Some(below) => {
                        layer.unit_gradient(parameters, rows, below, work);
                        work.scale_kept(rate);
                    }
                    None => layer.word_gradient(parameters, rows, word_columns, work),
                }
            }
        }
        let to_table = &mut work.gradient[ranges.table.clone()];
        to_table.fill(0.0);
        shape.embed_backward(&batch.x, &work.word_gradient, to_table);
    }

    /// A run's part in a batch's labels, `[LABELS, rows]`, and its logits.
    fn predictions<'a>(&'a self, run: usize, batch: &'a Batch, logits: &'a [f32]) -> Predictions<'a> {
        let labels = batch.label_set(self.runs[run].label_set);
        Predictions { method: self.shape.method, logits, labels }
    }

    /// Logits of a run on a whole batch, `[towers, rows]`, appended to `out`.
    fn predict_run(&mut self, run: usize, batch: &Batch, out: &mut Vec<f32>) {
        let (start, towers) = (out.len(), self.shape.method.towers());
        out.resize(start + towers * batch.rows, 0.0);
        for first in (0..batch.rows).step_by(EVALUATION_ROWS) {
            let rows = first..(first + EVALUATION_ROWS).min(batch.rows);
            self.forward(run, batch, rows.clone(), false);
            let by_tower = self.work.logits.chunks_exact(rows.len());
            for (out, logits) in out[start..].chunks_exact_mut(batch.rows).zip(by_tower) {
                out[rows.clone()].copy_from_slice(logits);
            }
        }
    }
}

impl Population for TowersPopulation {
    fn step(&mut self, batch: &Batch, losses: &mut Vec<f32>) -> Result<()> {
        self.steps += 1;
        losses.clear();
        for run in 0..self.runs.len() {
            self.forward(run, batch, 0..batch.rows, true);
            let mut gradient = std::mem::take(&mut self.work.logit_gradient);
            gradient.clear();
            let predictions = self.predictions(run, batch, &self.work.logits);
            losses.extend(predictions.gradient(&mut gradient));
            self.work.logit_gradient = gradient;
            self.backward(run, batch);
            if let Some(limit) = self.runs[run].recipe.clip_norm {
                clip::clip(&mut self.work.gradient, limit);
            }
            let (count, correction) = (self.ranges.count, self.runs[run].correction_at(self.steps));
            let moments = &mut self.moments[2 * run * count..][..2 * count];
            let (first, second) = moments.split_at_mut(count);
            adam::cpu::step(
                &mut self.parameters[run * count..][..count],
                first,
                second,
                &self.work.gradient,
                correction,
            );
        }
        Ok(())
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Evaluation> {
        let (mut losses, mut logits) = (Vec::new(), Vec::new());
        for run in 0..self.runs.len() {
            logits.clear();
            self.predict_run(run, batch, &mut logits);
            losses.extend(self.predictions(run, batch, &logits).losses());
        }
        Ok(Evaluation { losses, gates: None })
    }

    fn predict(&mut self, batch: &Batch) -> Result<Vec<f32>> {
        let mut logits = Vec::with_capacity(self.runs.len() * self.shape.method.towers() * batch.rows);
        (0..self.runs.len()).for_each(|run| self.predict_run(run, batch, &mut logits));
        Ok(logits)
    }

    fn retain(&mut self, keep: &[bool]) -> Result<()> {
        let count = self.ranges.count;
        let kept = |values: &[f32], each: usize| -> Vec<f32> {
            let runs = values.chunks_exact(each).zip(keep).filter(|(_, keep)| **keep);
            runs.flat_map(|(values, _)| values).copied().collect()
        };
        self.parameters = kept(&self.parameters, count);
        self.moments = kept(&self.moments, 2 * count);
        let mut keep = keep.iter();
        self.runs.retain(|_| *keep.next().expect("one entry a run"));
        Ok(())
    }

    fn parameters(&self) -> Result<Vec<f32>> {
        Ok(self.parameters.clone())
    }
}

multiversion! {
    /// ReLU(z + b) in place: z `[rows, units]`, b `[units]`. NaN stays NaN, so that a diverged run shows in its loss.
    fn bias_relu(z: &mut [f32], bias: &[f32]) = bias_relu_body;
}

#[inline(always)]
fn bias_relu_body(z: &mut [f32], bias: &[f32]) {
    for row in z.chunks_exact_mut(bias.len()) {
        for (z, bias) in row.iter_mut().zip(bias) {
            let value = *z + bias;
            *z = if value < 0.0 { 0.0 } else { value };
        }
    }
}

multiversion! {
    /// h · o + d of every row: h `[rows, units]`, o `[units]`, the result `[rows]`.
    fn output(h: &[f32], weight: &[f32], bias: f32, out: &mut [f32]) = output_body;
}

multiversion! {
    /// values ← values · factors, element by element.
    fn multiply(values: &mut [f32], factors: &[f32]) = multiply_body;
}

#[inline(always)]
fn multiply_body(values: &mut [f32], factors: &[f32]) {
    for (value, factor) in values.iter_mut().zip(factors) {
        *value *= factor;
    }
}

/// Partial sums of a row: as many as a register holds.
const LANES: usize = 8;

#[inline(always)]
fn output_body(h: &[f32], weight: &[f32], bias: f32, out: &mut [f32]) {
    for (h, out) in h.chunks_exact(weight.len()).zip(out) {
        let mut sums = [0.0f32; LANES];
        let (h, rest) = h.as_chunks::<LANES>();
        let (weight, weight_rest) = weight.as_chunks::<LANES>();
        for (h, weight) in h.iter().zip(weight) {
            for lane in 0..LANES {
                sums[lane] += h[lane] * weight[lane];
            }
        }
        let rest: f32 = rest.iter().zip(weight_rest).map(|(h, o)| h * o).sum();
        *out = bias + sums.iter().sum::<f32>() + rest;
    }
}

#[cfg(test)]
mod tests {
    use super::backward::output_backward;
    use super::*;
    use crate::engine::graph::GraphPopulation;
    use crate::experiment::{Experiment, library};
    use crate::model::Model;
    use candle_core::Device;

    const MODELS: &str = "grid.models=[\"base\",\"aman\",\"oversampling\",\"unbias\",\"division\",\"esmm_ns\",\
                          \"esmm\",\"escm2_ipw\",\"escm2_dr\",\"delayed_feedback\",\"fake_negative_weighted\"]";

    fn experiment(more: &[&str]) -> Experiment {
        let sets = [
            MODELS,
            "data.training_impressions=700",
            "data.test_impressions=1500",
            "data.words=30",
            "data.click_rate=0.3",
            "data.conversion_rate=0.4",
            "data.mean_delay=0.5",
            "train.batch_size=200",
        ];
        library::find("esmm", &sets.iter().chain(more).map(|set| set.to_string()).collect::<Vec<_>>())
            .unwrap()
    }

    fn start_run(experiment: &Experiment, seed: u64) -> StartRun {
        let train = &experiment.train;
        let run = StartRun::new(0, 0.001 * (seed + 1) as f64, seed);
        StartRun { recipe: train.recipe, steps: train.steps, ..run }
    }

    fn start<'a>(experiment: &Experiment, network: &'a dyn Model, seeds: &[u64]) -> Start<'a> {
        let init = experiment.train.init;
        Start {
            model: network,
            // Learning rates that differ.
            runs: seeds.iter().map(|&seed| start_run(experiment, seed)).collect(),
            parameters: seeds.iter().flat_map(|&seed| init.draw(network.layout(), seed)).collect(),
            task: experiment.data.task(),
        }
    }

    /// Losses of a few steps, logits on the test rows, and parameters.
    fn trained(
        experiment: &Experiment,
        population: &mut dyn Population,
    ) -> (Vec<Vec<f32>>, Vec<f32>, Evaluation, Vec<f32>) {
        let mut feed = experiment.feed(1, &[0.5]);
        let (mut batch, mut step_losses, mut losses) = (Batch::default(), Vec::new(), Vec::new());
        for step in 0..4 {
            feed.training_batch(step, experiment.train.batch_size, &mut batch);
            population.step(&batch, &mut step_losses).unwrap();
            losses.push(step_losses.clone());
        }
        feed.held_out(1500, &mut batch);
        let (logits, evaluation) =
            (population.predict(&batch).unwrap(), population.evaluate(&batch).unwrap());
        (losses, logits, evaluation, population.parameters().unwrap())
    }

    #[test]
    fn towers_agree_with_the_graph_engine_for_every_method() {
        let recipe = [
            "train.weight_decay=5",
            "train.schedule={warmup=3}",
            "train.clip_norm=0.02",
            "train.dropout=0.3",
        ];
        for (hidden, recipe) in [("[9, 5]", &[][..]), ("[7]", &[]), ("[9, 5]", &recipe)] {
            let mut more: Vec<String> = library::find("esmm", &[MODELS.to_string()])
                .unwrap()
                .grid
                .models
                .iter()
                .map(|model| format!("models.{model}.hidden={hidden}"))
                .collect();
            more.extend(recipe.iter().map(|set| set.to_string()));
            let experiment = experiment(&more.iter().map(String::as_str).collect::<Vec<_>>());
            for model in &experiment.models {
                let network = experiment.network(model);
                let shape = network.towers().expect("a model of towers");
                let mut towers =
                    TowersPopulation::new(shape, start(&experiment, &*network, &[0, 3])).unwrap();
                let mut graph =
                    GraphPopulation::new(start(&experiment, &*network, &[0, 3]), Device::Cpu).unwrap();
                let (ours, graph) = (trained(&experiment, &mut towers), trained(&experiment, &mut graph));
                let near = |a: &[f32], b: &[f32], what: &str| {
                    assert_eq!(a.len(), b.len());
                    for (a, b) in a.iter().zip(b) {
                        // Sums of a few hundred rounded products, four steps of Adam later.
                        assert!((a - b).abs() < 2e-4 * (1.0 + b.abs()), "{} {what}: {a} and {b}", model.name);
                    }
                };
                near(&ours.0.concat(), &graph.0.concat(), "losses");
                near(&ours.1, &graph.1, "logits");
                near(&ours.2.losses, &graph.2.losses, "held-out losses");
                near(&ours.3, &graph.3, "parameters");
            }
        }
    }

    #[test]
    fn a_run_is_the_same_bits_beside_others_and_when_they_leave() {
        let experiment = experiment(&[]);
        for model in &experiment.models {
            let network = experiment.network(model);
            let of = |seeds: &[u64]| {
                TowersPopulation::new(network.towers().unwrap(), start(&experiment, &*network, seeds))
                    .unwrap()
            };
            let alone = trained(&experiment, &mut of(&[3])).3;
            let mut beside = of(&[0, 3, 5]);
            let count = network.layout().count();
            assert_eq!(trained(&experiment, &mut beside).3[count..2 * count], alone, "{}", model.name);
            beside.retain(&[false, true, false]).unwrap();
            assert_eq!(beside.parameters().unwrap(), alone);
            let (mut beside, mut alone) = (beside, of(&[3]));
            trained(&experiment, &mut alone);
            assert_eq!(trained(&experiment, &mut beside).3, trained(&experiment, &mut alone).3);
        }
    }

    #[test]
    fn every_vector_width_gives_the_same_bits() {
        let values =
            |n: usize, salt: f32| -> Vec<f32> { (0..n).map(|i| (i as f32 * 0.7 + salt).sin()).collect() };
        let (rows, units) = (13, 21);
        let of = |cpu: CpuFeatures| {
            let mut h = values(rows * units, 0.1);
            bias_relu(cpu, &mut h, &values(units, 0.2));
            let (mut out, mut masked) = (vec![0.0; rows], vec![0.0; rows * units]);
            let (mut to_weight, mut sums) = (vec![0.0; units], vec![0.0; units]);
            output(cpu, &h, &values(units, 0.3), 0.5, &mut out);
            let (weight, gradient) = (values(units, 0.3), values(rows, 0.4));
            output_backward(cpu, &h, &weight, &gradient, &mut masked, &mut to_weight, &mut sums);
            [h, out, masked, to_weight, sums]
        };
        for cpu in CpuFeatures::available() {
            assert_eq!(of(cpu), of(CpuFeatures::available()[0]), "{}", cpu.name());
        }
    }
}
