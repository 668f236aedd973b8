use super::number::whole;
use super::*;
use proptest::prelude::*;

#[test]
fn numbers_of_the_file_are_decimal_and_of_properties_as_java_decodes_them() {
    for (text, decimal, java) in [
        ("10", Some(10), Some(10)),
        ("-1", Some(-1), Some(-1)),
        ("+7", Some(7), Some(7)),
        ("010", Some(10), Some(8)),
        ("0", Some(0), Some(0)),
        ("0x9fffff", None, Some(0x9f_ffff)),
        ("-0XfF", None, Some(-255)),
        ("#ff", None, Some(255)),
        ("08", Some(8), None),
        ("", None, None),
        ("-", None, None),
        ("0x", None, None),
        ("--1", None, None),
        ("1_000", None, None),
        ("1 ", None, None),
        ("٣", None, None),
    ] {
        assert_eq!(whole(text, Notation::Decimal), decimal, "{text:?} decimal");
        assert_eq!(whole(text, Notation::Java), java, "{text:?} java");
    }
}

#[test]
fn too_many_digits_are_out_of_range_rather_than_no_number() {
    let kind = Int::<u32>::new(0, i64::MAX, "");
    for text in ["4294967296", "99999999999999999999", &"9".repeat(60)] {
        assert_eq!(kind.parse(text, Notation::Decimal), Err(Fault::OutOfRange), "{text}");
    }
    assert_eq!(kind.parse("9x", Notation::Decimal), Err(Fault::NotANumber));
}

#[test]
fn what_switches_off_is_none() {
    let kind = OrOff { off: OffWhen::NotPositive, meaning: "off", on: Kibibytes { min: 1 } };
    assert_eq!(kind.parse("-5", Notation::Java), Ok(None));
    assert_eq!(kind.parse("0x0", Notation::Java), Ok(None));
    assert_eq!(kind.parse("4", Notation::Java), Ok(Some(4096)));
    assert_eq!(kind.parse("x", Notation::Java), Err(Fault::NotANumber));
    assert_eq!(kind.allowed(), "1 or more (KiB); 0 or less: off");
}

proptest! {
    #[test]
    fn no_text_makes_a_kind_panic(text in "[-+#0-9a-fxX.eEnN ]{0,40}|\\PC{0,10}") {
        for notation in [Notation::Decimal, Notation::Java] {
            let _ = whole(&text, notation);
            let _ = Kibibytes { min: 0 }.parse(&text, notation);
            let _ = Fraction.parse(&text, notation);
            let time = Time { unit: TimeUnit::Seconds, min: 0, max: i64::MAX };
            let _ = OrOff { off: OffWhen::MinusOne, meaning: "off", on: time }
                .parse(&text, notation);
        }
    }
}
