use super::*;

fn number(number: f64) -> Value {
    Value::Number(number)
}

fn check(old: &Value, new: &Value) -> Diff {
    for change in [diff(old, new), diff_finely(old, new)] {
        let mut value = old.clone();
        change.apply(&mut value).unwrap();
        assert!(value == *new);
        assert_eq!(change.is_identity(), old == new);
    }
    diff(old, new)
}

#[test]
fn equal_values_differ_in_nothing_even_where_they_are_written_differently() {
    let old = Value::object([("a", Value::BigInt(1.into())), ("b", number(f64::NAN))]);
    let new = Value::object([("a", number(1.0)), ("b", number(f64::NAN))]);
    assert_eq!(check(&old, &new), Diff::identity());
    assert_eq!(check(&Value::text("x"), &Value::text("x")), Diff::identity());
}

#[test]
fn an_edited_record_among_others_is_edited() {
    let record = |id: u32, text: &str| {
        Value::object([("id", number(f64::from(id))), ("text", Value::text(text)), ("kind", Value::text("task"))])
    };
    let old: Vec<Value> = (0..20).map(|id| record(id, "what is to be done")).collect();
    let mut new = old.clone();
    new.remove(3);
    new[10] = record(11, "what was done");
    new.insert(10, record(100, "new"));
    let Diff::Array(edits) = check(&Value::Array(old), &Value::Array(new)) else { panic!() };
    let [
        Segment::Keep(3),
        Segment::Delete(1),
        Segment::Keep(7),
        Segment::Insert(one, _),
        Segment::Inner(_),
        Segment::Keep(8),
    ] = edits.as_slice()
    else {
        panic!("{edits:?}")
    };
    assert_eq!(*one, [record(100, "new")]);
}

#[test]
fn far_edits_in_a_long_text_are_found_apart() {
    let line = |i: usize| format!("{i}: the quick brown fox jumps over the lazy dog\n");
    let old: String = (0..20_000).map(line).collect();
    let new = old.replacen("quick", "slow", 1).replace("19999: the", "19999: a");
    let patch = check(&Value::Text(old.clone()), &Value::Text(new)).to_patch();
    assert!(matches!(&patch, crate::diff::Patch::Text(edits) if edits.len() < 12), "{patch:?}");
    // In one line, too.
    let (old, new) = (old.replace('\n', " "), old.replace('\n', " ").replacen("9: the", "9: a", 1) + "!");
    let patch = check(&Value::Text(old), &Value::Text(new)).to_patch();
    assert!(matches!(&patch, crate::diff::Patch::Text(edits) if edits.len() < 12), "{patch:?}");
}

#[test]
fn words_are_replaced_whole_but_for_how_both_begin_and_end() {
    let change = |old: &str, new: &str| diff_finely(&Value::text(old), &Value::text(new));
    let edits = |edits: Vec<Segment<String, ()>>| Diff::Text(edits);
    let insert = |text: &str| Segment::Insert(text.to_owned(), Joins::NONE);
    assert_eq!(change("hello", "world"), edits(vec![insert("world"), Segment::Delete(5)]));
    let middle = vec![Segment::Keep(4), insert("2"), Segment::Delete(3), Segment::Keep(6)];
    assert_eq!(change("one two three", "one 2 three"), edits(middle));
    assert_eq!(change("", "x"), edits(vec![insert("x")]));
}

#[test]
fn who_compares_closely_finds_the_letters_that_stay() {
    let change = diff_closely(&Value::text("hello"), &Value::text("yellow!"));
    let Diff::Text(edits) = change else { panic!("{change:?}") };
    assert!(edits.contains(&Segment::Keep(4)), "{edits:?}");
}

#[test]
fn who_compares_closely_finds_them_in_long_stretches_without_a_space_too() {
    // One of letters that are there once, and one of a few letters.
    for letters in [5_000, 26] {
        let letter = |n: u32| char::from_u32(0x4e00 + n * n % letters).unwrap();
        let old: Vec<char> = (0..3_000).map(letter).collect();
        let mut new = old.clone();
        for at in (0..30).rev() {
            new.splice(at * 100 + 50..at * 100 + 53, ['a', 'b', 'c', 'd']);
        }
        let text = |letters: &[char]| Value::Text(letters.iter().collect());
        let Diff::Text(edits) = diff_closely(&text(&old), &text(&new)) else { panic!("a text") };
        let kept: usize = edits.iter().map(|edit| if let Segment::Keep(count) = edit { *count } else { 0 }).sum();
        assert_eq!(kept, 3_000 - 90, "of {letters} letters");
        // What is another text is one.
        let other: Vec<char> = (0..3_000).map(|n| letter(n * 7 + 3)).collect();
        let Diff::Text(edits) = diff_closely(&text(&old), &text(&other)) else { panic!("a text") };
        assert!(edits.len() < 10 || letters == 26, "{}", edits.len());
    }
}

#[test]
fn what_is_named_is_known_again_wherever_it_is_and_what_moved_is_taken_and_put() {
    let row = |id: &str, done: bool| Value::object([("id", Value::text(id)), ("done", Value::Bool(done))]);
    let list = |rows: &[Value]| Value::Array(rows.to_vec());
    let old = list(&[row("c", false), row("a", false), row("b", false)]);
    let new = list(&[row("a", true), row("b", false), row("c", false)]);
    let Diff::Array(edits) = diff_finely(&old, &new) else { panic!("edits") };
    assert!(
        matches!(edits[..], [Segment::Take(0), Segment::Inner(_), Segment::Keep(1), Segment::Put(0, None)]),
        "{edits:?}"
    );
    // Another name is another element, however alike.
    let Diff::Array(edits) = diff_finely(&list(&[row("a", true)]), &list(&[row("b", true)])) else { panic!("edits") };
    assert!(matches!(edits[..], [Segment::Insert(..), Segment::Delete(1)]), "{edits:?}");
    // By the member that one says.
    let named = |sku: f64, left: f64| Value::object([("sku", Value::Number(sku)), ("left", Value::Number(left))]);
    let (old, new) = (list(&[named(1.0, 5.0), named(2.0, 6.0)]), list(&[named(2.0, 7.0), named(1.0, 8.0)]));
    let by_sku = diff_finely_by(&old, &new, &Identity::by(vec!["sku".to_owned()]));
    let Diff::Array(edits) = by_sku else { panic!("edits") };
    assert!(edits.iter().any(|edit| matches!(edit, Segment::Put(_, Some(_)))), "{edits:?}");
}

#[test]
fn what_has_no_name_and_is_there_once_moves_too() {
    let texts = |items: &[&str]| Value::Array(items.iter().map(|item| Value::text(*item)).collect());
    let Diff::Array(edits) = diff_finely(&texts(&["c", "a", "b"]), &texts(&["a", "b", "c"])) else { panic!("edits") };
    assert_eq!(edits, [Segment::Take(0), Segment::Keep(2), Segment::Put(0, None)]);
}

/// Shapes that would take very many steps, or the square of their length.
#[test]
fn a_diff_has_a_bounded_number_of_steps_and_still_leads_there() {
    let numbers =
        |count: u32, of: &dyn Fn(u32) -> u32| Value::Array((0..count).map(|n| Value::from(f64::from(of(n)))).collect());
    let rows = |count: u32, a: u32| {
        let row = |n| Value::object([("id", Value::from(f64::from(n))), ("a", Value::from(f64::from(a)))]);
        Value::Array((0..count).map(row).collect())
    };
    let words = |seed: u32| {
        let word = |n: u32| char::from(b'a' + (n.wrapping_mul(seed).wrapping_mul(2_654_435_761) >> 27) as u8 % 26);
        Value::text((0..600_000).map(|n| if n % 6 == 5 { ' ' } else { word(n) }).collect::<String>())
    };
    let lines = |of: &dyn Fn(u32) -> u32| {
        Value::text((0..60_000).map(|n| format!("{}\n", if n % 500 == 0 { n } else { of(n) })).collect::<String>())
    };
    let texts = |seed: u32| Value::Array((0..70_000).map(|n| Value::text(format!("{seed} {n}"))).collect());
    let map = |by: u32| {
        Value::Map((0..60_000).map(|n| (Value::from(f64::from(n)), Value::from(f64::from(n * by)))).collect())
    };
    let set = |by: u32| Value::Set((0..60_000).map(|n| Value::from(f64::from(n * by))).collect());
    // Texts with very many changes each, together too many.
    let notes = |seed: u32| {
        let note = |n: u32| (0..40).map(|word| format!("{} ", word + n * seed * (word % 2))).collect::<String>();
        Value::Array(
            (1..4_000)
                .map(|n| Value::object([("id", Value::from(f64::from(n))), ("a", Value::text(note(n)))]))
                .collect(),
        )
    };
    for (old, new) in [
        (numbers(70_000, &|n| n), numbers(70_000, &|n| n % 2)),
        (numbers(70_000, &|n| n % 2), numbers(70_000, &|n| n)),
        (numbers(120_000, &|_| 1), numbers(100_000, &|n| n % 3)),
        (numbers(100_000, &|n| n), numbers(100_000, &|n| 99_999 - n)),
        (
            numbers(60_000, &|n| if n % 500 == 0 { n } else { 1 + n % 4 }),
            numbers(60_000, &|n| if n % 500 == 0 { n } else { n * n % 5 }),
        ),
        (rows(60_000, 1), rows(60_000, 2)),
        (words(3), words(7)),
        (lines(&|n| 1 + n % 7), lines(&|n| 1 + n * n % 11)),
        (Value::text("\n".repeat(600_000)), Value::text("a\n".repeat(600_000))),
        (texts(1), texts(2)),
        (map(1), map(2)),
        (set(1), set(2)),
        (notes(1), notes(2)),
    ] {
        for change in [diff(&old, &new), diff_finely(&old, &new), diff_closely(&old, &new)] {
            assert!(steps(&change) <= STEPS);
            let mut made = old.clone();
            change.apply(&mut made).unwrap();
            assert!(made == new);
        }
    }
}

#[test]
fn of_many_parts_that_change_too_much_the_largest_are_replaced_and_the_others_edited() {
    let words = |count: u32, by: u32| (0..count).map(|n| format!("{} ", n * (1 + by * (n % 2)))).collect::<String>();
    let note = |count: u32, by: u32| Value::text(words(count, by));
    let (old, new) = ([note(70_000, 1), note(10, 1)], [note(70_000, 2), note(10, 2)]);
    let value = |[long, short]: [Value; 2]| Value::object([("long", long), ("short", short)]);
    let Diff::Object(changes) = diff_finely(&value(old.clone()), &value(new.clone())) else { panic!("members") };
    assert!(matches!(changes.get("long"), Some(Diff::Set { over_container: false, .. })));
    assert!(matches!(changes.get("short"), Some(Diff::Text(_))));
    // Also where both are in one part.
    let inside = |value: Value| Value::object([("in", Value::Array(vec![value]))]);
    let Diff::Object(outer) = diff_finely(&inside(value(old)), &inside(value(new))) else { panic!("members") };
    let Some(Diff::Array(edits)) = outer.get("in") else { panic!("{outer:?}") };
    assert_eq!(*edits, [Segment::Inner(Diff::Object(changes))]);
}

#[test]
fn a_name_that_is_there_twice_names_nothing_and_likeness_decides() {
    let row = |a: f64, b: f64| Value::object([("id", Value::from(1.0)), ("a", number(a)), ("b", number(b))]);
    let list = |rows: &[Value]| Value::Array(rows.to_vec());
    let Diff::Array(edits) =
        diff_finely(&list(&[row(1.0, 1.0), row(2.0, 2.0)]), &list(&[row(1.0, 1.0), row(2.0, 3.0)]))
    else {
        panic!("edits")
    };
    assert!(matches!(edits[..], [Segment::Keep(1), Segment::Inner(_)]), "{edits:?}");
}

#[test]
fn without_names_an_element_is_the_one_that_it_is_most_like() {
    let item = |text: &str, done: bool| Value::object([("text", Value::text(text)), ("done", Value::Bool(done))]);
    let list = |items: &[(&str, bool)]| Value::Array(items.iter().map(|(text, done)| item(text, *done)).collect());
    let edits = |old: &[(&str, bool)], new: &[(&str, bool)]| {
        let Diff::Array(edits) = check_finely(&list(old), &list(new)) else { panic!("edits") };
        edits
    };
    // One is put in before one that is ticked.
    let made = edits(&[("tea", false)], &[("milk", false), ("tea", true)]);
    assert!(matches!(made[..], [Segment::Insert(..), Segment::Inner(_)]), "{made:?}");
    let made = edits(&[("tea", false), ("jam", false)], &[("milk", false), ("tea", true), ("jam", false)]);
    assert!(matches!(made[..], [Segment::Insert(..), Segment::Inner(_), Segment::Keep(1)]), "{made:?}");
    // One goes, one comes, and the one between is ticked.
    let made = edits(&[("tea", false), ("jam", false)], &[("jam", true), ("milk", false)]);
    assert!(matches!(made[..], [Segment::Delete(1), Segment::Inner(_), Segment::Insert(..)]), "{made:?}");
    // A word more, behind another that is new.
    let made = edits(&[("milk", false)], &[("tea", false), ("oat milk", false)]);
    assert!(matches!(made[..], [Segment::Insert(..), Segment::Inner(_)]), "{made:?}");
    // What is not alike at all is another, and not the old one changed.
    let made = edits(&[("milk", false), ("x", true)], &[("tea", false), ("jam", false), ("x", true)]);
    assert!(matches!(made[..], [Segment::Insert(..), Segment::Delete(1), Segment::Keep(1)]), "{made:?}");
}

#[test]
fn without_names_what_goes_elsewhere_and_changes_a_little_moves() {
    let item =
        |(text, done): &(&str, bool)| Value::object([("text", Value::text(*text)), ("done", Value::Bool(*done))]);
    let list = |items: &[(&str, bool)]| Value::Array(items.iter().map(item).collect());
    let edits = |new: &[(&str, bool)]| {
        let Diff::Array(edits) = check_finely(&list(&[("tea", false), ("jam", false), ("milk", false)]), &list(new))
        else {
            panic!("edits")
        };
        edits
    };
    // Ticked and sent to the bottom.
    let made = edits(&[("jam", false), ("milk", false), ("tea", true)]);
    assert!(matches!(made[..], [Segment::Take(0), Segment::Keep(2), Segment::Put(0, Some(_))]), "{made:?}");
    // Reversed, with both ends ticked.
    let made = edits(&[("milk", true), ("jam", false), ("tea", true)]);
    let moved = made.iter().filter(|edit| matches!(edit, Segment::Put(_, Some(_)))).count();
    assert!(
        moved >= 1 && !made.iter().any(|edit| matches!(edit, Segment::Insert(..) | Segment::Delete(_))),
        "{made:?}"
    );
    // What is as much like one in its own place stays there.
    let made = edits(&[("tea", true), ("jam", false), ("milk", false), ("tea", false)]);
    assert!(made.iter().all(|edit| !matches!(edit, Segment::Delete(_))), "{made:?}");
}

#[test]
fn what_has_another_name_is_not_in_the_way_of_what_is_alike() {
    let named = |id: &str| Value::object([("id", Value::text(id)), ("a", number(1.0)), ("b", number(2.0))]);
    let nameless = |e: f64| Value::object([("c", number(1.0)), ("d", number(2.0)), ("e", number(e))]);
    let (old, new) = (vec![nameless(3.0), named("x")], vec![named("y"), nameless(4.0)]);
    let Diff::Array(edits) = diff_finely(&Value::Array(old), &Value::Array(new)) else { panic!("edits") };
    assert!(matches!(edits[..], [Segment::Insert(..), Segment::Inner(_), Segment::Delete(1)]), "{edits:?}");
}

#[test]
fn entries_that_stay_in_order_stay_and_a_changed_value_is_changed_from_inside() {
    let map = |entries: &[(&str, &str)]| {
        Value::Map(entries.iter().map(|(key, value)| (Value::text(*key), Value::text(*value))).collect())
    };
    let old = map(&[("a", "one two"), ("b", "2"), ("c", "3")]);
    let change = check_finely(&old, &map(&[("b", "2"), ("c", "3"), ("a", "one two")]));
    let Diff::Entries(Keyed::Map, edits) = change else { panic!("entries") };
    assert!(matches!(edits[..], [Segment::Delete(1), Segment::Keep(2), Segment::Insert(..)]), "{edits:?}");
    let change = check_finely(&old, &map(&[("a", "one 2"), ("b", "2"), ("c", "3")]));
    let Diff::Entries(Keyed::Map, edits) = change else { panic!("entries") };
    let [Segment::Inner(Diff::Array(pair)), Segment::Keep(2)] = &edits[..] else { panic!("{edits:?}") };
    assert!(matches!(pair[..], [Segment::Keep(1), Segment::Inner(Diff::Text(_))]), "{pair:?}");
    let set = |items: &[f64]| Value::Set(items.iter().map(|item| number(*item)).collect());
    let change = check_finely(&set(&[1.0, 2.0, 3.0]), &set(&[3.0, 1.0, 4.0]));
    let Diff::Entries(Keyed::Set, edits) = change else { panic!("entries") };
    assert!(edits.iter().all(|edit| !matches!(edit, Segment::Take(_) | Segment::Put(..))), "{edits:?}");
}

fn check_finely(old: &Value, new: &Value) -> Diff {
    check(old, new);
    diff_finely(old, new)
}

#[test]
fn two_who_replace_one_word_by_different_words_replace_the_whole_word() {
    for word in ["quickly", "slowly", "lazily"] {
        let new = Value::text(["the fox jumps ", word, " over"].concat());
        let Diff::Text(edits) = diff_finely(&Value::text("the fox jumps brown over"), &new) else { panic!("edits") };
        let inserted = edits.iter().filter(|edit| matches!(edit, Segment::Insert(..))).count();
        assert_eq!(inserted, 1, "{edits:?}");
    }
}

#[test]
fn small_arrays_are_still_edited_when_asked_for_finely() {
    let list = |items: &[f64]| Value::Array(items.iter().copied().map(Value::Number).collect());
    let (old, new) = (list(&[1.0, 2.0]), list(&[0.0, 1.0, 2.0]));
    assert_eq!(
        diff_finely(&old, &new),
        Diff::Array(vec![Segment::Insert(vec![number(0.0)], Joins::NONE), Segment::Keep(2)])
    );
}

/// Shapes that take naive ways time that grows with the square of their size, or with their depth.
#[test]
fn large_values_take_time_in_proportion() {
    let long: String = (0..200_000_u32).map(|i| char::from(b'a' + (i % 7) as u8)).collect();
    let turned: String = (0..200_000_u32).map(|i| char::from(b'a' + (i % 1000 * i % 11 % 7) as u8)).collect();
    check(&Value::Text(long.clone()), &Value::Text(turned));
    check(&Value::Text("😀".repeat(100_000)), &Value::Text("😁".repeat(100_000)));
    let list = |n: u32, m: u32| Value::Array((0..n).map(|i| Value::Number(f64::from(i * m % 1009))).collect());
    check(&list(100_000, 7), &list(99_000, 11));
    let records = |n: u32, step: u32| {
        Value::Array((0..n).map(|i| Value::object([("a", Value::Number(f64::from(i * step)))])).collect())
    };
    check(&records(50_000, 1), &records(50_500, 2));
    // Deep, with the change at the bottom and much to compare beside it at every level.
    let deep = |end: f64| {
        (0..120).fold(number(end), |inner, level| {
            let beside = Value::Array((0..500).map(|i| Value::Number(f64::from(i))).collect());
            if level % 2 == 0 {
                Value::Array(vec![beside, inner])
            } else {
                Value::object([("a", beside), ("b", inner)])
            }
        })
    };
    check(&deep(1.0), &deep(2.0));
    let deep = |end: f64| {
        (0..120).fold(number(end), |inner, _| {
            let beside = Value::Array((0..500).map(|i| Value::Number(f64::from(i))).collect());
            Value::Map(vec![(number(1.0), beside), (number(2.0), inner)])
        })
    };
    check(&deep(1.0), &deep(2.0));
}

#[test]
fn very_large_values_keep_what_both_begin_and_end_with() {
    let row = |id: u32| Value::object([("id", Value::from(f64::from(id))), ("n", Value::from(0.0))]);
    let list = |ids: &mut dyn Iterator<Item = u32>| {
        Value::object([("v", Value::Array(ids.map(row).collect())), ("title", Value::text("one two three"))])
    };
    let old = list(&mut (0..200_000));
    let mut new = list(&mut (0..10).chain((10..199_990).rev()).chain(199_990..200_000));
    if let Value::Object(members) = &mut new {
        members.insert("title".to_owned(), Value::text("one 2 three"));
    }
    let change = diff_finely(&old, &new);
    let mut made = old.clone();
    change.apply(&mut made).unwrap();
    assert!(made == new);
    let Diff::Object(members) = change else { panic!("members") };
    let Some(Diff::Array(segments)) = members.get("v") else { panic!("an array") };
    assert!(
        matches!(segments[..], [Segment::Keep(10), Segment::Insert(..), Segment::Delete(199_980), Segment::Keep(10)]),
        "{} steps",
        segments.len()
    );
    assert!(matches!(members.get("title"), Some(Diff::Text(_))));
}
