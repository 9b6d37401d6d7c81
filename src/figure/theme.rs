//! How every figure looks: fonts, colours, sizes and the way numbers are written.
//!
//! Figures are drawn on a canvas of [`WIDTH`] units, shown in the report at about a quarter of that: sizes here
//! are four times those on screen. The first colours are those of Okabe and Ito (2008), which people with
//! any kind of colour vision tell apart; beyond eight, darker ones follow that differ in lightness.

use std::sync::OnceLock;

use plotters::prelude::*;
use plotters::style::register_font;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::FigureError;
use crate::experiment::{Experiment, ModelSpec};
use crate::model::Colour;

/// Width of every figure.
pub const WIDTH: u32 = 4_000;
/// Free space around a figure and between its panels.
pub const GAP: i32 = 48;
/// Text of ticks, legends and notes.
pub const TEXT: f64 = 62.0;
/// Bold text of a panel's heading.
pub const HEADING: f64 = 62.0;
/// Bold text of a figure's title.
pub const TITLE: f64 = 84.0;
/// Width of a line of data.
pub const LINE: u32 = 10;
/// Width of axes, ticks and error bars.
pub const THIN: u32 = 4;
/// Half the width of a point's marker.
pub const MARKER: i32 = 18;

/// Text and axes.
pub const INK: RGBColor = RGBColor(34, 34, 34);
/// Text of second rank.
pub const FAINT: RGBColor = RGBColor(95, 95, 95);
/// Lines that help to read off a value.
pub const GRID: RGBColor = RGBColor(228, 228, 228);
/// The paper's data where no colour of ours belongs to it.
pub const PAPER: RGBColor = BLACK;

const ORANGE: RGBColor = RGBColor(230, 159, 0);
const SKY_BLUE: RGBColor = RGBColor(86, 180, 233);
const GREEN: RGBColor = RGBColor(0, 158, 115);
const BLUE: RGBColor = RGBColor(0, 114, 178);
const VERMILION: RGBColor = RGBColor(213, 94, 0);
const PURPLE: RGBColor = RGBColor(204, 121, 167);
const GREY: RGBColor = RGBColor(120, 120, 120);
/// Not of Okabe and Ito, but as dark as yellow is light: yellow lines vanish on white.
const BROWN: RGBColor = RGBColor(120, 72, 20);
/// Of Tol's muted scheme (2021), dark or dull where Okabe and Ito's are bright.
const INDIGO: RGBColor = RGBColor(51, 34, 136);
const WINE: RGBColor = RGBColor(136, 34, 85);
const OLIVE: RGBColor = RGBColor(153, 153, 51);
const FOREST: RGBColor = RGBColor(17, 119, 51);

/// Colours of things that have no colour of their own, such as tasks and task correlations.
const SERIES: [RGBColor; 11] =
    [BLUE, ORANGE, GREEN, PURPLE, VERMILION, SKY_BLUE, BROWN, GREY, INDIGO, WINE, OLIVE];

/// Family of every text.
const FAMILY: &str = "DejaVu Sans";

/// Colour number `index` of a series; they come round after eleven.
pub fn series(index: usize) -> RGBColor {
    SERIES[index % SERIES.len()]
}

/// The colour of a model: its architecture's, or, where a study has several models of one architecture, for
/// the later ones a colour that no other model has.
pub fn model(experiment: &Experiment, name: &str) -> RGBColor {
    let models = &experiment.models;
    let mut taken: Vec<RGBColor> = Vec::new();
    for (place, model) in models.iter().enumerate() {
        let first = |a: &ModelSpec| models.iter().position(|b| b.architecture.name == a.architecture.name);
        let own =
            models.iter().enumerate().filter(|&(i, m)| first(m) == Some(i)).map(|(_, m)| architecture(m));
        let colour = if first(model) == Some(place) {
            architecture(model)
        } else {
            let reserved: Vec<RGBColor> = own.chain(taken.iter().copied()).collect();
            SERIES.into_iter().find(|colour| !reserved.contains(colour)).unwrap_or(series(place))
        };
        if model.name == name {
            return colour;
        }
        taken.push(colour);
    }
    GREY
}

/// The colour of an architecture, the same in every study.
fn architecture(model: &ModelSpec) -> RGBColor {
    match model.architecture.colour {
        Colour::Blue => BLUE,
        Colour::Brown => BROWN,
        Colour::Forest => FOREST,
        Colour::Green => GREEN,
        Colour::Grey => GREY,
        Colour::Indigo => INDIGO,
        Colour::Olive => OLIVE,
        Colour::Orange => ORANGE,
        Colour::Purple => PURPLE,
        Colour::SkyBlue => SKY_BLUE,
        Colour::Vermilion => VERMILION,
        Colour::Wine => WINE,
    }
}

/// Makes the fonts known to plotters; they are part of the program.
pub fn register_fonts() -> Result<(), FigureError> {
    static DONE: OnceLock<bool> = OnceLock::new();
    let done = DONE.get_or_init(|| {
        register_font(FAMILY, FontStyle::Normal, dejavu::sans::regular()).is_ok()
            && register_font(FAMILY, FontStyle::Bold, dejavu::sans::bold()).is_ok()
    });
    if *done { Ok(()) } else { Err(FigureError::Font) }
}

/// Plain text of a size, its top at the given height and its side `h` at the given place.
pub fn text(size: f64, colour: RGBColor, h: HPos) -> TextStyle<'static> {
    let style = TextStyle::from((FAMILY, size).into_font());
    TextStyle { color: colour.to_backend_color(), pos: Pos::new(h, VPos::Top), ..style }
}

/// How far above a line the top of a text must be for its capitals and digits to be centred on the line.
pub fn middle(size: f64) -> i32 {
    // plotters' bitmaps put the baseline half a size below the top, and an em is size / 1.24 there. DejaVu's
    // capitals and digits are 0.73 em high.
    (size * (0.5 - 0.73 / 1.24 / 2.0)).round() as i32
}

/// Bold text of a size, anchored at its upper left corner.
pub fn bold(size: f64) -> TextStyle<'static> {
    // Not `into_font().style(…)`: plotters would go on with the face it has found already.
    TextStyle::from(FontDesc::new(FontFamily::Name(FAMILY), size, FontStyle::Bold)).color(&INK)
}

/// Width of a text on the canvas.
pub fn width(text: &str, style: &TextStyle) -> i32 {
    style.font.box_size(text).map_or(0, |(width, _)| width as i32)
}

/// The text, its end replaced by "…" where it is wider than `limit`.
pub fn fit(text: &str, style: &TextStyle, limit: i32) -> String {
    if width(text, style) <= limit {
        return text.to_owned();
    }
    let mut kept: Vec<char> = text.chars().collect();
    while kept.pop().is_some() {
        let shorter = kept.iter().collect::<String>().trim_end().to_owned() + "…";
        if width(&shorter, style) <= limit {
            return shorter;
        }
    }
    "…".to_owned()
}

/// A whole number with thousands apart: 5,000.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A step on an axis.
pub fn step(value: f64) -> String {
    thousands(value.round().max(0.0) as u64)
}

/// A number in as few digits as say it to six decimals, with a true minus: 0.05, 1, −0.5.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let text = format!("{:.6}", value.abs());
    let text = text.trim_end_matches('0').trim_end_matches('.');
    let text = if text.is_empty() { "0" } else { text };
    if value < 0.0 && text != "0" { format!("−{text}") } else { text.to_owned() }
}

/// A measured number with a fixed number of decimals; a dash where it is not one.
pub fn decimals(value: f64, places: usize) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    // Beyond what a column holds, as the ratios of an unstable method may be.
    let text = match value.abs() < 1e7 {
        true => format!("{:.places$}", value.abs()),
        false => format!("{:.1e}", value.abs()),
    };
    let zero = text.chars().all(|c| c == '0' || c == '.');
    if value < 0.0 && !zero { format!("−{text}") } else { text }
}

/// Text without the control characters that no page or drawing may contain, however they are escaped.
pub fn without_controls(text: &str) -> String {
    text.replace(|c: char| c.is_control() && !"\n\r\t".contains(c), "\u{FFFD}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::funnel_sample::FunnelSample;
    use crate::store::sample::Sample;

    #[test]
    fn numbers_read_as_in_print() {
        assert_eq!([0, 999, 5_000, 1_234_567].map(thousands), ["0", "999", "5,000", "1,234,567"]);
        assert_eq!(
            [0.05, 1.0, -0.5, 0.0, 1e-4, f64::NAN].map(number),
            ["0.05", "1", "−0.5", "0", "0.0001", "–"]
        );
        assert_eq!(decimals(-0.0001, 3), "0.000");
        assert_eq!(decimals(-0.25, 3), "−0.250");
        assert_eq!(decimals(-1.24e12, 3), "−1.2e12");
    }

    #[test]
    fn long_names_are_cut_to_fit() {
        register_fonts().unwrap();
        let style = text(TEXT, INK, HPos::Left);
        let cut = fit(&"a long name ".repeat(20), &style, 300);
        assert!(cut.ends_with('…') && width(&cut, &style) <= 300, "{cut}");
        assert_eq!(fit("MMoE", &style, 300), "MMoE");
    }

    #[test]
    fn every_architecture_has_a_colour_of_its_own() {
        let models: Vec<_> = crate::model::REGISTRY.iter().map(|a| (a.name, a.name, "")).collect();
        let study = Sample { models: models.clone(), seeds: 1, ..Sample::default() }.study();
        let colours: Vec<RGBColor> = models.iter().map(|m| model(&study.experiment, m.0)).collect();
        for (i, a) in colours.iter().enumerate() {
            assert!(colours[..i].iter().all(|b| a != b), "{}", models[i].0);
        }
        let models = FunnelSample::all_models();
        let study = FunnelSample { models: models.clone(), seeds: 1, ..FunnelSample::default() }.study();
        let colours: Vec<RGBColor> = models.iter().map(|name| model(&study.experiment, name)).collect();
        for (i, a) in colours.iter().enumerate() {
            assert!(colours[..i].iter().all(|b| a != b), "{}", models[i]);
        }
    }

    #[test]
    fn models_of_one_architecture_have_different_colours() {
        let study = Sample {
            models: vec![
                ("mmoe", "mmoe", ""),
                ("small", "mmoe", "experts = 2"),
                ("omoe", "omoe", ""),
                ("large", "mmoe", "experts = 16"),
            ],
            seeds: 1,
            ..Sample::default()
        }
        .study();
        let colours = ["mmoe", "small", "omoe", "large"].map(|name| model(&study.experiment, name));
        assert_eq!((colours[0], colours[2]), (GREEN, BLUE));
        for (i, a) in colours.iter().enumerate() {
            assert!(colours[..i].iter().all(|b| a != b), "{colours:?}");
        }
    }
}
