//! An entry and what is around it, drawn: what leads to it on the left, where it leads on the right, one or two steps away. The
//! table beside it has everything.

use super::facts::named;
use lazaret_attack::{View, is_live, kind_of, path_of, section_of};
use lazaret_store::Version;
use std::collections::HashSet;

/// Entries of one column. The table has all.
const MOST: usize = 14;
/// Entries two steps away, for each that is one step away.
const MOST_BEYOND: usize = 3;
const WIDTH: i32 = 190;
const GAP: i32 = 60;
const HEIGHT: i32 = 26;
const STEP: i32 = 34;
/// Letters of a name.
const LETTERS: usize = 27;

/// The drawing.
pub(super) struct Graph {
    pub(super) width: i32,
    pub(super) height: i32,
    pub(super) nodes: Vec<Node>,
    pub(super) edges: Vec<Edge>,
    /// Entries one step away that are not drawn.
    pub(super) left_out: usize,
    /// Whether anything would be two steps away.
    pub(super) hops: u8,
}

pub(super) struct Node {
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) text_x: i32,
    pub(super) text_y: i32,
    pub(super) width: i32,
    pub(super) height: i32,
    pub(super) text: String,
    pub(super) title: String,
    pub(super) path: String,
    pub(super) class: String,
}

pub(super) struct Edge {
    pub(super) path: String,
    pub(super) title: String,
    pub(super) class: &'static str,
}

/// Columns: two steps in, one step in, the entry, one step out, two steps out.
struct Column<'a> {
    entries: Vec<(&'a Version, &'a Version, i64)>,
}

/// Draws; `None` when there is nothing around the entry.
pub(super) fn draw(view: &View, own: &Version, hops: u8) -> Option<Graph> {
    let mut seen: HashSet<i64> = HashSet::from([own.object]);
    let mut left_out = 0;
    let mut near = |outward: bool, seen: &mut HashSet<i64>| {
        let mut entries = around(view, own, outward);
        // One of each kind after the other, so that a few hundred procedures do not hide two mitigations.
        entries = by_turns(entries);
        let mut taken = Vec::new();
        for (relation, other) in entries {
            if !seen.insert(other.object) {
                continue;
            }
            if taken.len() < MOST {
                taken.push((relation, other, own.object));
            } else {
                left_out += 1;
            }
        }
        Column { entries: taken }
    };
    let inward = near(false, &mut seen);
    let outward = near(true, &mut seen);
    if inward.entries.is_empty() && outward.entries.is_empty() {
        return None;
    }
    let beyond = |column: &Column<'_>, outward: bool, seen: &mut HashSet<i64>| {
        let mut entries = Vec::new();
        for (_, other, _) in &column.entries {
            let further = by_turns(around(view, other, outward));
            let further = further.into_iter().filter(|(_, further)| seen.insert(further.object)).take(MOST_BEYOND);
            entries.extend(further.map(|(relation, further)| (relation, further, other.object)).collect::<Vec<_>>());
        }
        entries.truncate(MOST * 2);
        // Column is rebuilt with what was kept.
        Column { entries }
    };
    let mut columns = Vec::new();
    if hops > 1 {
        let far = beyond(&inward, false, &mut seen);
        columns.push(far);
    }
    columns.push(inward);
    let middle = columns.len();
    columns.push(Column { entries: Vec::new() });
    columns.push(outward);
    if hops > 1 {
        let far = beyond(&columns[middle + 1], true, &mut seen);
        columns.push(far);
    }
    Some(placed(own, &columns, middle, left_out, hops))
}

/// Live relationships on one side of an entry, with the entries at their other ends.
fn around<'a>(view: &'a View, own: &Version, outward: bool) -> Vec<(&'a Version, &'a Version)> {
    let pick = |relation: &'a Version, other: i64| Some((relation, view.object(other)?));
    let found: Vec<_> = if outward {
        view.from(own.object).filter_map(|relation| pick(relation, relation.to_object)).collect()
    } else {
        view.to(own.object).filter_map(|relation| pick(relation, relation.from_object)).collect()
    };
    found.into_iter().filter(|(relation, other)| is_live(relation) && is_live(other)).collect()
}

fn by_turns<'a>(mut entries: Vec<(&'a Version, &'a Version)>) -> Vec<(&'a Version, &'a Version)> {
    fn key<'a>((relation, other): &(&'a Version, &'a Version)) -> (&'a str, &'a str) {
        (&relation.relation, kind_of(&other.stix_id))
    }
    entries.sort_by(|a, b| (key(a), &a.1.attack_id).cmp(&(key(b), &b.1.attack_id)));
    let mut piles: Vec<std::collections::VecDeque<_>> = Vec::new();
    let mut last = None;
    for entry in entries {
        let own = key(&entry);
        if last != Some(own) {
            piles.push(std::collections::VecDeque::new());
            last = Some(own);
        }
        if let Some(pile) = piles.last_mut() {
            pile.push_back(entry);
        }
    }
    let mut out = Vec::new();
    while piles.iter().any(|pile| !pile.is_empty()) {
        out.extend(piles.iter_mut().filter_map(std::collections::VecDeque::pop_front));
    }
    out
}

fn placed(own: &Version, columns: &[Column<'_>], middle: usize, left_out: usize, hops: u8) -> Graph {
    let tallest = columns.iter().map(|column| column.entries.len()).max().unwrap_or(0).max(1);
    let height = i32::try_from(tallest).unwrap_or(1) * STEP + 10;
    let left = |column: usize| i32::try_from(column).unwrap_or(0) * (WIDTH + GAP) + 5;
    let mut nodes = vec![node(own, left(middle), (height - HEIGHT) / 2, true)];
    let mut edges = Vec::new();
    // Where each entry is.
    let mut places = std::collections::HashMap::from([(own.object, (left(middle), (height - HEIGHT) / 2))]);
    // From the middle outwards, so that both ends of every line have their places.
    let mut order: Vec<usize> = (0..columns.len()).filter(|column| *column != middle).collect();
    order.sort_by_key(|column| column.abs_diff(middle));
    for column in order {
        let entries = &columns[column].entries;
        let top = (height - i32::try_from(entries.len()).unwrap_or(0) * STEP) / 2;
        for ((relation, other, from), row) in entries.iter().zip(0..) {
            let (x, y) = (left(column), top + row * STEP + (STEP - HEIGHT) / 2);
            places.insert(other.object, (x, y));
            nodes.push(node(other, x, y, false));
            let Some((from_x, from_y)) = places.get(from).copied() else { continue };
            let (start, end) = if column < middle { ((x, y), (from_x, from_y)) } else { ((from_x, from_y), (x, y)) };
            let (x1, y1) = (start.0 + WIDTH, start.1 + HEIGHT / 2);
            let (x2, y2) = (end.0, end.1 + HEIGHT / 2);
            let bend = (x2 - x1) / 2;
            edges.push(Edge {
                path: format!("M{x1} {y1}C{} {y1} {} {y2} {x2} {y2}", x1 + bend, x2 - bend),
                title: relation.relation.clone(),
                class: class(&relation.relation),
            });
        }
    }
    let width = left(columns.len()) - GAP;
    Graph { width, height, nodes, edges, left_out, hops }
}

fn class(relation: &str) -> &'static str {
    match relation {
        "mitigates" => "mitigates",
        "detects" => "detects",
        "revoked-by" => "revoked",
        _ => "uses",
    }
}

fn node(version: &Version, x: i32, y: i32, is_own: bool) -> Node {
    let title = named(version);
    let text: String = if title.chars().count() > LETTERS {
        title.chars().take(LETTERS - 1).chain(['…']).collect()
    } else {
        title.clone()
    };
    let section = section_of(kind_of(&version.stix_id)).path;
    Node {
        x,
        y,
        text_x: x + 8,
        text_y: y + 17,
        width: WIDTH,
        height: HEIGHT,
        text,
        title: format!("{}: {title}", section_of(kind_of(&version.stix_id)).one),
        path: path_of(version),
        class: if is_own { format!("own {section}") } else { section.to_owned() },
    }
}
