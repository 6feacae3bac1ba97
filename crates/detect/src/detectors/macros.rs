//! What a macro of a document would do: start by itself, run programs, write files, download.

use crate::text::{decode, excerpt, normalise, patterns, without_comments};
use crate::{DetectError, Detector, Findings};
use lazaret_model::{Family, Finding, Part, Severity};

const ID: &str = "macros";

patterns! {
    AUTO = r"(?m)(?:^|[:\s])(?:sub|function)[ \t]+(?:auto_?(?:open|exec|close|exit|new|activate|deactivate)|(?:this)?document_(?:open|close|new|before\w+|contentcontrol\w+|activate)|(?:this)?workbook_(?:open|(?:before)?close|activate|deactivate|before\w+|windowactivate|sheetactivate|newsheet)|worksheet_(?:activate|calculate|change|selectionchange)|presentation_(?:open|close)|onslideshow\w*|app_document\w+|\w+_(?:painted|painting|layout|gotfocus|mousemove|navigatecomplete2|beforenavigate2|documentcomplete|progresschange|statetextchange|filedownload|resize))[ \t]*(?:\(|\r|\n|$|')";
    AUTO_SHEET = r"\bauto_?(?:open|close|activate|deactivate)\w*";
    RUNS = r#"(?m)(?:(?:=[ \t]*|\bcall[ \t]+|^[ \t]*|:[ \t]*|\bthen[ \t]+|\(|\bvba\.|\binteraction\.)shell[ \t]*(?:\([^)\r\n]|[ \t]+["a-z_$])|wscript\.shell|shell\.application|shellbrowserwindow|\bcreateobject[ \t]*\([^)\r\n]{0,120}shell|\bwinexec\b|shellexecute|createprocess[aw]?\b|\bpowershell\b|win32_process|\bmshta\b|\brundll32\b|\bregsvr32\b|72c24dd5-d70a-438b-8a42-98424b88afb8)[^\r\n]{0,120}"#;
    RUNS_SHEET = r#"(?:\bexec[ \t]*\(|\bcall[ \t]*\([^)\r\n]{0,60}(?:shell32|kernel32|urlmon|winexec|virtualalloc|shellexecute)|\bregister[ \t]*\([^)\r\n]{0,60}(?:shell32|kernel32|urlmon|ntdll))[^\r\n]{0,120}"#;
    WRITES = r#"(?m)(?:\bopen[ \t][^\r\n]{1,200}[ \t]for[ \t]+(?:output|binary|append|random)\b|savetofile|createtextfile|\.opentextfile[ \t(][^\r\n]{0,120},[ \t]*(?:2|8|forwriting|forappending)\b|^[ \t]*filecopy\b|\.copyfile\b|^[ \t]*put[ \t]+#|\bwritefile\b)[^\r\n]{0,80}"#;
    WRITES_SHEET = r"\b(?:fwrite(?:ln)?|fopen)[ \t]*\([^\r\n]{0,120}";
    DOWNLOADS = r"(?:urldownloadto(?:cache)?file|xmlhttp|winhttp\.winhttprequest|internetopen(?:url)?[aw]?\b|internetreadfile|net\.webclient|downloadfile\b|downloadstring|invoke-webrequest|certutil[^\r\n]{0,80}[-/]urlcache|bitsadmin[^\r\n]{0,80}[-/]transfer|mshta[^\r\n]{0,10}https?:|msxml2\.serverxml|microsoft\.bits)[^\r\n]{0,120}";
}

/// Modules of VBA and formulas of Excel 4.0 macro sheets.
pub(crate) struct Macros;

impl Detector for Macros {
    fn id(&self) -> &'static str {
        ID
    }

    fn summary(&self) -> &'static str {
        "macros that start by themselves, run programs, write files or download"
    }

    fn wants(&self, part: &Part) -> bool {
        part.is("vba") || part.is("excel4-macro")
    }

    fn inspect(&self, part: &Part, bytes: &[u8], _offset: u64, findings: &mut Findings) -> Result<(), DetectError> {
        let text = decode(bytes);
        let plain = normalise(&without_comments(&part.kind.id, &text));
        let sheet = part.is("excel4-macro");
        let mut add = |id, severity, value: Option<String>, message: &str, techniques: &[&'static str]| {
            let Some(value) = value else { return };
            let found = Finding::new(id, ID, severity, Family::Behaviour, message).with("value", value);
            findings.add(techniques.iter().fold(found, |found, technique| found.technique(technique)));
        };
        let either =
            |pattern, of_sheet| excerpt(pattern, &plain).or_else(|| sheet.then(|| excerpt(of_sheet, &plain))?);
        let auto = excerpt(if sheet { &AUTO_SHEET } else { &AUTO }, &plain);
        let message = "the macro starts by itself when the document is opened, used or closed";
        add("macros.auto-run", Severity::Medium, auto, message, &["T1137", "T1204.002", "T1059.005"]);
        let message = "the macro runs programs";
        add("macros.runs-program", Severity::High, either(&RUNS, &RUNS_SHEET), message, &["T1059.005", "T1204.002"]);
        let message = "the macro writes files";
        add("macros.writes-file", Severity::Medium, either(&WRITES, &WRITES_SHEET), message, &["T1059.005"]);
        let message = "the macro downloads from the network";
        add("macros.downloads", Severity::High, excerpt(&DOWNLOADS, &plain), message, &["T1105", "T1059.005"]);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Macros;
    use crate::detectors::test_part::check;

    const AUTO: &str = "macros.auto-run medium";
    const RUNS: &str = "macros.runs-program high";
    const WRITES: &str = "macros.writes-file medium";
    const DOWNLOADS: &str = "macros.downloads high";

    #[test]
    fn macros_are_judged_by_what_they_would_do() {
        for (kind, text, expected) in [
            ("vba", "Sub AutoOpen()\n  Shell \"calc\"\nEnd Sub", &[AUTO, RUNS][..]),
            ("vba", "Private Sub Workbook_Open()\nEnd Sub", &[AUTO]),
            ("vba", "Sub Auto_Close()\nEnd Sub", &[AUTO]),
            ("vba", "Private Sub Document_Close()\nEnd Sub", &[AUTO]),
            ("vba", "Private Sub InkPicture1_Painted(ByVal h As Long)\nEnd Sub", &[AUTO]),
            ("vba", "x = Shell(p, 0)", &[RUNS]),
            ("vba", "Set w = CreateObject(\"WScr\" & \"ipt\" & Chr(46) & \"Shell\")", &[RUNS]),
            ("vba", "Open p For Binary As #1\nPut #1, , b", &[WRITES]),
            (
                "vba",
                "Declare Function U Lib \"urlmon\" Alias \"URLDownloadToFileA\" (ByVal a As Long) As Long",
                &[DOWNLOADS],
            ),
            ("excel4-macro", "Auto_Open: =EXEC(\"calc\")", &[AUTO, RUNS]),
            ("excel4-macro", "=FWRITE(1, \"x\")", &[WRITES]),
        ] {
            check(&Macros, kind, text, expected);
        }
    }

    #[test]
    fn honest_macros_are_left_alone() {
        for (kind, text) in [
            ("vba", "Sub Total()\n  ' Shell \"calc\" in AutoOpen would be wrong\n  Range(\"A1\").Value = 1\nEnd Sub"),
            ("vba", "Sub OpenReport()\n Workbooks.Open \"a.xlsx\"\n Open p For Input As #1\nEnd Sub"),
            ("vba", "MsgBox \"Weight of the shell\"\nshellWeight = 3"),
            ("excel4-macro", "=EXECUTIVE(1)+SUM(A1:A2)"),
            ("vbs", "Shell \"calc\""),
        ] {
            check(&Macros, kind, text, &[]);
        }
    }
}
