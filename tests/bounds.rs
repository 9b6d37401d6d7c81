//! Every number of an experiment has bounds, and the message that refuses a number names them.

use mmoe_study::experiment::load::parse;
use mmoe_study::model::{REGISTRY, towers};
use toml::Value;

/// Experiments that have every kind of data, every architecture and `[tune]`.
fn experiments() -> [String; 4] {
    let with = |data: &str, models: &[&str], more: &str| {
        format!(
            "{more}\n[data]\n{data}\n[grid]\nmodels = {models:?}\nlearning_rates = [0.01]\nseeds = [1]\n[train]\nsteps = 1\n\
             batch_size = 8\n[models.{}]\nlearning_rate = 0.02\n",
            models[0]
        )
    };
    let names = |registry: &[mmoe_study::model::Architecture]| {
        registry.iter().map(|architecture| architecture.name).collect::<Vec<_>>()
    };
    let timeless = |names: Vec<&'static str>| {
        names.into_iter().filter(|name| *name != "delayed_feedback").collect::<Vec<_>>()
    };
    let synthetic = "kind = \"synthetic\"\nscale = 0.5\nalpha = [3.0]\nbeta = [1.0]\nnoise_std = 0.1\n\
                     source = { rows = 50 }";
    let funnel = "kind = \"funnel\"\ntraining_impressions = 500";
    let tune = "tune = { trials = 1, learning_rates = [0.01], rungs = [{ seeds = 1, steps = 1, keep = 1 }] }";
    let correlations = |text: String| text.replace("[grid]\n", "[grid]\ntask_correlations = [0.5]\n");
    [
        correlations(with(synthetic, &names(REGISTRY), "")),
        with("kind = \"census\"\nmain = \"income\"", &names(REGISTRY), tune),
        correlations(with(funnel, &names(towers::REGISTRY), "")),
        with("kind = \"ali_ccp\"", &timeless(names(towers::REGISTRY)), ""),
    ]
}

/// The numbers of a table with their paths; a list of numbers is represented by its first.
fn numbers(path: &str, value: &Value, found: &mut Vec<(String, Value, bool)>) {
    match value {
        Value::Table(table) => {
            for (key, value) in table {
                numbers(&if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, value, found);
            }
        }
        Value::Array(list) => {
            if let Some(number @ (Value::Integer(_) | Value::Float(_))) = list.first() {
                found.push((path.into(), number.clone(), true));
            }
        }
        Value::Integer(_) | Value::Float(_) => found.push((path.into(), value.clone(), false)),
        _ => {}
    }
}

/// The bounds that a message names, as written, and whether the number may be the bound itself. A message about a count
/// or a list names those of the count first.
fn bounds(message: &str, in_list: bool) -> Option<([String; 2], [bool; 2])> {
    let remedy = message.rsplit_once("expected ")?.1;
    let remedy = match remedy.split_once(", or a list ") {
        Some((count, list)) => {
            if in_list {
                list
            } else {
                count
            }
        }
        None => remedy,
    };
    let (low, rest, from_low) = match (remedy.split_once("from "), remedy.split_once("above ")) {
        (Some((_, rest)), _) => (rest.split(' ').next()?, rest.split_once(" to ")?.1, true),
        (_, Some((_, rest))) => (rest.split(',').next()?, rest.split_once(", at most ")?.1, false),
        _ => return None,
    };
    let (high, to_high) = match rest.strip_prefix("below ") {
        Some(rest) => (rest, false),
        None => (rest, true),
    };
    let high = high.split([' ', ',', ';']).next()?;
    Some(([low.to_string(), high.to_string()], [from_low, to_high]))
}

/// The neighbour of a bound on its outer side.
fn beyond(bound: &str, whole: bool, upwards: bool) -> String {
    match whole {
        true => (bound.parse::<i128>().unwrap() + if upwards { 1 } else { -1 }).to_string(),
        false => {
            let bound: f64 = bound.parse().unwrap();
            format!("{:?}", if upwards { bound.next_up() } else { bound.next_down() })
        }
    }
}

#[test]
fn the_message_that_refuses_a_number_names_the_bounds_that_are_checked() {
    let mut checked = std::collections::BTreeSet::new();
    for text in experiments() {
        let experiment = parse("all", "all.toml", &text, &[]).unwrap();
        let mut keys = Vec::new();
        numbers("", &Value::Table(experiment.to_toml()), &mut keys);
        for (key, example, in_list) in keys {
            let whole = example.is_integer();
            let refusal = |value: &str| {
                let change = if in_list { format!("{key}=[{value}]") } else { format!("{key}={value}") };
                parse("all", "all.toml", &text, &[change]).err().map(|error| error.to_string())
            };
            let far = if whole { ["-99", "99999999999999999999"] } else { ["-1e300", "1e300"] };
            for (side, far) in far.into_iter().enumerate() {
                let message = refusal(far).unwrap_or_else(|| panic!("{key} = {far} was taken"));
                let as_written = if in_list { format!(" = [{far}]:") } else { format!(" = {far}:") };
                assert!(message.contains(&as_written), "{message}");
                let (ends, included) =
                    bounds(&message, in_list).unwrap_or_else(|| panic!("no bounds in: {message}"));
                let remedy = message.rsplit_once("expected ").unwrap().1;
                let by_bounds = |value: &str| refusal(value).is_some_and(|message| message.ends_with(remedy));
                let end = match whole || ends[side].contains(['.', 'e']) {
                    true => ends[side].clone(),
                    false => format!("{}.0", ends[side]),
                };
                assert_eq!(by_bounds(&end), !included[side], "{key} = {end}: {remedy}");
                let beyond = beyond(&ends[side], whole, side == 1);
                assert!(by_bounds(&beyond), "{key} = {beyond} against {remedy}: {:?}", refusal(&beyond));
            }
            checked.insert(key);
        }
    }
    assert!(checked.len() > 80, "{} keys: {checked:?}", checked.len());
}

#[test]
fn bounds_that_depend_on_another_key_are_in_the_message_with_it() {
    let [synthetic, census, funnel, _] = experiments();
    let message = |text: &str, changes: &[&str]| {
        let changes: Vec<String> = changes.iter().map(|change| change.to_string()).collect();
        parse("all", "all.toml", text, &changes).unwrap_err().to_string()
    };
    for (text, changes, expected) in [
        (&synthetic, &["models.mmoe_top_k.top_k=9"][..], "a whole number from 1 to 8, the number of experts"),
        (
            &synthetic,
            &["data.pairs=3", "data.dim=5"],
            "data.dim = 5: expected a whole number from 6 to 100000",
        ),
        (&synthetic, &["data.scale=1e4"], "of at most 300 (it is 240001)"),
        (&funnel, &["data.fields=1000", "data.words=1e6"], "from 3 to 1000000, in digits: 1000000"),
        (
            &funnel,
            &["data.fields=1000", "data.words=1000000"],
            "at most 16777216 words in all fields together",
        ),
        (
            &funnel,
            &["models.base.hidden=[100001]"],
            "a list of numbers of units from 1 to 100000, such as [64, 32]",
        ),
        (&funnel, &["models.base.hidden=[]"], "its length from 1 to 16"),
        (&funnel, &["models.base.hidden=[-1]"], "a list of numbers of units from 1 to 100000"),
        (&census, &["tune.trials=2"], "expected at most 1, the number of combinations"),
        (
            &census,
            &["tune.rungs=[{ seeds = 1, steps = 2147483649, keep = 1 }]"],
            "1 to 1000000 runs and 1 to 2147483648 steps",
        ),
        (&census, &["grid.seeds=1000000"], "at most 1000000 runs in total (this grid has 11000000)"),
    ] {
        assert!(message(text, changes).contains(expected), "{}", message(text, changes));
    }
}

/// Numbers of the right size in the wrong form: what to write instead is in the message.
#[test]
fn a_whole_number_with_an_exponent_is_given_back_in_digits() {
    let [synthetic, ..] = experiments();
    for (change, expected) in [
        (
            "train.steps=1e3",
            "train.steps = 1e3: expected a whole number from 1 to 2147483648, in digits: 1000",
        ),
        (
            "models.mmoe.experts=4.0",
            "models.mmoe.experts = 4.0: expected a whole number from 1 to 1000000, in digits: 4",
        ),
        ("models.mmoe.experts=1e9", "models.mmoe.experts = 1e9: expected a whole number from 1 to 1000000"),
    ] {
        let message = parse("all", "all.toml", &synthetic, &[change.to_string()]).unwrap_err().to_string();
        assert_eq!(message, format!("--set {change}: {expected}"));
    }
}
