//! Four-letter words, compared by layout: numbers, times and addresses are replaced.

use anyhow::Result;

use super::request::Await;
use super::stage::Stage;

pub(super) fn words(s: &mut Stage) -> Result<()> {
    for word in [
        "ruok", "isro", "gtmk", "srst", "crst", "dirs", "wchs", "wchc", "wchp", "conf", "srvr",
        "stat", "cons", "dump",
    ] {
        s.word(word)?;
    }
    for (label, bytes) in [("ruok with a newline", &b"ruok\n"[..]), ("ruokxxxx", b"ruokxxxx")] {
        s.words_raw(label, bytes)?;
    }
    s.connect("x")?;
    s.raw("x", "unknown word", b"abcd", Await::Close)?;
    // There is no Java here.
    s.keys("envi", '=', |key| key.starts_with("java.") || key.starts_with("os.memory."))?;
    // Bytes by namespace are not kept: they cost more than the read.
    s.keys("mntr", '\t', |key| {
        key.ends_with("read_per_namespace") || key.ends_with("write_per_namespace")
    })
}
