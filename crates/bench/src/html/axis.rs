//! Where values stand along an axis, and which of them are named.

/// An axis from 0 to 1.
#[derive(Debug)]
pub(super) struct Axis {
    from: f64,
    to: f64,
    is_log: bool,
    /// Values with their names.
    pub(super) ticks: Vec<(f64, String)>,
}

impl Axis {
    /// The part of the axis that is left of a value.
    pub(super) fn place(&self, value: f64) -> f64 {
        let (from, to, value) = match self.is_log {
            true => (self.from.ln(), self.to.ln(), value.max(self.from).ln()),
            false => (self.from, self.to, value),
        };
        ((value - from) / (to - from).max(f64::MIN_POSITIVE)).clamp(0.0, 1.0)
    }

    /// From 0 to somewhat more than the greatest.
    pub(super) fn from_zero(values: impl Iterator<Item = f64>) -> Self {
        let most = values.fold(0.0, f64::max).max(1e-9) * 1.05;
        let step = step(most, 5.0);
        Self { from: 0.0, to: most, is_log: false, ticks: linear_ticks(most, step, short) }
    }

    /// Seconds from 0.
    pub(super) fn seconds(values: impl Iterator<Item = f64>) -> Self {
        let most = values.fold(0.0, f64::max).max(0.1);
        let ticks = linear_ticks(most, step(most, 6.0), |value| format!("{} s", short(value)));
        Self { from: 0.0, to: most, is_log: false, ticks }
    }

    /// Quantiles by how many nines they have: 90 %, 99 %, 99.9 %.
    pub(super) fn nines(most: f64) -> Self {
        let names = ["0", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %", "99.9999 %"];
        let ticks = names.iter().zip(0_u8..).map(|(name, at)| (f64::from(at), (*name).to_owned()));
        let ticks = ticks.filter(|(at, _)| *at <= most).collect();
        Self { from: 0.0, to: most, is_log: false, ticks }
    }

    /// Microseconds, by powers.
    pub(super) fn latencies(values: impl Iterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.filter(|value| *value > 0.0).collect();
        let least = values.iter().copied().fold(f64::MAX, f64::min).min(1e9);
        let most = values.iter().copied().fold(1.0, f64::max);
        let (from, to) = (least.min(most) / 1.2, most * 1.2);
        let named = |value: f64| match value {
            value if value >= 1e6 => format!("{} s", short(value / 1e6)),
            value if value >= 1e3 => format!("{} ms", short(value / 1e3)),
            value => format!("{} µs", short(value)),
        };
        // As many as there is room for.
        let steps: &[f64] = if to / from > 300.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let ticks = (-1..9)
            .flat_map(|power| steps.iter().map(move |step| step * 10_f64.powi(power)))
            .filter(|value| (from..=to).contains(value))
            .map(|value| (value, named(value)))
            .collect();
        Self { from, to, is_log: true, ticks }
    }

    /// Ratios around 1, by powers.
    pub(super) fn ratios(values: impl Iterator<Item = f64>) -> Self {
        let furthest = values
            .filter(|value| *value > 0.0)
            .map(|value| value.max(1.0 / value))
            .fold(1.2, f64::max)
            .min(1e4)
            * 1.15;
        let all = [1.0, 1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0, 1000.0, 10_000.0];
        let wide = furthest > 3.0;
        let ticks = all
            .iter()
            .filter(|value| **value <= furthest && !(wide && [1.1, 1.25, 1.5].contains(*value)))
            .flat_map(|value| [1.0 / value, *value])
            .map(|value| (value, format!("{}×", short(value))))
            .collect();
        Self { from: 1.0 / furthest, to: furthest, is_log: true, ticks }
    }
}

/// A round step that cuts `most` into about `count` parts.
fn step(most: f64, count: f64) -> f64 {
    let rough = most / count;
    let power = 10_f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
    steps.into_iter().find(|step| *step >= rough).unwrap_or(10.0 * power)
}

fn linear_ticks(most: f64, step: f64, named: impl Fn(f64) -> String) -> Vec<(f64, String)> {
    (0_u8..=20)
        .map(|index| f64::from(index) * step)
        .take_while(|value| *value <= most)
        .map(|value| (value, named(value)))
        .collect()
}

/// A number without digits that say nothing.
fn short(value: f64) -> String {
    let (value, unit) = match value.abs() {
        size if size >= 1e6 => (value / 1e6, " M"),
        size if size >= 1e4 => (value / 1e3, " k"),
        _ => (value, ""),
    };
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, name)| name.as_str()).collect()
    }

    #[test]
    fn ticks_are_round_and_few() {
        let rate = Axis::from_zero([47_000.0, 12.0].into_iter());
        assert_eq!(names(&rate), ["0", "10 k", "20 k", "30 k", "40 k"]);
        let time = Axis::seconds([9.9].into_iter());
        assert_eq!(names(&time), ["0 s", "2 s", "4 s", "6 s", "8 s"]);
        let latency = Axis::latencies([90.0, 2100.0].into_iter());
        assert_eq!(names(&latency), ["100 µs", "200 µs", "500 µs", "1 ms", "2 ms"]);
    }

    #[test]
    fn places_are_on_the_axis_whatever_comes() {
        for axis in [
            Axis::from_zero([].into_iter()),
            Axis::latencies([].into_iter()),
            Axis::latencies([5.0].into_iter()),
            Axis::seconds([0.0].into_iter()),
            Axis::ratios([0.0, f64::MAX].into_iter()),
            Axis::nines(1.0),
        ] {
            for value in [0.0, 1e-12, 1.0, 1e12] {
                let place = axis.place(value);
                assert!((0.0..=1.0).contains(&place), "{place} of {value} on {axis:?}");
            }
        }
    }
}
