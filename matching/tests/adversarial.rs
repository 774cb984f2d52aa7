//! What somebody might send to make the index slow, large or wrong.

#![allow(clippy::unwrap_used, reason = "a test may")]

use gomera_matching::{CpuLevel, SlotSet};
use gomera_model::{Attributes, AttributesBuilder};

#[allow(dead_code, reason = "other tests need more of it")]
mod support;

use support::random::{self, Random};
use support::{Pair, id, parse};

fn new() -> AttributesBuilder {
    AttributesBuilder::new()
}

/// Filters by their texts, and notifications: the index agrees with the reference evaluator, also when it is empty again.
fn check(filters: &[&str], notifications: Vec<AttributesBuilder>) {
    let mut pair = Pair::new(1, CpuLevel::Scalar);
    for (number, text) in filters.iter().enumerate() {
        pair.insert(id(number), 1, &parse(text));
    }
    let built = notifications
        .into_iter()
        .map(|builder| builder.build().unwrap());
    let batch = built.collect::<Vec<Attributes>>();
    pair.check(&batch, &SlotSet::full());
    for number in 0..filters.len() {
        pair.remove(id(number));
    }
    pair.check(&batch, &SlotSet::full());
}

#[test]
fn many_filters_on_one_key_come_and_go() {
    const COUNT: usize = 20_000;
    let mut pair = Pair::new(1, CpuLevel::Scalar);
    for number in 0..COUNT {
        let text = format!(
            "key = 'popular' AND value >= {} AND other < 100",
            number % 1000
        );
        pair.insert(id(number), 1, &parse(&text));
    }
    let at = |value: i64| {
        new()
            .with("key", "popular")
            .with("value", value)
            .with("other", 5)
    };
    let batch = [at(-1), at(0), at(500), at(5000)].map(|builder| builder.build().unwrap());
    pair.check(&batch, &SlotSet::full());
    let mut random = Random::new(3);
    for _ in 0..COUNT {
        pair.remove(id(random.below(COUNT)));
    }
    pair.check(&batch, &SlotSet::full());
}

#[test]
fn rows_beyond_the_bound_are_asked_as_a_whole() {
    let sides = (0..64).map(|n| format!("(a{} = {n} AND b{} > {n})", n % 8, n % 5));
    let any = sides.collect::<Vec<_>>().join(" OR ");
    let all = (0..6).map(|n| format!("(a{n} = 1 OR b{n} = 2 OR a{n} = 3)"));
    let all = all.collect::<Vec<_>>().join(" AND ");
    let deep = format!("{}a1 = 1{}", "NOT (".repeat(15), ")".repeat(15));
    let mut random = Random::new(8);
    let notifications = (0..200).map(|_| {
        (0..8).fold(new(), |builder, n| {
            let mut number = || i64::try_from(random.below(9)).unwrap();
            let (a, b) = (number(), number());
            builder.with(&format!("a{n}"), a).with(&format!("b{n}"), b)
        })
    });
    let anchored = format!("a7 = 7 AND ({any})");
    check(&[&any, &all, &deep, &anchored], notifications.collect());
}

#[test]
fn a_thousand_members_are_found_and_not_found() {
    let texts = (0..1000)
        .map(|n| format!("'m{n}'"))
        .collect::<Vec<_>>()
        .join(",");
    let numbers = (0..1000)
        .map(|n| n.to_string())
        .collect::<Vec<_>>()
        .join(",");
    let filters = [
        format!("a IN ({texts})"),
        format!("a NOT IN ({texts})"),
        format!("a IN ({numbers})"),
        format!("a NOT IN ({numbers})"),
        format!("b IN ({numbers}) AND a IN ('m998', 'm999')"),
        "a IN ('x', 'x', 1, NULL)".into(),
        "a NOT IN ('x', NULL)".into(),
    ];
    let filters = filters.iter().map(String::as_str).collect::<Vec<_>>();
    let notifications = vec![
        new(),
        new().with("a", "m999").with("b", 999),
        new().with("a", "m1000").with("b", 3),
        new().with("a", 500),
        new().with("a", 500.5),
        new().with("a", "x"),
        new().with("a", true),
    ];
    check(&filters, notifications);
}

#[test]
fn numbers_at_the_edge_of_their_types_stay_apart() {
    let edges = [
        "9007199254740992",
        "9007199254740993",
        "9007199254740994",
        "9223372036854775807",
        "16777216",
        "16777217",
        "0",
        "0.1",
        "1e300",
        "-9223372036854775807",
    ];
    let mut filters = Vec::new();
    for low in edges {
        for comparison in ["=", "<>", "<", "<=", ">", ">="] {
            filters.push(format!("a {comparison} {low}"));
        }
        filters.extend(edges.map(|high| format!("a BETWEEN {low} AND {high}")));
        filters.push(format!("a NOT BETWEEN {low} AND 9007199254740994"));
        filters.push(format!("a IN ({low}, 3)"));
        filters.push(format!("a >= {low} AND a <= {low}"));
    }
    let filters = filters.iter().map(String::as_str).collect::<Vec<_>>();
    let (large, small) = ((1_i64 << 53) - 1, (1_i64 << 24) - 1);
    let mut notifications = vec![
        new().with("a", 0.1),
        new().with("a", -0.0),
        new().with("a", 1e300),
    ];
    for whole in (large..large + 4)
        .chain(small..small + 4)
        .chain([i64::MIN, i64::MAX, 0])
    {
        notifications.push(new().with("a", whole));
    }
    notifications
        .extend([9_007_199_254_740_992.0, 16_777_216.5, 1e-320].map(|a| new().with("a", a)));
    check(&filters, notifications);
}

#[test]
fn text_is_cut_between_bytes_and_still_compared_as_text() {
    let long = "日本".repeat(40);
    let filters = [
        "a LIKE 'é%'".to_string(),
        "a LIKE '%é'".into(),
        "a LIKE '%'".into(),
        "a LIKE ''".into(),
        "a NOT LIKE 'é%'".into(),
        "STARTS_WITH(a, '日')".into(),
        "ENDS_WITH(a, '本')".into(),
        "CONTAINS(a, '本日')".into(),
        format!("a LIKE '{long}%'"),
        format!("a NOT LIKE '%{long}'"),
        format!("a LIKE '{long}_%{long}'"),
        format!("a = '{long}'"),
    ];
    let filters = filters.iter().map(String::as_str).collect::<Vec<_>>();
    let texts = ["", "é", "éa", "aé", "\u{c3}", "日", "日本", "本日本"].map(String::from);
    let longer = [long.clone(), format!("{long}x{long}"), format!("x{long}")];
    let notifications = texts.into_iter().chain(longer);
    let mut notifications = notifications
        .map(|text| new().with("a", text))
        .collect::<Vec<_>>();
    notifications.extend([new(), new().with("a", 5), new().with("a", true)]);
    check(&filters, notifications);
}

#[test]
fn names_and_texts_that_nobody_asks_for_any_more_are_forgotten() {
    let mut pair = Pair::new(1, CpuLevel::Scalar);
    let mut turn = |start: usize| {
        for number in start..start + 2000 {
            let text = format!(
                "name{number} = 'a text that is longer than fifteen bytes {number}' AND x{number} LIKE '%{number}%'"
            );
            pair.insert(id(number), 1, &parse(&text));
        }
        for number in start..start + 2000 {
            pair.remove(id(number));
        }
        pair.index.bytes()
    };
    let warm = (0..10).map(|n| turn(2000 * n)).last().unwrap();
    let last = (10..30).map(|n| turn(2000 * n)).last().unwrap();
    assert!(last < warm + warm / 20, "{warm} bytes became {last}");
}

#[test]
fn keys_follow_the_traffic_and_the_answers_stay() {
    let mut random = Random::new(4);
    let mut pair = Pair::new(4, CpuLevel::Scalar);
    for number in 0..300 {
        let text = format!(
            "status = 'ok' AND device = 'd{}' AND v > {}",
            number % 3,
            number % 7
        );
        pair.insert(id(number), 1, &parse(&text));
        pair.insert(id(1000 + number), 1, &parse(&random::filter(&mut random)));
    }
    for _ in 0..300 {
        let batch = (0..16).map(|_| {
            let device = format!("d{}", random.below(100));
            let v = i64::try_from(random.below(9)).unwrap();
            new()
                .with("status", "ok")
                .with("device", device)
                .with("v", v)
                .build()
                .unwrap()
        });
        let batch = batch.collect::<Vec<_>>();
        let mut hits = gomera_matching::Hits::new();
        let refs = batch.iter().collect::<Vec<_>>();
        pair.index.match_batch(&refs, &SlotSet::full(), &mut hits);
    }
    let batch = (0..50).map(|_| random::attributes(&mut random));
    pair.check(&batch.collect::<Vec<_>>(), &SlotSet::full());
    let like = |device: &str| {
        new()
            .with("status", "ok")
            .with("device", device)
            .with("v", 5)
    };
    let batch = [like("d0"), like("d1"), like("d7")].map(|builder| builder.build().unwrap());
    pair.check(&batch, &SlotSet::full());
}

#[test]
fn large_buckets_of_alike_and_unlike_rows_shrink_and_grow() {
    const COUNT: usize = 12_000;
    // One key for all of them: some need further tests, some are of several rows, some have nothing to compare.
    let text = |number: usize| {
        let (low, high) = (number % 700, number % 400);
        match number % 7 {
            0 => format!("key IN ('a', 'b') AND (x >= {low} OR x < {high} OR y > {low})"),
            1 => format!("key = 'a' AND x >= {low} AND y <= {high} AND z < 900"),
            2 => format!("key = 'a' AND x >= {low} AND name LIKE '%{}%'", number % 10),
            3 => "key = 'a'".into(),
            4 => format!("key = 'a' AND small IN (1, 2, {})", number % 60),
            5 => format!(
                "key = 'a' AND (x < {low} OR x > {}) AND y > {high}",
                low + 300
            ),
            _ => format!("key = 'a' AND w{} > {low}", number % 90),
        }
    };
    let mut pair = Pair::new(3, CpuLevel::Scalar);
    let mut random = Random::new(6);
    for number in 0..COUNT {
        pair.insert(id(number), 1, &parse(&text(number)));
    }
    let mut batch = || {
        let mut number = |below| i64::try_from(random.below(below)).unwrap();
        let notification = new()
            .with("key", ["a", "b"][usize::try_from(number(2)).unwrap()])
            .with("x", number(1000))
            .with("y", number(500))
            .with("z", number(1000))
            .with("small", number(60))
            .with("name", format!("n{}", number(100)))
            .with(&format!("w{}", number(90)), number(900));
        [notification.build().unwrap()]
    };
    for turn in 0..4 {
        pair.check(&batch(), &SlotSet::full());
        for number in (turn..COUNT).step_by(2) {
            pair.remove(id(number));
        }
        pair.check(&batch(), &SlotSet::full());
        for number in (turn..COUNT).step_by(3) {
            pair.insert(id(number), 2, &parse(&text(number + turn)));
        }
    }
    pair.check(&batch(), &SlotSet::full());
    for number in 0..COUNT {
        pair.remove(id(number));
    }
    pair.check(&batch(), &SlotSet::full());
    assert!(pair.index.is_empty());
}

#[test]
fn thousands_of_ranges_without_any_equality_come_and_go() {
    const COUNT: usize = 15_000;
    // Open to either side, between two bounds, given in parts, empty, with a second range, of the same value over and over.
    let text = |number: usize| {
        let low = number * 7919 % 100_000;
        match number % 8 {
            0 => format!("x BETWEEN {low} AND {}", low + 300),
            1 => format!("x >= {low} AND x < {} AND x <= 99999", low + 50),
            2 => format!("x > {}", 99_000 + low % 1000),
            3 => format!("x < {}", low % 1000),
            4 => format!("x BETWEEN {low} AND {} AND y < {}", low + 900, number % 60),
            5 => format!("x >= {low} AND x <= {}", low.saturating_sub(9)),
            6 => "x BETWEEN 5000 AND 5100".into(),
            _ => format!("x > {low}.5 AND x < {}.25", low + 200),
        }
    };
    let mut pair = Pair::new(9, CpuLevel::Scalar);
    for number in 0..COUNT {
        pair.insert(id(number), 1, &parse(&text(number)));
    }
    let at = |x: i64| new().with("x", x).with("y", 30).build().unwrap();
    let batch = [-1, 0, 500, 5050, 42_000, 99_500, 1 << 40].map(at);
    pair.check(&batch, &SlotSet::full());
    let mut random = Random::new(4);
    for turn in 0..COUNT {
        let number = random.below(COUNT);
        if turn % 3 == 0 {
            pair.insert(id(number), 2, &parse(&text(number + turn)));
        } else {
            pair.remove(id(number));
        }
    }
    pair.check(&batch, &SlotSet::full());
    for number in 0..COUNT {
        pair.remove(id(number));
    }
    pair.check(&batch, &SlotSet::full());
    assert!(pair.index.is_empty());
}
