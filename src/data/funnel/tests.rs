use super::*;

/// A funnel with something of everything.
pub fn small() -> FunnelSpec {
    FunnelSpec {
        training_impressions: 3000,
        test_impressions: 1000,
        share: 1.0,
        fields: 3,
        words: 50,
        zipf: 1.0,
        numbers: 9,
        word_share: 0.5,
        click_rate: 0.1,
        conversion_rate: 0.2,
        selection: 1.0,
        signal: 1.0,
        mean_delay: 0.2,
        embedding_units: 4,
    }
}

#[test]
fn the_same_seed_gives_the_same_bits_and_another_gives_others() {
    let spec = small();
    let log = spec.generate(3, 0.5);
    assert_eq!(log, spec.generate(3, 0.5));
    let other = spec.generate(4, 0.5);
    assert_ne!(log.training.x, other.training.x);
    assert_ne!(log.test.truth, other.test.truth);
}
