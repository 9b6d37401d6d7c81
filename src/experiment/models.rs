//! The section `[models]`: architectures with their sizes, under names.

use toml::{Table, Value};

use super::data::rules;
use super::error::Mistake;
use super::limits::LEARNING_RATE;
use super::parameter_matching::{ParameterMatch, resolve_matches};
use super::schema::{ModelSpec, is_plain_name};
use super::section::{Section, did_you_mean, expected, printable, size_mistake};
use crate::data::DataSpec;
use crate::model::{Architecture, Problem, Sizes, architecture};

/// Reads `[models]`: the models of the grid are architectures by name, or entries that name one.
pub(super) fn read(
    mut section: Section,
    names: &[String],
    data: &DataSpec,
    problem: Problem,
) -> Result<Vec<ModelSpec>, Mistake> {
    let known: Vec<&str> =
        rules(data.task()).architectures.iter().map(|architecture| architecture.name).collect();
    let mut entries = Vec::new();
    for name in section.names() {
        entries.push(model(&name, section.section(&name)?, &known)?);
    }
    let mut specs: Vec<ModelSpec> = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let wrong = |remedy: String| Mistake {
            key: format!("grid.models[{index}]"),
            value: Some(format!("{name:?}")),
            remedy: expected(remedy),
        };
        if specs.iter().any(|spec| spec.name == *name) {
            return Err(wrong("each model once".into()));
        }
        let entry = entries.iter().find(|spec| spec.name == *name);
        specs.push(match entry {
            Some(entry) => entry.clone(),
            None if known.contains(&name.as_str()) => {
                model(name, Section::new(&format!("models.{name}"), Table::new()), &known)?
            }
            None => {
                let entries = entries.iter().map(|spec| spec.name.as_str());
                let names: Vec<&str> = known.iter().copied().chain(entries).collect();
                return Err(wrong(format!(
                    "one of {}, or the name of a [models.{name}] table with its architecture{}",
                    known.join(", "),
                    did_you_mean(name, &names)
                )));
            }
        });
    }
    resolve_matches(specs, &entries, problem)
}

/// One `[models.<name>]` table. The width that is to match another model's parameter count is not chosen yet.
fn model(name: &str, mut section: Section, known: &[&str]) -> Result<ModelSpec, Mistake> {
    if !is_plain_name(name) {
        return Err(Mistake {
            key: format!("models.{name:?}"),
            value: None,
            remedy: "a model's name has letters, digits, '-', '_' and '.' only".into(),
        });
    }
    let architecture = architecture_of(name, &mut section, known)?;
    let title = section.text_or("title", architecture.title_of(name))?;
    printable(&section, "title", &title)?;
    let learning_rate = learning_rate(&mut section)?;
    let parameter_match = ParameterMatch::read(&mut section, architecture)?;
    let path = section.path().to_string();
    let sizes = checked_sizes(architecture, section.rest(), &path)?;
    Ok(ModelSpec { name: name.to_string(), title, architecture, sizes, learning_rate, parameter_match })
}

/// The architecture of the model `name`: the key `architecture`, or the model's name where it is one of `known`.
fn architecture_of(
    name: &str,
    section: &mut Section,
    known: &[&str],
) -> Result<&'static Architecture, Mistake> {
    let one_of = format!("one of {}", known.join(", "));
    let chosen = match section.take("architecture") {
        Some(Value::String(chosen)) => chosen,
        Some(other) => return Err(section.mistake("architecture", other, one_of)),
        None if known.contains(&name) => name.to_string(),
        None => {
            return Err(Mistake {
                key: format!("models.{name}"),
                value: None,
                remedy: format!(
                    "not an architecture ({}); a model of another name says which it is with architecture = \
                     \"…\"{}",
                    known.join(", "),
                    did_you_mean(name, known)
                ),
            });
        }
    };
    match architecture(&chosen) {
        Some(architecture) if known.contains(&architecture.name) => Ok(architecture),
        _ => {
            let hint = did_you_mean(&chosen, known);
            Err(section.mistake("architecture", format!("{chosen:?}"), format!("{one_of}{hint}")))
        }
    }
}

/// A model's own learning rate.
fn learning_rate(section: &mut Section) -> Result<Option<f64>, Mistake> {
    match section.has("learning_rate") {
        true => section.number("learning_rate", LEARNING_RATE, None).map(Some),
        false => Ok(None),
    }
}

/// Sizes from the table at `path`, checked.
pub(super) fn checked_sizes(
    architecture: &'static Architecture,
    sizes: Table,
    path: &str,
) -> Result<Sizes, Mistake> {
    let parsed = (architecture.parse)(sizes.clone())
        .map_err(|error| size_mistake(path, &sizes, architecture, &error))?;
    parsed.configuration.check().map_err(|invalid| Mistake {
        key: format!("{path}.{}", invalid.key),
        value: Some(invalid.value),
        remedy: expected(invalid.remedy),
    })?;
    Ok(parsed)
}
