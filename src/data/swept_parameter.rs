//! Parameters of simulated impressions, of which a grid can sweep one beside the task correlation.

use super::funnel::FunnelSpec;

/// A number of a [`FunnelSpec`] that a grid can sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SweptParameter {
    /// Standard deviation of the logit of pCTR: the larger, the more clicked impressions differ from the others.
    Selection,
    /// Share of the training impressions that are trained on.
    Share,
    /// Clicks per impression.
    ClickRate,
    /// Conversions per click.
    ConversionRate,
    /// Mean time from click to conversion.
    MeanDelay,
}

impl SweptParameter {
    /// All parameters.
    pub const ALL: [Self; 5] =
        [Self::Selection, Self::Share, Self::ClickRate, Self::ConversionRate, Self::MeanDelay];

    /// Its key in `[data]`, and its column in the CSV files.
    pub fn key(self) -> &'static str {
        match self {
            Self::Selection => "selection",
            Self::Share => "share",
            Self::ClickRate => "click_rate",
            Self::ConversionRate => "conversion_rate",
            Self::MeanDelay => "mean_delay",
        }
    }

    /// Its name on an axis, with its unit.
    pub fn title(self) -> &'static str {
        match self {
            Self::Selection => "selection strength (standard deviation of the logit of pCTR)",
            Self::Share => "share of the training impressions",
            Self::ClickRate => "clicks per impression",
            Self::ConversionRate => "conversions per click",
            Self::MeanDelay => "mean delay of conversions (training windows)",
        }
    }

    /// Its value in a specification.
    pub fn value(self, spec: &FunnelSpec) -> f64 {
        match self {
            Self::Selection => spec.selection,
            Self::Share => spec.share,
            Self::ClickRate => spec.click_rate,
            Self::ConversionRate => spec.conversion_rate,
            Self::MeanDelay => spec.mean_delay,
        }
    }

    /// The specification with another value.
    pub fn set(self, mut spec: FunnelSpec, value: f64) -> FunnelSpec {
        let number = match self {
            Self::Selection => &mut spec.selection,
            Self::Share => &mut spec.share,
            Self::ClickRate => &mut spec.click_rate,
            Self::ConversionRate => &mut spec.conversion_rate,
            Self::MeanDelay => &mut spec.mean_delay,
        };
        *number = value;
        spec
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::funnel::tests::small;

    #[test]
    fn what_is_set_is_there_and_nothing_else_changes() {
        let spec = small();
        for parameter in SweptParameter::ALL {
            let changed = parameter.set(spec.clone(), 0.25);
            assert_eq!(parameter.value(&changed), 0.25);
            assert_eq!(parameter.set(changed, parameter.value(&spec)), spec);
        }
    }
}
