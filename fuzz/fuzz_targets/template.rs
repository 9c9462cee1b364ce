//! Any text as a document, a template and a buildspec: read or refused with a place, planned, drawn and looked at.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_template::check::{Surroundings, buildspec, template};
use plimsoll_template::document::{Limits, parse};
use plimsoll_template::pipeline::{Plan, pipelines, projects};
use plimsoll_template::template::{Inputs, Template};

fuzz_target!(|text: &str| {
    if let Err(error) = parse(text, &Limits::default()) {
        assert!(error.place.line > 0 && error.place.column > 0);
    }
    let inputs = Inputs { allow_missing: true, ..Inputs::default() };
    for finding in buildspec("buildspec.yml", text, &Surroundings::default()) {
        assert!(finding.place.line > 0 && finding.place.column > 0);
    }
    let mut read = |path: &str| (path == "buildspec.yml").then(|| text.to_owned());
    let _ = template("template.yml", text, inputs.clone(), &mut read);
    let Ok(read) = Template::read("template.yml", text, &Limits::default()) else { return };
    let Ok(stack) = read.resolve(inputs) else { return };
    let _ = stack.outputs();
    let projects = projects(&stack).unwrap_or_default();
    for pipeline in pipelines(&stack).unwrap_or_default() {
        if let Ok(plan) = Plan::new(&stack, pipeline, projects.clone()) {
            assert!(plan.draw().lines().all(|line| line.chars().count() <= 80));
        }
    }
});
