//! Colours, dashes and shapes.

/// What text and lines look like. Sizes are in pixels.
pub(super) const STYLE: &str = "\
text{font:11px 'DejaVu Sans',Verdana,Helvetica,sans-serif;fill:#1a1a1a}\
.h1{font-size:17px;font-weight:bold}.shows{font-size:12px;fill:#333333}\
.ok{font-size:12px;fill:#1a1a1a}.bad{font-size:12px;font-weight:bold;fill:#9c1c00}\
.name{font-size:13px;font-weight:bold}.role{font-size:10px;fill:#444444}\
.tick{font-size:10px;fill:#555555}.axis{stroke:#bbbbbb;stroke-width:1}\
.label{font-size:10.5px;paint-order:stroke;stroke:#ffffff;stroke-width:4px}\
.note{font-size:10px;fill:#333333;font-style:italic;paint-order:stroke;stroke:#ffffff;stroke-width:4px}\
.write{font-size:10px;fill:#333333;paint-order:stroke;stroke:#ffffff;stroke-width:4px}\
.strong{font-size:11px;font-weight:bold;paint-order:stroke;stroke:#ffffff;stroke-width:4px}\
.lane{stroke:#555555;stroke-width:1.6}.dead{stroke:#999999;stroke-width:1.4;stroke-dasharray:2 5}\
.head{fill:#f2f2f2;stroke:#555555}.still{fill:url(#still);stroke:none}\
.locks{fill:url(#hatch);stroke:#555555;stroke-width:.6}\
.msg{stroke-width:1.5;fill:none}.tip{stroke:none}.x{stroke:#1a1a1a;stroke-width:2.2;fill:none}\
.pill{fill:#ffffff;stroke:#555555;stroke-width:1}.pilltext{font-size:10px}\
.done{fill:#1a1a1a;stroke:#1a1a1a}.donetext{font-size:10.5px;font-weight:bold;fill:#ffffff}\
.dot{fill:#1a1a1a}.open{fill:#ffffff;stroke:#1a1a1a;stroke-width:1.3}\
.disk{fill:#1a1a1a}.wait{stroke:#1a1a1a;stroke-width:4}.soft{fill:#ffffff;stroke:#1a1a1a;stroke-width:1.2}\
.bracket{stroke:#1a1a1a;stroke-width:1.4;fill:none}\
.wall{stroke:#1a1a1a;stroke-width:2.4;stroke-dasharray:9 5}\
.event{stroke:#1a1a1a;stroke-width:1;stroke-dasharray:4 3}\
.broken{fill:#fff0ea;stroke:#9c1c00;stroke-width:1.6}.brokentext{font-size:11.5px;font-weight:bold;fill:#9c1c00}\
.gap{fill:#ffffff}.gaptext{font-size:10px;fill:#555555}";

/// Patterns: hatching for locks, dots for a process that stands still.
pub(super) const DEFINITIONS: &str = "\
<defs><pattern id=\"hatch\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" \
patternTransform=\"rotate(45)\"><rect width=\"6\" height=\"6\" fill=\"#ffffff\"/>\
<line x1=\"0\" y1=\"0\" x2=\"0\" y2=\"6\" stroke=\"#555555\" stroke-width=\"2.4\"/></pattern>\
<pattern id=\"still\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\">\
<circle cx=\"2\" cy=\"2\" r=\"1\" fill=\"#777777\"/></pattern></defs>\n";

/// How the messages of a ballot are drawn: a colour and a dash. Those without one come first.
pub(super) const ROUNDS: [(&str, &str); 7] = [
    ("#333333", ""),
    ("#0b5fa5", ""),
    ("#b34700", "7 3"),
    ("#00704f", "2.5 2.5"),
    ("#8a3d8f", "9 3 2 3"),
    ("#7a5700", "5 2"),
    ("#a3123f", "1.5 3"),
];

/// The style of a ballot, by its place among those of the drawing; 0 for none.
pub(super) fn round(place: usize) -> (&'static str, &'static str) {
    let others = ROUNDS.len() - 1;
    ROUNDS[if place == 0 { 0 } else { 1 + (place - 1) % others }]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The contrast of a colour with white, as WCAG 2 computes it.
    fn contrast(colour: &str) -> f64 {
        let channel = |at: usize| {
            let value = u8::from_str_radix(&colour[at..at + 2], 16).unwrap();
            let value = f64::from(value) / 255.0;
            if value <= 0.03928 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        let luminance = 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
        1.05 / (luminance + 0.05)
    }

    #[test]
    fn all_ballots_stand_out_from_white_and_differ_without_colour() {
        for (index, (colour, dash)) in ROUNDS.iter().enumerate() {
            assert!(contrast(colour) >= 4.5, "{colour} {:.1}", contrast(colour));
            let same = |other: &(&str, &str)| other.1 == *dash;
            // Those without a ballot are told from the first one by their labels.
            assert!(index < 2 || !ROUNDS[..index].iter().any(same), "{colour}");
        }
    }

    #[test]
    fn all_text_can_be_read_on_white() {
        for part in STYLE.split("fill:#").skip(1) {
            let colour = format!("#{}", &part[..6]);
            let is_paper = ["#ffffff", "#f2f2f2", "#fff0ea"].contains(&colour.as_str());
            assert!(is_paper || contrast(&colour) >= 4.5, "{colour}");
        }
    }
}
