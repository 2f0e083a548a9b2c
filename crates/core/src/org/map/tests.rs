use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn name(number: usize) -> Rc<str> {
    number.to_string().into()
}

fn is_balanced<V>(map: &Map<V>) -> bool {
    map.0.as_ref().is_none_or(|node| {
        let (left, right) = (node.left.len(), node.right.len());
        let is_even = left + right <= 1 || (left <= HEAVIER * right && right <= HEAVIER * left);
        is_even && node.count == 1 + left + right && is_balanced(&node.left) && is_balanced(&node.right)
    })
}

/// What two hold otherwise, found by looking at all.
fn all_differences(one: &Map<usize>, other: &Map<usize>) -> Vec<(Rc<str>, Option<usize>, Option<usize>)> {
    let [one, other]: [BTreeMap<_, _>; 2] = [one, other].map(|map| map.iter().map(|(k, v)| (k.clone(), *v)).collect());
    let mut names: Vec<_> = one.keys().chain(other.keys()).cloned().collect();
    names.sort();
    names.dedup();
    let both = names.into_iter().map(|name| (one.get(&name).copied(), other.get(&name).copied(), name));
    both.filter(|(one, other, _)| one != other).map(|(one, other, name)| (name, one, other)).collect()
}

fn differences(one: &Map<usize>, other: &Map<usize>) -> Vec<(Rc<str>, Option<usize>, Option<usize>)> {
    let plain = |(name, change): (&Rc<str>, Change<'_, usize>)| match change {
        Change::Gone(one) => (name.clone(), Some(*one), None),
        Change::New(other) => (name.clone(), None, Some(*other)),
        Change::Other(one, other) => (name.clone(), Some(*one), Some(*other)),
    };
    one.differences(other).map(plain).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_holds_what_a_btreemap_holds_and_so_does_every_copy(steps in proptest::collection::vec((0..4_usize, 0..200_usize), 0..400)) {
        let (mut map, mut known) = (Map::default(), BTreeMap::new());
        let mut copies = vec![(map.clone(), known.clone())];
        for (index, (what, number)) in steps.into_iter().enumerate() {
            match what {
                0 => prop_assert_eq!(map.remove(&name(number)), known.remove(&name(number))),
                1 => {
                    map.change(&name(number), |value: &mut usize| *value += 1);
                    *known.entry(name(number)).or_insert(0) += 1;
                }
                _ => {
                    map.insert(&name(number), index);
                    known.insert(name(number), index);
                }
            }
            prop_assert!(is_balanced(&map));
            if index % 40 == 0 {
                copies.push((map.clone(), known.clone()));
            }
        }
        copies.push((map.clone(), known));
        for (copy, known) in &copies {
            prop_assert!(copy.iter().eq(known.iter()));
            prop_assert_eq!(copy.len(), known.len());
            prop_assert!(known.iter().all(|(name, value)| copy.get(name) == Some(value)));
            prop_assert_eq!(differences(copy, &map), all_differences(copy, &map));
            prop_assert_eq!(differences(&map, copy), all_differences(&map, copy));
            let anew = known.iter().fold(Map::default(), |mut map, (name, value)| { map.insert(name, *value); map });
            prop_assert_eq!(copy, &anew);
        }
    }
}

#[test]
fn what_two_differ_in_is_found_without_looking_at_what_they_share() {
    let mut map = Map::default();
    (0..100_000).for_each(|number| map.insert(&name(number), number));
    let mut other = map.clone();
    for number in 0..10 {
        other.insert(&name(number * 7_919), 1);
        other.remove(&name(number * 7_919 + 1));
        other.insert(&name(200_000 + number), 1);
    }
    visits::taken();
    assert_eq!(map.differences(&other).count(), 30);
    let visits = visits::taken();
    assert!(visits < 2_500, "{visits}");
}
