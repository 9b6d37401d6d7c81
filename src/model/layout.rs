//! What a model's parameters are: names, shapes and fans, in one fixed order.
//!
//! A [`Layout`] is the contract between the initialisers, the two engines and the parameter counts of
//! the report. Both engines hold a run's parameters in this order, flattened row-major, so that "the same
//! parameters" means the same thing to each of them.

/// What a parameter does, as far as its first value is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A weight that multiplies `fan_in` inputs into `fan_out` outputs.
    Weight {
        /// Inputs that one output sums over.
        fan_in: usize,
        /// Outputs that one input feeds, within its own expert, gate or tower.
        fan_out: usize,
    },
    /// A bias beside a weight of this `fan_in`.
    Bias {
        /// `fan_in` of the weight it belongs to.
        fan_in: usize,
    },
}

/// One parameter tensor of a model, without the run axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Name within the model, such as `expert.weight`.
    pub name: &'static str,
    /// Shape of one run's tensor; a population holds `[runs, shape…]`.
    pub shape: Vec<usize>,
    /// What it is initialised as.
    pub role: Role,
    /// Equal blocks of columns that stand side by side in the last axis (the experts of `expert.weight`,
    /// the gates of `gate.weight`). First values are drawn block after block, so that a model with one
    /// gate starts from the same first gate as a model with two.
    pub blocks: usize,
}

impl Parameter {
    /// A weight of one block.
    pub fn weight(name: &'static str, shape: &[usize], fan_in: usize, fan_out: usize) -> Self {
        Self { name, shape: shape.to_vec(), role: Role::Weight { fan_in, fan_out }, blocks: 1 }
    }

    /// A bias beside a weight of `fan_in`.
    pub fn bias(name: &'static str, shape: &[usize], fan_in: usize) -> Self {
        Self { name, shape: shape.to_vec(), role: Role::Bias { fan_in }, blocks: 1 }
    }

    /// The same parameter, its last axis made of `blocks` equal blocks of columns.
    pub fn in_blocks(self, blocks: usize) -> Self {
        debug_assert_eq!(self.shape[self.shape.len() - 1] % blocks, 0);
        Self { blocks, ..self }
    }

    /// Number of scalars.
    pub fn count(&self) -> usize {
        self.shape.iter().product()
    }
}

/// All parameters of a model in their fixed order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
