//! Every sentence that people read, by language. A test holds the languages complete.

mod english;
mod french;
mod german;
mod spanish;

use crate::Language;

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
    /// Id, title and text of each lesson; the default policies name them.
    pub(crate) lessons: &'static [(&'static str, &'static str, &'static str)],
    /// Key and sentence for each way in which a request gets no answer.
    pub(crate) troubles: &'static [(&'static str, &'static str)],
}

impl Texts {
    /// Title and text of a lesson.
    pub(crate) fn lesson(&self, id: &str) -> Option<(&'static str, &'static str)> {
        self.lessons.iter().find(|(known, _, _)| *known == id).map(|(_, title, text)| (*title, *text))
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
        }
    }
}
