//! The methods by which models of click and conversion learn conversion.

use crate::bounds::Bounds;
use crate::model::{InvalidSize, within};

/// A method of learning conversion. Every method also has the cross-entropy of clicks on all impressions. The losses stand
/// in `engine::objective::conversion`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Method {
    /// Cross-entropy of conversions on clicked impressions.
    Clicked,
    /// The same, with a share of the unclicked impressions as negatives (all missing as negative, AMAN).
    SampledNegatives {
        /// Share of the unclicked impressions, 0 to 1.
        rate: f64,
    },
    /// Clicked impressions, those with a conversion several times.
    Oversampling {
        /// Number of times, at least 1.
        copies: f64,
    },
    /// Clicked impressions, accepted with probability `floor` / pCTR, which makes them distributed as all are.
    RejectionSampling {
        /// pCTR below which every clicked impression is accepted, above 0.
        floor: f64,
    },
    /// Cross-entropy of pCTCVR, which the second tower gives, on all impressions; pCVR is its ratio to pCTR and may
    /// be above 1.
    Division,
    /// Cross-entropy of pCTR · pCVR on all impressions.
    EntireSpace,
    /// [`Self::EntireSpace`], and the cross-entropy of conversions on clicked impressions weighted by 1/pCTR.
    InversePropensity {
        /// Weight of the cross-entropy of conversions.
        cvr_weight: f64,
        /// pCTR below which it counts as this, above 0: bounds the weights.
        smallest_propensity: f64,
    },
    /// [`Self::EntireSpace`], and a doubly robust estimate of the cross-entropy of conversions over all impressions:
    /// a third tower imputes its value, clicked impressions correct it.
    DoublyRobust {
        /// Weight of the estimate and of the third tower's error.
        cvr_weight: f64,
        /// As above.
        smallest_propensity: f64,
    },
    /// Likelihood of conversions and of the time waited for them on clicked impressions; a third tower gives the
    /// logarithm of the rate of the exponential delay.
    DelayedFeedback,
    /// Every clicked impression as a negative and, once it is seen to convert, as a positive too, weighted so that
    /// the expectation is that of one label a click. Conversions that are never seen stay negative.
    FakeNegativeWeighted,
}

impl Method {
    /// What it predicts: click and conversion, and for some a third thing.
    pub fn towers(self) -> usize {
        match self {
            Self::DoublyRobust { .. } | Self::DelayedFeedback => 3,
            _ => 2,
        }
    }

    /// Whether it is trained on the times that conversions were waited for.
    pub fn needs_times(self) -> bool {
        matches!(self, Self::DelayedFeedback)
    }

    /// Refuses numbers that mean nothing.
    ///
    /// # Errors
    /// The first such number, with the range that it may have.
    pub fn check(self) -> Result<(), InvalidSize> {
        /// Probabilities that are divided by.
        const SHARE: Bounds<f64> = Bounds::above(0.0, 1.0);
        match self {
            Self::SampledNegatives { rate } => within("rate", rate, Bounds::within(0.0, 1.0)),
            Self::Oversampling { copies } => within("copies", copies, Bounds::within(1.0, 1e6)),
            Self::RejectionSampling { floor } => within("floor", floor, SHARE),
            Self::InversePropensity { cvr_weight, smallest_propensity }
            | Self::DoublyRobust { cvr_weight, smallest_propensity } => {
                within("cvr_weight", cvr_weight, Bounds::within(0.0, 1e6))?;
                within("smallest_propensity", smallest_propensity, SHARE)
            }
            Self::Clicked
            | Self::Division
            | Self::EntireSpace
            | Self::DelayedFeedback
            | Self::FakeNegativeWeighted => Ok(()),
        }
    }
}
