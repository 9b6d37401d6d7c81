//! Parameter matching: a model's width is chosen so that it has as many parameters as another model.
//!
//! The paper matches by hand (§5): its mixtures have 100 · 16 · 8 + 16 · 8 · 2 = 13,056 weights in hidden layers, which
//! equals a shared bottom of 13,056 / (100 + 16) ≈ 113 units. Here `match_parameters = "mmoe"` in a model's table does
//! the same. `study.toml` holds the resulting width, the one whose count is nearest.

use toml::Table;

use super::error::Mistake;
use super::schema::ModelSpec;
use super::section::{Section, did_you_mean, expected};
use crate::model::{Architecture, Problem, REGISTRY, SIZE, Sizes};

/// The parameters that are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counting {
    /// Weights of hidden layers in bottoms, experts and towers, as the paper counts. Gates, biases and scalar outputs
    /// are excluded.
    Weights,
    /// All trainable parameters.
    All,
    /// Those of [`Self::Weights`] that the prediction of one task needs: its cost.
    Prediction,
}

impl Counting {
    /// The values of `match_by`.
    const WORDS: [(&str, Self); 3] =
        [("weights", Self::Weights), ("all", Self::All), ("prediction", Self::Prediction)];

    /// The word that `match_by` has for it.
    fn word(self) -> &'static str {
        let named = Self::WORDS.iter().find(|(_, counting)| *counting == self);
        named.expect("every way of counting has a word").0
    }

    /// Parameters of a model of these sizes, as counted.
    fn count(self, sizes: &Sizes, problem: Problem) -> usize {
        let network = sizes.configuration.build(problem);
        match self {
            Self::Weights => network.layout().budget(),
            Self::All => network.layout().count(),
            Self::Prediction => network.layout().budget_of_a_task(),
        }
    }
}

/// Limit of the width: the widest that a model's table may have.
const WIDEST: usize = SIZE.high() as usize;

/// A request to match another model's parameter count.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ParameterMatch {
    target: String,
    counting: Counting,
    path: String,
}

impl ParameterMatch {
    /// Reads `match_parameters` and `match_by` of a model's table; none where it has no `match_parameters`.
    pub fn read(section: &mut Section, architecture: &Architecture) -> Result<Option<Self>, Mistake> {
        let target = section.take("match_parameters");
        let counting =
            section.has("match_by").then(|| section.word("match_by", &Counting::WORDS, None)).transpose()?;
        let Some(target) = target else {
            return match counting {
                None => Ok(None),
                Some(_) => Err(section.mistake("match_by", "…", "match_parameters = \"<model>\" beside it")),
            };
        };
        if architecture.width.is_empty() {
            let remedy = format!("no such key: {} has a list of widths (hidden)", architecture.name);
            return Err(section.mistake("match_parameters", &target, remedy));
        }
        let path = section.path().to_string();
        let Some(name) = target.as_str() else {
            return Err(section.mistake("match_parameters", &target, "the name of a model in quotes"));
        };
        if let Some(given) = section.take(architecture.width) {
            let remedy = "no such key beside match_parameters, which sets it";
            return Err(section.mistake(architecture.width, given, remedy));
        }
        Ok(Some(Self { target: name.to_string(), counting: counting.unwrap_or(Counting::Weights), path }))
    }

    /// Writes `match_parameters` and `match_by` into a model's table, in place of the width that they gave.
    pub fn write(&self, architecture: &Architecture, table: &mut Table) {
        table.remove(architecture.width);
        table.insert("match_parameters".into(), self.target.clone().into());
        table.insert("match_by".into(), self.counting.word().into());
    }
}

/// The models with the widths that their matches ask for. `others` are further models that a match may name.
pub(super) fn resolve_matches(
    models: Vec<ModelSpec>,
    others: &[ModelSpec],
    problem: Problem,
) -> Result<Vec<ModelSpec>, Mistake> {
    let known: Vec<ModelSpec> = models.iter().chain(others).cloned().collect();
    let resolve = |mut spec: ModelSpec| {
        if let Some(request) = &spec.parameter_match {
            let wanted = request.counting.count(&target(request, &spec.name, &known)?, problem);
            spec.sizes = nearest(&spec, wanted, request.counting, problem);
        }
        Ok(spec)
    };
    models.into_iter().map(resolve).collect()
}

/// Sizes of the model to match: a model of the experiment, or an architecture with its default sizes.
fn target(request: &ParameterMatch, own_name: &str, known: &[ModelSpec]) -> Result<Sizes, Mistake> {
    let mistake = |remedy: String| Mistake {
        key: format!("{}.match_parameters", request.path),
        value: Some(format!("{:?}", request.target)),
        remedy: expected(remedy),
    };
    if request.target == own_name {
        return Err(mistake("another model's name".into()));
    }
    if let Some(spec) = known.iter().find(|spec| spec.name == request.target) {
        return match spec.parameter_match {
            None => Ok(spec.sizes.clone()),
            Some(_) => Err(mistake("a model whose own width is given".into())),
        };
    }
    match crate::model::architecture(&request.target) {
        Some(architecture) => {
            Ok((architecture.parse)(toml::Table::new()).expect("every architecture has defaults"))
        }
        None => {
            let names = known.iter().map(|spec| spec.name.as_str());
            let mut names: Vec<&str> = names.chain(REGISTRY.iter().map(|a| a.name)).collect();
            names.retain(|name| *name != own_name);
            let hint = did_you_mean(&request.target, &names);
            Err(mistake(format!("the name of another model or of an architecture{hint}")))
        }
    }
}

/// Sizes of a model at the width whose count is nearest to `wanted`; of two equally near, the smaller.
fn nearest(spec: &ModelSpec, wanted: usize, counting: Counting, problem: Problem) -> Sizes {
    let at = |width: usize| {
        let mut table = spec.sizes.table.clone();
        table.insert(spec.architecture.width.into(), (width as i64).into());
        (spec.architecture.parse)(table).expect("every width of at least 1 is one")
    };
    let count = |width: usize| counting.count(&at(width), problem);
    // Counts grow with the width: the first that suffices lies in (low, high].
    let (mut low, mut high) = (0, 1);
    while high < WIDEST && count(high) < wanted {
        (low, high) = (high, WIDEST.min(2 * high));
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        match count(middle) < wanted {
            true => low = middle,
            false => high = middle,
        }
    }
    let distance = |width: usize| count(width).abs_diff(wanted);
    if low > 0 && distance(low) <= distance(high) { at(low) } else { at(high) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::architecture;

    const PAPER: Problem = Problem { features: 100, tasks: 2 };

    fn spec(name: &str) -> ModelSpec {
        let architecture = architecture(name).unwrap();
        let sizes = (architecture.parse)(toml::Table::new()).unwrap();
        ModelSpec::new(name, architecture, sizes)
    }

    fn width(name: &str, wanted: usize, counting: Counting) -> (i64, usize) {
        let spec = spec(name);
        let sizes = nearest(&spec, wanted, counting, PAPER);
        (sizes.table[spec.architecture.width].as_integer().unwrap(), counting.count(&sizes, PAPER))
    }

    #[test]
    fn the_papers_arithmetic_gives_its_shared_bottom_113_units() {
        let mmoe = spec("mmoe").sizes;
        let budget = Counting::Weights.count(&mmoe, PAPER);
        assert_eq!(budget, 13_056);
        assert_eq!(width("shared_bottom", budget, Counting::Weights), (113, 13_108));
        // Counted in full, MMoE has 1,600 further weights in its gates and 162 further biases and outputs, which equal
        // 13 units more, at 100 + 1 + 2 · 8 each.
        let all = Counting::All.count(&mmoe, PAPER);
        assert_eq!(all, 14_818);
        assert_eq!(width("shared_bottom", all, Counting::All), (126, 14_776));
    }

    #[test]
    fn every_architecture_comes_as_near_as_a_unit_allows() {
        for entry in REGISTRY {
            for wanted in [3_000, 13_056, 200_000] {
                let (units, count) = width(entry.name, wanted, Counting::Weights);
                let count_at = |units: i64| {
                    let mut table = toml::Table::new();
                    table.insert(entry.width.into(), units.into());
                    Counting::Weights.count(&(entry.parse)(table).unwrap(), PAPER).abs_diff(wanted)
                };
                assert!(count_at(units + 1) >= count.abs_diff(wanted), "{} {wanted}", entry.name);
                assert!(
                    units == 1 || count_at(units - 1) >= count.abs_diff(wanted),
                    "{} {wanted}",
                    entry.name
                );
            }
        }
    }

    #[test]
    fn a_budget_that_is_out_of_reach_gets_the_smallest_network() {
        assert_eq!(width("mmoe", 10, Counting::Weights).0, 1);
    }

    #[test]
    fn a_budget_beyond_every_width_gets_the_widest_that_can_be_read_back() {
        let widest = width("shared_bottom", usize::MAX / 2, Counting::Weights).0;
        assert_eq!(widest, WIDEST as i64);
        assert!(SIZE.contains(widest as u64));
    }
}
