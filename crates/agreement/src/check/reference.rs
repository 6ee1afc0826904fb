//! The page of the documentation that lists the findings.

use std::fmt::Write as _;

use super::{Code, Severity};

/// Every finding, as a page in Markdown.
pub fn check_findings() -> String {
    let mut page = String::from(
        "# What `check` finds\n\nGenerated from the code. *Refuses*: the agreement cannot be offered. *Warns*: it can, \
         and people should look at it. `{…}` stands for what the finding is about. None of this judges that an \
         agreement is lawful.\n",
    );
    for code in Code::ALL {
        let entry = code.entry();
        let severity = match entry.severity {
            Severity::Refuses => "refuses",
            Severity::Warns => "warns",
        };
        // Writing to a string does not fail.
        let _ = write!(
            page,
            "\n## {}\n{severity} · {}\n\n- en: {} *{}*\n- nl: {} *{}*\n",
            entry.code, entry.law, entry.en, entry.mend_en, entry.nl, entry.mend_nl
        );
    }
    page
}
