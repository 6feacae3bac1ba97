//! A layer as the fields of a form, and back.

use lazaret_attack::{AttackError, LayerDraft, Mark};

/// Empty rows that a form ends with.
const ROOM: usize = 5;

/// A layer, field by field.
pub(super) struct Fields {
    pub(super) name: String,
    pub(super) description: String,
    /// A line each: the colour, a space, and what it means.
    pub(super) legend: String,
    /// Separated by commas.
    pub(super) platforms: String,
    pub(super) least: String,
    pub(super) most: String,
    /// Separated by commas.
    pub(super) colors: String,
    pub(super) rows: Vec<Row>,
}

/// What a form says about a technique.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) tactic: String,
    pub(super) score: String,
    pub(super) color: String,
    pub(super) comment: String,
    pub(super) is_off: bool,
}

impl Fields {
    pub(super) fn of(draft: &LayerDraft) -> Self {
        let legend: Vec<String> = draft.legend.iter().map(|(label, color)| format!("{color} {label}")).collect();
        let (least, most, colors) = &draft.gradient;
        let rows = draft.marks.iter().map(|mark| Row {
            id: mark.id.clone(),
            tactic: mark.tactic.clone(),
            score: mark.score.map(|score| score.to_string()).unwrap_or_default(),
            color: mark.color.clone(),
            comment: mark.comment.clone(),
            is_off: !mark.enabled,
        });
        Self {
            name: draft.name.clone(),
            description: draft.description.clone(),
            legend: legend.join("\n"),
            platforms: draft.platforms.join(", "),
            least: least.to_string(),
            most: most.to_string(),
            colors: colors.join(", "),
            rows: rows.chain(std::iter::repeat_n(Row::default(), ROOM)).collect(),
        }
    }

    /// What somebody sent, as it is.
    pub(super) fn sent(sent: &[(String, String)]) -> Self {
        let field = |name: &str| {
            sent.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()).unwrap_or_default()
        };
        Self {
            name: field("name"),
            description: field("description"),
            legend: field("legend"),
            platforms: field("platforms"),
            least: field("least"),
            most: field("most"),
            colors: field("colors"),
            rows: rows(sent).into_iter().chain(std::iter::repeat_n(Row::default(), ROOM)).collect(),
        }
    }
}

/// Rows of a form that are not empty: each begins with its id.
fn rows(sent: &[(String, String)]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for (name, value) in sent {
        let value = value.trim();
        if name == "id" {
            rows.push(Row { id: value.to_ascii_uppercase(), ..Row::default() });
            continue;
        }
        let Some(row) = rows.last_mut() else { continue };
        match name.as_str() {
            "tactic" => value.clone_into(&mut row.tactic),
            "score" => value.clone_into(&mut row.score),
            "color" => value.clone_into(&mut row.color),
            "comment" => value.clone_into(&mut row.comment),
            "enabled" => row.is_off = value == "off",
            _ => {}
        }
    }
    rows.retain(|row| Row { is_off: false, ..row.clone() } != Row::default());
    rows
}

/// What a form says, as a layer has it.
///
/// # Errors
/// When a score is no number.
pub(super) fn draft(sent: &[(String, String)]) -> Result<LayerDraft, AttackError> {
    let fields = Fields::sent(sent);
    let number = |text: &str| {
        let wrong = |_| {
            AttackError::Layer(format!("`{}` is not a valid score: scores are numbers", lazaret_model::plain(text)))
        };
        text.trim().parse::<f64>().map_err(wrong)
    };
    let list = |text: &str| {
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        words.map(str::to_owned).collect::<Vec<_>>()
    };
    let mut marks = Vec::new();
    for row in rows(sent) {
        marks.push(Mark {
            score: if row.score.is_empty() { None } else { Some(number(&row.score)?) },
            id: row.id,
            tactic: row.tactic,
            color: row.color,
            comment: row.comment,
            enabled: !row.is_off,
        });
    }
    let legend = fields.legend.lines().map(str::trim).filter(|line| !line.is_empty());
    let legend = legend.map(|line| {
        let (color, label) = line.split_once(' ').unwrap_or((line, ""));
        (label.trim().to_owned(), color.to_owned())
    });
    Ok(LayerDraft {
        legend: legend.collect(),
        platforms: list(&fields.platforms),
        gradient: (number(&fields.least)?, number(&fields.most)?, list(&fields.colors)),
        name: fields.name,
        description: fields.description.trim().to_owned(),
        marks,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_goes_through_a_form_and_back_as_it_was() {
        let mark =
            Mark { id: "T1204".into(), score: Some(2.5), enabled: false, comment: "x".into(), ..Mark::default() };
        let before = LayerDraft {
            name: "Ours".into(),
            description: "What we saw".into(),
            marks: vec![
                mark,
                Mark { id: "T1059".into(), tactic: "execution".into(), enabled: true, ..Mark::default() },
            ],
            legend: vec![("seen here".into(), "#fd8d3c".into())],
            platforms: vec!["Windows".into(), "Linux".into()],
            gradient: (0.0, 10.0, vec!["#fff".into(), "#000".into()]),
        };
        let fields = Fields::of(&before);
        assert_eq!(fields.rows.len(), 2 + ROOM);
        let mut sent: Vec<(String, String)> = [
            ("name", &fields.name),
            ("description", &fields.description),
            ("legend", &fields.legend),
            ("platforms", &fields.platforms),
            ("least", &fields.least),
            ("most", &fields.most),
            ("colors", &fields.colors),
        ]
        .map(|(name, value)| (name.to_owned(), value.clone()))
        .into();
        for row in &fields.rows {
            let enabled = if row.is_off { "off" } else { "on" }.to_owned();
            let parts = [("id", &row.id), ("tactic", &row.tactic), ("score", &row.score), ("color", &row.color)];
            sent.extend(parts.map(|(name, value)| (name.to_owned(), value.clone())));
            sent.push(("comment".to_owned(), row.comment.clone()));
            sent.push(("enabled".to_owned(), enabled));
        }
        assert_eq!(draft(&sent).unwrap(), before);
        sent.push(("id".to_owned(), "t1".to_owned()));
        sent.push(("score".to_owned(), "many".to_owned()));
        assert!(draft(&sent).unwrap_err().to_string().contains("`many` is not a valid score"));
        assert_eq!(Fields::sent(&sent).rows[2].score, "many", "what was typed is not lost");
    }
}
