//! Costs of a login by group and kind, as bars.

use std::path::Path;

use krb5_fido_protocol::spake::Group;
use plotters::{
    chart::{ChartBuilder, SeriesLabelPosition},
    drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea as _},
    element::Rectangle,
    prelude::{RGBColor, SVGBackend},
    style::{BLACK, Color as _, WHITE},
};

use crate::{
    case::{Case, Cost, Kind, find},
    error::Error,
};

const SIZE: (u32, u32) = (960, 400);
/// Where the groups stand.
const CENTERS: [f64; 4] = [0.0, 1.0, 2.0, 3.0];
/// How wide a bar is.
const BAR: f64 = 0.2;

const fn color(kind: Kind) -> RGBColor {
    match kind {
        Kind::Stock => RGBColor(0x99, 0x99, 0x99),
        Kind::Password => RGBColor(0x0b, 0x66, 0x9e),
        Kind::Clear => RGBColor(0x4b, 0xa3, 0x5a),
        Kind::Encrypted => RGBColor(0xe0, 0x8a, 0x1e),
    }
}

/// Draws CPU time on the left and instructions on the right.
pub(crate) fn draw(path: &Path, times: &[Cost], instructions: &[Cost]) -> Result<(), Error> {
    let failed = |error: String| Error::Plot(error);
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE).map_err(|error| failed(error.to_string()))?;
    let panels = [
        ("KDC CPU time per login, ms", times, 1e3),
        ("KDC instructions per login, millions", instructions, 1e6),
    ];
    for (area, (title, costs, unit)) in root.split_evenly((1, panels.len())).iter().zip(panels) {
        draw_panel(area, title, costs, unit).map_err(|error| failed(error.to_string()))?;
    }
    root.present().map_err(|error| failed(error.to_string()))
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type DrawError = DrawingAreaErrorKind<std::io::Error>;

fn draw_panel(area: &Area<'_>, title: &str, costs: &[Cost], unit: f64) -> Result<(), DrawError> {
    let amount = |kind, group| find(costs, Case::simple(kind, group)).map(|cost| cost.amount.median / unit);
    let all = Kind::ALL
        .into_iter()
        .flat_map(|kind| Group::ALL.map(|group| amount(kind, group)));
    let highest = all.flatten().fold(0.0, f64::max).max(1.0);
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 16))
        .margin(10)
        .x_label_area_size(28)
        .y_label_area_size(44)
        .build_cartesian_2d(-0.5..3.5, 0.0..highest * 1.25)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(CENTERS.len())
        .x_label_formatter(&|x| name_group(*x))
        .y_labels(6)
        .label_style(("sans-serif", 12))
        .draw()?;
    for (kind, offset) in Kind::ALL.into_iter().zip([-0.4, -0.2, 0.0, 0.2]) {
        let bars = Group::ALL.into_iter().zip(CENTERS).filter_map(|(group, center)| {
            let left = center + offset;
            let top = amount(kind, group)?;
            Some(Rectangle::new(
                [(left, 0.0), (left + BAR, top)],
                color(kind).filled(),
            ))
        });
        chart
            .draw_series(bars)?
            .label(kind.name().replace('`', ""))
            .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 10, y + 5)], color(kind).filled()));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .border_style(BLACK.mix(0.3))
        .background_style(WHITE.mix(0.8))
        .label_font(("sans-serif", 12))
        .draw()
}

/// The group whose bars stand around `x`.
fn name_group(x: f64) -> String {
    let mut centers = Group::ALL.into_iter().zip(CENTERS);
    let found = centers.find(|(_, center)| (center - x).abs() < BAR);
    found.map_or_else(String::new, |(group, _)| group.name().to_owned())
}
