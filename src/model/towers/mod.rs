//! Models of click and conversion: how pCTR and pCVR are learned from impressions.
//!
//! All of them have the network of ESMM (§2.3): embeddings of the categorical features, then a *tower* (a multi-layer
//! perceptron) for every prediction. The architectures differ in which towers share embeddings and in the [`Method`] of
//! learning conversion. [`REGISTRY`] contains, for each, what conversion is learned from and its source.
//!
//! The CTR tower learns clicks on all impressions. With embeddings of its own it is the same network, bit for bit, in
//! every architecture but `esmm_ns`, where the product trains it too: the paper gives its competitors one CTR network.

use candle_core::{Result, Tensor};
use serde::de::Error;

use super::layout::Layout;
use super::{
    Architecture, Colour, Configuration, Forward, InvalidSize, Learning, Model, Noise, Parameters, Problem,
    Sizes, mmoe,
};
use crate::bounds::Bounds;

mod method;
mod network;
mod shape;

pub use method::Method;
use network::Network;
pub use shape::TowersShape;

/// Hidden units of a tower where an experiment does not say; the paper has 360, 200 and 80 (§3.1).
const HIDDEN: [usize; 2] = [64, 32];
/// Hidden layers of a tower; far fewer are of use.
const LAYERS: Bounds<u64> = Bounds::within(1, 16);
/// Units of a hidden layer.
const UNITS: Bounds<u64> = Bounds::within(1, 100_000);

/// Every architecture that learns clicks and conversions, in the order `sweep list` shows them.
pub static REGISTRY: &[Architecture] = &[
    Architecture {
        name: "base",
        title: "BASE",
        summary: "conversion from clicked impressions, embeddings of its own",
        source: "ESMM §3.1",
        colour: Colour::Vermilion,
        learning: Some(Learning { embeddings: "own", learned_from: "clicked impressions" }),
        width: "",
        parse: |table| parse(table, false, [], |[]| Method::Clicked),
    },
    Architecture {
        name: "aman",
        title: "AMAN",
        summary: "BASE with a share (rate) of the unclicked impressions as negatives",
        source: "Pan et al. 2008, as in ESMM §3.1",
        colour: Colour::Olive,
        learning: Some(Learning {
            embeddings: "own",
            learned_from: "clicked impressions, and a share of the others as negatives",
        }),
        width: "",
        parse: |table| parse(table, false, [("rate", 0.1)], |[rate]| Method::SampledNegatives { rate }),
    },
    Architecture {
        name: "oversampling",
        title: "OVERSAMPLING",
        summary: "BASE with every conversion several times (copies)",
        source: "Weiss 2004, as in ESMM §3.1",
        colour: Colour::Brown,
        learning: Some(Learning {
            embeddings: "own",
            learned_from: "clicked impressions; conversions are repeated",
        }),
        width: "",
        parse: |table| parse(table, false, [("copies", 5.0)], |[copies]| Method::Oversampling { copies }),
    },
    Architecture {
        name: "unbias",
        title: "UNBIAS",
        summary: "BASE on clicked impressions accepted with probability floor / pCTR",
        source: "Zhang et al. 2016, as in ESMM §3.1",
        colour: Colour::Orange,
        learning: Some(Learning {
            embeddings: "own",
            learned_from: "clicked impressions, accepted with probability ∝ 1/pCTR",
        }),
        width: "",
        parse: |table| parse(table, false, [("floor", 0.01)], |[floor]| Method::RejectionSampling { floor }),
    },
    Architecture {
        name: "division",
        title: "DIVISION",
        summary: "pCTCVR and pCTR learned apart; pCVR is their ratio",
        source: "ESMM §3.1",
        colour: Colour::Purple,
        learning: Some(Learning {
            embeddings: "own",
            learned_from: "pCTCVR on all impressions; pCVR = pCTCVR / pCTR",
        }),
        width: "",
        parse: |table| parse(table, false, [], |[]| Method::Division),
    },
    Architecture {
        name: "esmm_ns",
        title: "ESMM-NS",
        summary: "pCTR · pCVR learned on all impressions, embeddings of their own",
        source: "ESMM §3.1",
        colour: Colour::SkyBlue,
        learning: Some(Learning { embeddings: "own", learned_from: "pCTR · pCVR on all impressions" }),
        width: "",
        parse: |table| parse(table, false, [], |[]| Method::EntireSpace),
    },
    Architecture {
        name: "esmm",
        title: "ESMM",
        summary: "pCTR · pCVR learned on all impressions, shared embeddings",
        source: "ESMM §2.3",
        colour: Colour::Blue,
        learning: Some(Learning { embeddings: "shared", learned_from: "pCTR · pCVR on all impressions" }),
        width: "",
        parse: |table| parse(table, true, [], |[]| Method::EntireSpace),
    },
    Architecture {
        name: "esmm_mmoe",
        title: "ESMM-MMoE",
        summary: "ESMM with experts and a gate for each of click and conversion",
        source: "ESMM §2.3 with MMoE §4.2",
        colour: Colour::Indigo,
        learning: Some(Learning {
            embeddings: "shared, and experts",
            learned_from: "pCTR · pCVR on all impressions",
        }),
        width: "expert_units",
        parse: parse_mmoe,
    },
    Architecture {
        name: "escm2_ipw",
        title: "ESCM²-IPW",
        summary: "ESMM, and conversion on clicked impressions weighted by 1/pCTR",
        source: "Wang et al. 2022 (ESCM²)",
        colour: Colour::Green,
        learning: Some(Learning {
            embeddings: "shared",
            learned_from: "as ESMM, and clicked impressions weighted by 1/pCTR",
        }),
        width: "",
        parse: |table| {
            parse(table, true, PROPENSITY, |[cvr_weight, smallest_propensity]| Method::InversePropensity {
                cvr_weight,
                smallest_propensity,
            })
        },
    },
    Architecture {
        name: "escm2_dr",
        title: "ESCM²-DR",
        summary: "ESMM, and a doubly robust loss of conversion with imputed errors",
        source: "Wang et al. 2022 (ESCM²)",
        colour: Colour::Forest,
        learning: Some(Learning {
            embeddings: "shared",
            learned_from: "as ESMM, and a doubly robust loss with imputed errors",
        }),
        width: "",
        parse: |table| {
            parse(table, true, PROPENSITY, |[cvr_weight, smallest_propensity]| Method::DoublyRobust {
                cvr_weight,
                smallest_propensity,
            })
        },
    },
    Architecture {
        name: "delayed_feedback",
        title: "Delayed feedback",
        summary: "BASE with a model of the delay until a conversion is seen",
        source: "Chapelle 2014",
        colour: Colour::Wine,
        learning: Some(Learning {
            embeddings: "own",
            learned_from: "clicked impressions, with a model of the delay",
        }),
        width: "",
        parse: |table| parse(table, false, [], |[]| Method::DelayedFeedback),
    },
    Architecture {
        name: "fake_negative_weighted",
        title: "Fake negatives weighted",
        summary: "BASE on clicks that are negative at first and come again when they convert, weighted",
        source: "Ktena et al. 2019",
        colour: Colour::Grey,
        learning: Some(Learning {
            embeddings: "own",
            learned_from: "clicked impressions, all negative at first, weighted",
        }),
        width: "",
        parse: |table| parse(table, false, [], |[]| Method::FakeNegativeWeighted),
    },
];

/// Keys of both ESCM² models. Their weight of 0.1 keeps a loss whose terms are weighted by 1/pCTR of the order of
/// the others.
const PROPENSITY: [(&str, f64); 2] = [("cvr_weight", 0.1), ("smallest_propensity", 0.01)];

/// Sizes of towers, and their method.
#[derive(Debug)]
struct TowerSizes {
    /// Units of the hidden layers of every tower, from the embeddings up.
    hidden: Vec<usize>,
    method: Method,
    /// Whether the towers read the same embeddings.
    shared: bool,
}

/// The values that `hidden` may have.
fn hidden_remedy() -> String {
    format!("a list of numbers of units {}, such as [64, 32], its length {}", UNITS.range(), LAYERS.range())
}

/// Reads `hidden` and the numbers of a method, each with its default.
fn parse<const N: usize>(
    mut table: toml::Table,
    shared: bool,
    numbers: [(&'static str, f64); N],
    method: fn([f64; N]) -> Method,
) -> std::result::Result<Sizes, toml::de::Error> {
    let hidden = match table.remove("hidden") {
        None => HIDDEN.to_vec(),
        Some(value) => value
            .try_into::<Vec<usize>>()
            .map_err(|_| toml::de::Error::custom(format!("hidden: expected {}", hidden_remedy())))?,
    };
    let mut values = [0.0; N];
    for (value, (key, default)) in values.iter_mut().zip(numbers) {
        *value = match table.remove(key) {
            None => default,
            Some(toml::Value::Integer(whole)) => whole as f64,
            Some(given) => given.try_into().map_err(|_| toml::de::Error::custom("expected f64"))?,
        };
    }
    if let Some(unknown) = table.keys().next() {
        let known: Vec<String> =
            ["hidden"].into_iter().chain(numbers.map(|(key, _)| key)).map(|key| format!("`{key}`")).collect();
        let known = known.join(", ");
        return Err(toml::de::Error::custom(format!("unknown field `{unknown}`, expected one of {known}")));
    }
    let list = hidden.iter().map(|&units| toml::Value::Integer(units as i64)).collect::<Vec<_>>();
    let mut table = toml::Table::from_iter([("hidden".to_string(), list.into())]);
    table.extend(numbers.iter().zip(values).map(|((key, _), value)| (key.to_string(), value.into())));
    let towers = TowerSizes { hidden, method: method(values), shared };
    Ok(Sizes { configuration: std::sync::Arc::new(towers), table })
}

impl Configuration for TowerSizes {
    fn check(&self) -> std::result::Result<(), InvalidSize> {
        let units = self.hidden.iter().all(|units| UNITS.contains(*units as u64));
        if !(LAYERS.contains(self.hidden.len() as u64) && units) {
            return Err(InvalidSize::new("hidden", format!("{:?}", self.hidden), hidden_remedy()));
        }
        self.method.check()
    }

    fn build(&self, problem: Problem) -> Box<dyn Model> {
        Box::new(Network::new(problem.features, &self.hidden, self.method, self.shared))
    }
}

/// Sizes of ESMM with the experts, gates and towers of MMoE.
#[derive(Debug)]
struct EsmmMmoeSizes(std::sync::Arc<dyn Configuration>);

/// Reads the sizes of MMoE; experts of 64 and towers of 32 units are as deep and wide as the other models' towers.
fn parse_mmoe(mut table: toml::Table) -> std::result::Result<Sizes, toml::de::Error> {
    for (key, default) in
        [("experts", 4), ("expert_units", HIDDEN[0] as i64), ("tower_units", HIDDEN[1] as i64)]
    {
        table.entry(key).or_insert(default.into());
    }
    let sizes = (mmoe::ARCHITECTURE.parse)(table)?;
    Ok(Sizes { configuration: std::sync::Arc::new(EsmmMmoeSizes(sizes.configuration)), table: sizes.table })
}

impl Configuration for EsmmMmoeSizes {
    fn check(&self) -> std::result::Result<(), InvalidSize> {
        self.0.check()
    }

    fn build(&self, problem: Problem) -> Box<dyn Model> {
        Box::new(EsmmMmoe(self.0.build(problem)))
    }
}

/// MMoE whose two towers give the logits of ESMM.
struct EsmmMmoe(Box<dyn Model>);

impl Model for EsmmMmoe {
    fn layout(&self) -> &Layout {
        self.0.layout()
    }

    fn forward(&self, parameters: &Parameters, x: &Tensor) -> Result<Forward> {
        self.0.forward(parameters, x)
    }

    fn training_forward(&self, parameters: &Parameters, x: &Tensor, noise: &Noise) -> Result<Forward> {
        self.0.training_forward(parameters, x, noise)
    }

    fn method(&self) -> Option<Method> {
        Some(Method::EntireSpace)
    }
}
