//! Results as JUnit XML: a suite for each scenario file, a case for each seed.

use super::Ran;
use drydock_test::scenario::Failure;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use std::{io, path::Path};

/// Writes the results; the file is replaced.
pub(super) fn write(path: &Path, ran: &[Ran]) -> io::Result<()> {
    let text = report(ran).to_string().map_err(io::Error::other)?;
    std::fs::write(path, text)
}

fn report(ran: &[Ran]) -> Report {
    let mut report = Report::new("drydock test");
    let mut suites: Vec<(&str, TestSuite)> = Vec::new();
    for test in ran {
        let index = suites.iter().position(|(file, _)| *file == test.file);
        let index = index.unwrap_or_else(|| {
            suites.push((&test.file, TestSuite::new(&test.file)));
            suites.len() - 1
        });
        suites[index].1.add_test_case(case(test));
    }
    report.set_time(ran.iter().map(|test| test.host).sum());
    report.add_test_suites(suites.into_iter().map(|(_, suite)| suite));
    report
}

fn case(test: &Ran) -> TestCase {
    let mut status = TestCaseStatus::success();
    if let Some(Failure { line, step, error, .. }) = &test.outcome.failure {
        status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_message(error.sentence());
        let place = line.map_or_else(String::new, |line| format!("{}:{line}: ", test.file));
        let step = step.as_deref().unwrap_or_default();
        status.set_description(format!("{place}{step}\n{error}"));
    }
    let mut case = TestCase::new(&test.name, status);
    case.set_classname(&test.file);
    case.set_time(test.host);
    case.add_property(("seed", test.seed.to_string().as_str()));
    let seconds = format!("{:.6}", test.outcome.virtual_time.as_secs_f64());
    case.add_property(("virtual_time_s", seconds.as_str()));
    let failure = test.outcome.failure.as_ref();
    if failure.is_some_and(|failure| !failure.kept.is_empty()) {
        case.add_property(("kept", test.folder.display().to_string().as_str()));
    }
    case
}
