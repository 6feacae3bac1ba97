//! Every sentence that people read, by language. A test holds the languages complete.

mod english;
mod findings;
mod french;
mod german;
mod incomplete;
mod kinds;
mod policies;
mod spanish;

pub(crate) use findings::sentence;
pub(crate) use incomplete::Incomplete;
pub(crate) use kinds::kind;
pub(crate) use policies::title;

use crate::Language;
use lazaret_model::Decision;

/// The sentences of one language.
pub(crate) struct Texts {
    /// Heading of a page about a held download.
    pub(crate) held: &'static str,
    /// Heading of a page about a blocked download.
    pub(crate) blocked: &'static str,
    /// Under the heading: nothing has happened yet.
    pub(crate) safe: &'static str,
    pub(crate) file: &'static str,
    pub(crate) from: &'static str,
    pub(crate) what: &'static str,
    pub(crate) why: &'static str,
    pub(crate) what_now: &'static str,
    pub(crate) advice_held: &'static [&'static str],
    pub(crate) advice_blocked: &'static [&'static str],
    /// Heading of a page about something held that somebody sent.
    pub(crate) upload_held: &'static str,
    /// Heading of a page about something blocked that somebody sent.
    pub(crate) upload_blocked: &'static str,
    /// Under that heading: nothing was sent. `{site}` is where it was to go.
    pub(crate) not_sent: &'static str,
    /// Before where it was to go.
    pub(crate) to: &'static str,
    /// A part in what holds it: `{part}` and `{whole}`.
    pub(crate) inside: &'static str,
    pub(crate) advice_upload: &'static [&'static str],
    /// Before whom to turn to.
    pub(crate) contact: &'static str,
    /// Why something could not be inspected completely, in the order of [`Incomplete`].
    pub(crate) incomplete: [&'static str; 5],
    /// Heading of a page about a download that is still being inspected.
    pub(crate) coming: &'static str,
    /// Under that heading.
    pub(crate) coming_soon: &'static str,
    /// Before how much of it is there.
    pub(crate) there: &'static str,
    /// The link by which a password can be entered.
    pub(crate) unlock: &'static str,
    /// The link by which a file can be asked for.
    pub(crate) ask: &'static str,
    pub(crate) reference: &'static str,
    pub(crate) detail: &'static str,
    /// The reason where an inspection failed.
    pub(crate) failed: &'static str,
    /// The reason where there are too many bytes.
    pub(crate) too_large: &'static str,
    /// The reason where an incident keeps it back. `{incident}` is what people quote.
    pub(crate) contained: &'static str,
    /// What is said where somebody needs help at once.
    pub(crate) response: Response,
    /// Id, title and text of each lesson; the default policies name them.
    pub(crate) lessons: &'static [(&'static str, &'static str, &'static str)],
    /// What a policy does: delivers, holds, blocks.
    pub(crate) does: [&'static str; 3],
    /// Key and sentence for each way in which a request gets no answer.
    pub(crate) troubles: &'static [(&'static str, &'static str)],
}

/// What is said where somebody needs help at once.
#[derive(Clone, Copy)]
pub(crate) struct Response {
    /// The line that stands on every page.
    pub(crate) line: &'static str,
    /// What to do now.
    pub(crate) now: &'static str,
    /// Before whom to call.
    pub(crate) call: &'static str,
    /// Where nobody is named.
    pub(crate) nobody: &'static str,
    /// Above the form.
    pub(crate) report: &'static str,
    pub(crate) saw: &'static str,
    pub(crate) reference: &'static str,
    pub(crate) send: &'static str,
    /// After it was sent.
    pub(crate) thanks: &'static str,
    /// Nothing was written.
    pub(crate) empty: &'static str,
    /// More was written than somebody reads.
    pub(crate) long: &'static str,
    /// Too many reports came.
    pub(crate) many: &'static str,
}

impl Texts {
    /// Why an incident keeps something back.
    pub(crate) fn contained(&self, incident: &str) -> String {
        self.contained.replacen("{incident}", incident, 1)
    }

    /// Title and text of a lesson.
    pub(crate) fn lesson(&self, id: &str) -> Option<(&'static str, &'static str)> {
        self.lessons.iter().find(|(known, _, _)| *known == id).map(|(_, title, text)| (*title, *text))
    }

    /// Under the heading: nothing was sent to a site.
    pub(crate) fn not_sent(&self, site: &str) -> String {
        self.not_sent.replace("{site}", site)
    }

    /// A part in words: its name, and the names of what holds it, up to the sample.
    pub(crate) fn nested(&self, names: &[String]) -> String {
        let Some((part, holders)) = names.split_first() else { return String::new() };
        holders.iter().fold(part.clone(), |told, whole| {
            // The first of them stands in for what was told so far: a name may be `{whole}`.
            let (before, after) = self.inside.split_once("{part}").unwrap_or(("", self.inside));
            let (between, end) = after.split_once("{whole}").unwrap_or((after, ""));
            format!("{before}{told}{between}{whole}{end}")
        })
    }

    /// What kept something from being inspected.
    pub(crate) fn incomplete(&self, why: Incomplete) -> &'static str {
        self.incomplete.get(why as usize).copied().unwrap_or_default()
    }

    /// What a policy does that leads to a decision.
    pub(crate) const fn does(&self, decision: Decision) -> &'static str {
        let [delivers, holds, blocks] = self.does;
        match decision {
            Decision::Deliver => delivers,
            Decision::Hold => holds,
            Decision::Block => blocks,
        }
    }

    /// The sentence for a trouble.
    pub(crate) fn trouble(&self, key: &str) -> &'static str {
        let found = self.troubles.iter().find(|(known, _)| *known == key);
        found.or(self.troubles.first()).map_or("", |(_, sentence)| *sentence)
    }
}

/// The sentences of a language.
pub(crate) const fn texts(language: Language) -> &'static Texts {
    match language {
        Language::English => &english::TEXTS,
        Language::German => &german::TEXTS,
        Language::French => &french::TEXTS,
        Language::Spanish => &spanish::TEXTS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lesson_that_the_default_policies_name_exists_in_every_language() {
        let policies = include_str!("../../../policies/default.cedar");
        let named: Vec<_> = policies.split("@lesson(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(named.len() > 10);
        for language in Language::ALL {
            for id in &named {
                assert!(texts(language).lesson(id).is_some(), "{language:?} lacks the lesson `{id}`");
            }
        }
    }

    #[test]
    fn the_languages_say_the_same_things() {
        let english = texts(Language::English);
        for language in Language::ALL {
            let texts = texts(language);
            let keys = |texts: &Texts| texts.troubles.iter().map(|(key, _)| *key).collect::<Vec<_>>();
            assert_eq!(keys(texts), keys(english), "{language:?}");
            assert_eq!(texts.lessons.len(), english.lessons.len(), "{language:?}");
            assert_eq!(texts.advice_held.len(), english.advice_held.len(), "{language:?}");
            assert_eq!(texts.advice_blocked.len(), english.advice_blocked.len(), "{language:?}");
            assert_eq!(texts.advice_upload.len(), english.advice_upload.len(), "{language:?}");
            let lessons = |texts: &Texts| texts.lessons.iter().map(|(id, _, _)| *id).collect::<Vec<_>>();
            assert_eq!(lessons(texts), lessons(english), "{language:?}");
            for (text, placeholders) in [
                (texts.not_sent, &["{site}"][..]),
                (texts.inside, &["{part}", "{whole}"]),
                (texts.contained, &["{incident}"]),
            ] {
                for placeholder in placeholders {
                    assert_eq!(text.matches(placeholder).count(), 1, "{language:?}: {placeholder} in {text}");
                }
                assert_eq!(text.matches('{').count(), placeholders.len(), "{language:?}: {text}");
            }
            let does = [Decision::Deliver, Decision::Hold, Decision::Block].map(|decision| texts.does(decision));
            assert!(does.iter().all(|one| does.iter().filter(|other| one == *other).count() == 1), "{does:?}");
            let told = |texts: &Texts| {
                let Response { line, now, call, nobody, report, saw, reference, send, thanks, empty, long, many } =
                    texts.response;
                [line, now, call, nobody, report, saw, reference, send, thanks, empty, long, many]
            };
            for (own, other) in told(texts).into_iter().zip(told(english)) {
                assert!(!own.is_empty() && (language == Language::English || own != other), "{language:?}: {own}");
            }
            for why in Incomplete::ALL {
                assert!(!texts.incomplete(why).is_empty(), "{language:?}: {why:?}");
            }
        }
    }

    #[test]
    fn a_part_is_told_in_words_and_names_are_no_placeholders() {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let told = |language, list: &[&str]| texts(language).nested(&names(list));
        assert_eq!(told(Language::English, &["x.txt", "locked.zip"]), "x.txt in locked.zip");
        assert_eq!(told(Language::French, &["a", "b", "c"]), "a dans b dans c");
        assert_eq!(told(Language::German, &["{whole}", "{part}"]), "{whole} in {part}");
        assert_eq!(told(Language::Spanish, &["uno"]), "uno");
        assert_eq!(
            texts(Language::English).not_sent("a.example"),
            "Nothing was sent to a.example, and you did nothing wrong."
        );
    }
}
