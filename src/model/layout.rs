//! Names, shapes and fans of a model's parameters, in one fixed order.
//!
//! A [`Layout`] is the contract between the initialisers, the two engines and the parameter counts of
//! the report. Both engines hold a run's parameters in this order, flattened row-major, so that "the same
//! parameters" means the same thing to each of them.

use std::borrow::Cow;

/// The part of a parameter in its model, which decides its first values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Role {
    /// A weight that multiplies `fan_in` inputs into `fan_out` outputs.
    Weight {
        /// Inputs that one output sums over.
        fan_in: usize,
        /// Outputs that one input feeds, within its own expert, gate or tower.
        fan_out: usize,
    },
    /// The weight of gates: what comes out chooses among experts.
    Gate {
        /// Inputs of a gate.
        fan_in: usize,
        /// Experts that a gate chooses among.
        fan_out: usize,
    },
    /// A table of embeddings, whose rows are looked up.
    Embedding {
        /// Rows that count as one sum: the first values have variance 1/`fan_in`.
        fan_in: usize,
        /// Units of an embedding.
        fan_out: usize,
    },
    /// A bias beside a weight of this `fan_in`.
    Bias {
        /// `fan_in` of the weight it belongs to.
        fan_in: usize,
    },
    /// A factor that multiplies a weight within a product of matrices: variance 1/fan_in under every
    /// initialiser, so that the product has the variance of the weight.
    Factor {
        /// Terms of the sum that it stands in.
        fan_in: usize,
    },
    /// A square matrix over tasks that says how much of its own a task goes on with: `own` on the diagonal,
    /// the rest of 1 in equal parts from the other tasks. Nothing is drawn.
    Mixing {
        /// Share of the task's own, 0 to 1; 1 where there is one task.
        own: f64,
    },
}

/// One parameter tensor of a model, without the run axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Name within the model, such as `expert.weight`.
    pub name: Cow<'static, str>,
    /// Shape of one run's tensor; a population holds `[runs, shape…]`.
    pub shape: Vec<usize>,
    /// Its part in the model.
    pub role: Role,
    /// Equal blocks of columns that stand side by side in the last axis (the experts of `expert.weight`,
    /// the gates of `gate.weight`). First values are drawn block after block, so that a model with one
    /// gate starts from the same first gate as a model with two.
    pub blocks: usize,
    /// Whether the paper's budget counts it (§5): weights of hidden layers, in bottoms, experts and towers.
    /// Biases, gates and the scalar outputs are not counted.
    pub budgeted: bool,
    /// Parts of it that the prediction of one task needs, and all its equal parts: `[1, 2]` for the towers of two
    /// tasks, `[1, 1]` for what tasks share.
    pub needed_by_a_task: [usize; 2],
}

impl Parameter {
    /// A weight of one block.
    pub fn weight(
        name: impl Into<Cow<'static, str>>,
        shape: &[usize],
        fan_in: usize,
        fan_out: usize,
    ) -> Self {
        Self::new(name, shape, Role::Weight { fan_in, fan_out }, true)
    }

    /// The weight of scalar outputs over `fan_in` units: not of the paper's budget.
    pub fn output(name: impl Into<Cow<'static, str>>, shape: &[usize], fan_in: usize) -> Self {
        Self::new(name, shape, Role::Weight { fan_in, fan_out: 1 }, false)
    }

    /// The weight of gates over `fan_in` inputs, each among `experts`: not of the paper's budget.
    pub fn gate(name: impl Into<Cow<'static, str>>, shape: &[usize], fan_in: usize, experts: usize) -> Self {
        Self::new(name, shape, Role::Gate { fan_in, fan_out: experts }, false)
    }

    /// A table of embeddings of `units`, whose first values have variance 1/`fan_in`.
    pub fn embedding(
        name: impl Into<Cow<'static, str>>,
        shape: &[usize],
        fan_in: usize,
        units: usize,
    ) -> Self {
        Self::new(name, shape, Role::Embedding { fan_in, fan_out: units }, true)
    }

    /// A bias beside a weight of `fan_in`.
    pub fn bias(name: impl Into<Cow<'static, str>>, shape: &[usize], fan_in: usize) -> Self {
        Self::new(name, shape, Role::Bias { fan_in }, false)
    }

    /// A factor of a weight, one of `fan_in` terms.
    pub fn factor(name: impl Into<Cow<'static, str>>, shape: &[usize], fan_in: usize) -> Self {
        Self::new(name, shape, Role::Factor { fan_in }, true)
    }

    /// The share of every task in every other, `[tasks, tasks]`.
    pub fn mixing(name: impl Into<Cow<'static, str>>, tasks: usize, own: f64) -> Self {
        Self::new(name, &[tasks, tasks], Role::Mixing { own }, false)
    }

    fn new(name: impl Into<Cow<'static, str>>, shape: &[usize], role: Role, budgeted: bool) -> Self {
        Self { name: name.into(), shape: shape.to_vec(), role, blocks: 1, budgeted, needed_by_a_task: [1, 1] }
    }

    /// The same parameter, its last axis made of `blocks` equal blocks of columns.
    pub fn in_blocks(self, blocks: usize) -> Self {
        debug_assert_eq!(self.shape[self.shape.len() - 1] % blocks, 0);
        Self { blocks, ..self }
    }

    /// The same parameter, of whose `parts` equal parts the prediction of one task needs `needed`.
    pub fn needed_by_a_task(self, needed: usize, parts: usize) -> Self {
        debug_assert!(needed <= parts && self.count().is_multiple_of(parts));
        Self { needed_by_a_task: [needed, parts], ..self }
    }

    /// Number of scalars.
    pub fn count(&self) -> usize {
        self.shape.iter().product()
    }
}

/// All parameters of a model in their fixed order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Layout {
    /// The parameters; their order is also their order in a flat vector.
    pub parameters: Vec<Parameter>,
}

impl Layout {
    /// A layout of these parameters in this order.
    pub fn new(parameters: Vec<Parameter>) -> Self {
        Self { parameters }
    }

    /// Number of scalars of one run: the length of its flat parameter vector.
    pub fn count(&self) -> usize {
        self.parameters.iter().map(Parameter::count).sum()
    }

    /// Number of scalars in the weights of hidden layers, which is what the paper counts when it gives models
    /// the same budget (§5: 100 · 16 · 8 + 16 · 8 · 2 = 13,056 for its mixtures).
    pub fn budget(&self) -> usize {
        self.parameters.iter().filter(|p| p.budgeted).map(Parameter::count).sum()
    }

    /// The part of [`Self::budget`] that the prediction of one task needs: its cost in multiply-adds.
    pub fn budget_of_a_task(&self) -> usize {
        let needed = |p: &Parameter| {
            let [needed, parts] = p.needed_by_a_task;
            p.count() / parts * needed
        };
        self.parameters.iter().filter(|p| p.budgeted).map(needed).sum()
    }

    /// Position of the parameter called `name`.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.parameters.iter().position(|p| p.name == name)
    }

    /// Half-open range of every parameter in a run's flat vector, in order.
    pub fn ranges(&self) -> Vec<std::ops::Range<usize>> {
        let mut start = 0;
        self.parameters
            .iter()
            .map(|p| {
                let range = start..start + p.count();
                start = range.end;
                range
            })
            .collect()
    }
}
