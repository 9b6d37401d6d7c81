//! ESMM's Table 2 as data.

use crate::analysis::reference::rows;

/// A row of ESMM's Table 2: AUCs over 10 repetitions on the paper's public data.
#[derive(Debug, Clone, PartialEq)]
pub struct ConversionRow {
    /// Architecture's name in our registry.
    pub model: String,
    /// AUC of pCVR on clicked impressions: mean and standard deviation.
    pub cvr: [f64; 2],
    /// AUC of pCTCVR on all impressions: mean and standard deviation.
    pub ctcvr: [f64; 2],
}

/// ESMM's Table 2. The file has AUCs in percent.
pub fn conversion_table() -> Vec<ConversionRow> {
    let rows: Vec<(String, [f64; 4])> = rows(include_str!("../../../results/reference/esmm_table2.csv"));
    rows.into_iter()
        .map(|(model, percent)| {
            let [cvr, cvr_sd, ctcvr, ctcvr_sd] = percent.map(|value| value / 100.0);
            ConversionRow { model, cvr: [cvr, cvr_sd], ctcvr: [ctcvr, ctcvr_sd] }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::architecture;

    #[test]
    fn esmm_has_the_highest_aucs_of_its_seven() {
        let rows = conversion_table();
        assert_eq!((rows.len(), rows[6].model.as_str()), (7, "esmm"));
        assert!(rows.iter().all(|row| architecture(&row.model).is_some()));
        assert!((rows[6].cvr[0] - 0.6856).abs() < 1e-12 && (rows[0].ctcvr[1] - 0.0045).abs() < 1e-12);
        assert!(rows[..6].iter().all(|row| row.cvr[0] < rows[6].cvr[0] && row.ctcvr[0] < rows[6].ctcvr[0]));
    }
}
