//! stub
use super::ImpressionLog;
use serde::Serialize;
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FunnelSpec {
    pub training_impressions: usize,
    pub test_impressions: usize,
    pub share: f64,
    pub fields: usize,
    pub words: usize,
    pub zipf: f64,
    pub numbers: usize,
    pub word_share: f64,
    pub click_rate: f64,
    pub conversion_rate: f64,
    pub selection: f64,
    pub signal: f64,
    pub mean_delay: f64,
    pub embedding_units: usize,
}
impl FunnelSpec {
    pub fn generate(&self, seed: u64, task_correlation: f64) -> ImpressionLog {
        todo!()
    }
    pub fn columns(&self) -> usize {
        self.fields + self.numbers
    }
    pub fn width(&self) -> usize {
        self.fields * self.embedding_units + self.numbers
    }
    pub fn bytes(&self) -> u64 {
        0
    }
}
