//! The look of every figure: fonts, colours, sizes and formats of numbers.
//!
//! Figures are drawn on a canvas of [`WIDTH`] units, shown in the report at about a quarter of that: sizes here
//! are four times those on screen. The first colours are those of Okabe and Ito (2008), which are distinct
//! under any kind of colour vision; further ones are darker and differ in lightness.

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
/// Secondary text.
pub const FAINT: RGBColor = RGBColor(95, 95, 95);
/// Grid lines.
pub const GRID: RGBColor = RGBColor(228, 228, 228);
/// The paper's data where it does not belong to one model.
pub const PAPER: RGBColor = BLACK;

const ORANGE: RGBColor = RGBColor(230, 159, 0);
const SKY_BLUE: RGBColor = RGBColor(86, 180, 233);
const GREEN: RGBColor = RGBColor(0, 158, 115);
const BLUE: RGBColor = RGBColor(0, 114, 178);
const VERMILION: RGBColor = RGBColor(213, 94, 0);
const PURPLE: RGBColor = RGBColor(204, 121, 167);
const GREY: RGBColor = RGBColor(120, 120, 120);
/// Replaces Okabe and Ito's yellow, which vanishes on white.
const BROWN: RGBColor = RGBColor(120, 72, 20);
/// Colours of Tol's muted scheme (2021), dark or dull where Okabe and Ito's are bright.
const INDIGO: RGBColor = RGBColor(51, 34, 136);
const WINE: RGBColor = RGBColor(136, 34, 85);
const OLIVE: RGBColor = RGBColor(153, 153, 51);
const FOREST: RGBColor = RGBColor(17, 119, 51);

/// Colours of a series, such as tasks or task correlations.
const SERIES: [RGBColor; 11] =
    [BLUE, ORANGE, GREEN, PURPLE, VERMILION, SKY_BLUE, BROWN, GREY, INDIGO, WINE, OLIVE];

/// Family of every text.
const FAMILY: &str = "DejaVu Sans";

/// Colour number `index` of a series; eleven colours repeat.
pub fn series(index: usize) -> RGBColor {
    SERIES[index % SERIES.len()]
}

/// The colours of an experiment's models.
pub struct Palette<'a> {
    models: &'a [ModelSpec],
    /// A colour a model.
    colours: Vec<RGBColor>,
}

impl<'a> Palette<'a> {
    /// The colours of architectures for the first model of each; for further models of an architecture, colours that no
    /// other model has.
    pub fn new(experiment: &'a Experiment) -> Self {
        let models = &experiment.models[..];
        let architecture_of = |model: &ModelSpec| model.architecture.name;
        let is_first = |(index, model): (usize, &ModelSpec)| {
            models[..index].iter().all(|other| architecture_of(other) != architecture_of(model))
        };
        let own = models.iter().enumerate().map(|model| is_first(model).then(|| architecture(model.1)));
        let mut colours: Vec<Option<RGBColor>> = own.collect();
        for index in 0..models.len() {
            let free = SERIES.into_iter().find(|&colour| !colours.contains(&Some(colour)));
            colours[index].get_or_insert(free.unwrap_or(series(index)));
        }
        Self { models, colours: colours.into_iter().flatten().collect() }
    }

    /// The colour of the model called `name`; grey for a model that the experiment does not have.
    pub fn colour(&self, name: &str) -> RGBColor {
        let index = self.models.iter().position(|model| model.name == name);
        index.map_or(GREY, |index| self.colours[index])
    }
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

/// Registers the built-in fonts with plotters, once.
///
/// # Errors
///
/// plotters cannot read a font.
pub fn register_fonts() -> Result<(), FigureError> {
    static DONE: OnceLock<bool> = OnceLock::new();
    let done = DONE.get_or_init(|| {
        register_font(FAMILY, FontStyle::Normal, dejavu::sans::regular()).is_ok()
            && register_font(FAMILY, FontStyle::Bold, dejavu::sans::bold()).is_ok()
    });
    if *done { Ok(()) } else { Err(FigureError::Font) }
}

/// A font of the built-in family. plotters looks for it at once, so it is registered before.
fn font(size: f64, style: FontStyle) -> FontDesc<'static> {
    // Drawing reports the error.
    let _ = register_fonts();
    FontDesc::new(FontFamily::Name(FAMILY), size, style)
}

/// Plain text of a size, anchored at its top and its side `h`.
pub fn text(size: f64, colour: RGBColor, h: HPos) -> TextStyle<'static> {
    let style = TextStyle::from(font(size, FontStyle::Normal));
    TextStyle { color: colour.to_backend_color(), pos: Pos::new(h, VPos::Top), ..style }
}

/// Distance from the top of a text to the line on which its capitals and digits are centred.
pub fn middle(size: f64) -> i32 {
    // plotters' bitmaps put the baseline half a size below the top, and an em is size / 1.24 there. DejaVu's
    // capitals and digits are 0.73 em high.
    (size * (0.5 - 0.73 / 1.24 / 2.0)).round() as i32
}

/// Bold text of a size, anchored at its upper left corner.
pub fn bold(size: f64) -> TextStyle<'static> {
    TextStyle::from(font(size, FontStyle::Bold)).color(&INK)
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

/// A whole number with a comma every three digits: 5,000.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
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

/// A number rounded to six decimals, or six digits where it is below 0.1, without trailing zeros, with a true minus: 0.05, 1,
/// −0.5. Small and large numbers have a power of ten: 2e−7, 1e30. Lists of an experiment have no two numbers that agree in
/// six digits, so that no two look alike here.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    if value != 0.0 && !(1e-5..1e10).contains(&value.abs()) {
        return scientific(value, 6);
    }
    let places = if value == 0.0 { 0 } else { (5.0 - value.abs().log10().floor()).max(6.0) as usize };
    let text = format!("{:.places$}", value.abs());
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if value < 0.0 && text != "0" { format!("−{text}") } else { text.to_owned() }
}

/// A number of three significant digits, with a power of ten where it is large or small: 12.3, 430, 1.2e−6.
pub fn measured(value: f64) -> String {
    let power = value.abs().log10().floor();
    if value == 0.0 || !value.is_finite() {
        return number(value);
    }
    if !(-4.0..5.0).contains(&power) {
        return scientific(value, 3);
    }
    let scale = 10f64.powf((2.0 - power).max(0.0));
    number((value * scale).round() / scale)
}

/// A number with a power of ten: 1.2e−6.
fn scientific(value: f64, digits: usize) -> String {
    let text = format!("{value:.0$e}", digits - 1);
    let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
    let digits =
        if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits };
    format!("{digits}e{power}").replace('-', "−")
}

/// A measured number with a fixed number of decimals; a dash where it is not finite.
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

/// Text without control characters, which no page or drawing may contain even when escaped.
pub fn without_controls(text: &str) -> String {
    text.replace(|c: char| c.is_control() && !"\n\r\t".contains(c), "\u{FFFD}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sample::FunnelSample;
    use crate::store::sample::Sample;

    #[test]
    fn numbers_read_as_in_print() {
        assert_eq!([0, 999, 5_000, 1_234_567].map(thousands), ["0", "999", "5,000", "1,234,567"]);
        assert_eq!(
            [0.05, 1.0, -0.5, 0.0, 1e-4, f64::NAN].map(number),
            ["0.05", "1", "−0.5", "0", "0.0001", "–"]
        );
        assert_eq!(
            [2e-7, -2.5e-6, 1e30, 1.2e-5, 123_456.0].map(number),
            ["2e−7", "−2.5e−6", "1e30", "0.000012", "123456"]
        );
        assert_eq!(
            [0.0, 430.4, 12.345, 0.001_234, 1.234e-6, 5.678e8].map(measured),
            ["0", "430", "12.3", "0.00123", "1.23e−6", "5.68e8"]
        );
        assert_eq!(decimals(-0.0001, 3), "0.000");
        assert_eq!(decimals(-0.25, 3), "−0.250");
        assert_eq!(decimals(-1.24e12, 3), "−1.2e12");
    }

    #[test]
    fn long_names_are_cut_to_fit() {
        // No other call has to register the fonts.
        let style = text(TEXT, INK, HPos::Left);
        let cut = fit(&"a long name ".repeat(20), &style, 300);
        assert!(cut.ends_with('…') && width(&cut, &style) <= 300, "{cut}");
        assert_eq!(fit("MMoE", &style, 300), "MMoE");
    }

    #[test]
    fn every_architecture_has_a_colour_of_its_own() {
        let models: Vec<_> = crate::model::REGISTRY.iter().map(|a| (a.name, a.name, "")).collect();
        let study = Sample { models: models.clone(), seeds: 1, ..Sample::default() }.study();
        let palette = Palette::new(&study.experiment);
        let colours: Vec<RGBColor> = models.iter().map(|model| palette.colour(model.0)).collect();
        for (i, a) in colours.iter().enumerate() {
            assert!(colours[..i].iter().all(|b| a != b), "{}", models[i].0);
        }
        let models = FunnelSample::all_models();
        let study = FunnelSample { models: models.clone(), seeds: 1, ..FunnelSample::default() }.study();
        let palette = Palette::new(&study.experiment);
        let colours: Vec<RGBColor> = models.iter().map(|name| palette.colour(name)).collect();
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
        let palette = Palette::new(&study.experiment);
        let colours = ["mmoe", "small", "omoe", "large"].map(|name| palette.colour(name));
        assert_eq!((colours[0], colours[2]), (GREEN, BLUE));
        for (i, a) in colours.iter().enumerate() {
            assert!(colours[..i].iter().all(|b| a != b), "{colours:?}");
        }
    }
}
