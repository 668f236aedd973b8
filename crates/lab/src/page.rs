//! A run as a page to step through: the drawing, what happened as sentences, and the states, in
//! one file that needs nothing else.

use crate::draw::{self, escaped};
use crate::json;
use crate::scenario::Played;
use crate::text::View;
use serde_json::json;

/// How fast a page plays at first: a hundredth of true time.
pub const SPEED: f64 = 0.01;

/// Draws a scenario as a page. `speed` is how fast it plays, times true time.
pub fn html(played: &Played, view: View, speed: f64) -> String {
    let shown: Vec<usize> = played
        .run
        .moments
        .iter()
        .enumerate()
        .filter(|(_, moment)| view.shows(moment))
        .map(|(index, _)| index)
        .collect();
    let data = json!({
        "scenario": json::scenario(played.scenario),
        "run": json::run(&played.run),
        "shown": shown,
    });
    // Nothing in it may end the script element it stands in.
    let data = data.to_string().replace('<', "\\u003c");
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
         <style>\n{style}</style>\n</head>\n<body>\n{controls}\n<main>\n\
         <div class=\"picture\">\n{picture}</div>\n<aside>\n<h2>States</h2>\n\
         <table><tbody id=\"states\"></tbody></table>\n\
         <h2>What happens</h2>\n<ol id=\"story\"></ol>\n</aside>\n</main>\n\
         <script type=\"application/json\" id=\"run\">{data}</script>\n\
         <script>\n{script}</script>\n</body>\n</html>\n",
        title = escaped(played.scenario.title),
        style = include_str!("page/style.css"),
        controls = controls(speed),
        picture = draw::scenario(played, view),
        script = include_str!("page/script.js"),
    )
}

fn controls(speed: f64) -> String {
    let speed = speed.clamp(0.0001, 1.0);
    format!(
        "<nav aria-label=\"Replay\">\n<button id=\"first\" aria-label=\"to the beginning\">|◀</button>\
         <button id=\"back\" aria-label=\"one step back\">◀ step</button>\
         <button id=\"play\">▶ play</button>\
         <button id=\"next\" aria-label=\"one step on\">step ▶</button>\
         <button id=\"last\" aria-label=\"to the end\">▶|</button>\n\
         <label>speed <input id=\"speed\" type=\"number\" min=\"0.0001\" max=\"1\" step=\"any\" \
         value=\"{speed}\" size=\"6\"></label>\n\
         <input id=\"scrub\" type=\"range\" min=\"0\" value=\"0\" aria-label=\"place in the run\">\n\
         <output id=\"clock\"></output>\n</nav>"
    )
}
