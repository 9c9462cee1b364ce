//! Flags of Lacework's command line, as far as it is about containers.
//!
//! Source: Lacework's documentation of its CLI, "lacework vulnerability container"; behaviour of version 2.

use super::super::words::{Flag, Takes};

use Takes::{List, Nothing, Text};

/// Why nothing is lost by what says who asks, where nobody is asked.
const FOR_A_SERVER: &str = "for a server, where LW_API_SERVER_URL names one";

pub(super) const FLAGS: &[Flag] = &[
    // What is shown.
    Flag::honoured("details", Nothing, "a line for each flaw"),
    Flag::honoured("packages", Nothing, "a line for each package"),
    Flag::honoured("severity", Text, "flaws of this severity and worse are shown"),
    Flag::honoured("fixable", Nothing, "flaws with a fix are shown"),
    Flag::honoured("html", Nothing, "a page is written into the current folder"),
    Flag::honoured("html_file", Text, "the page's name"),
    Flag::honoured("json", Nothing, "rows of the API, version 2").variable("LW_JSON"),
    // What is decided.
    Flag::honoured("fail_on_severity", Text, "exit status 9 on flaws of this severity or worse"),
    Flag::honoured("fail_on_fixable", Nothing, "exit status 9 on flaws with a fix"),
    // How it is done.
    Flag::honoured("poll", Nothing, "here the result is always waited for"),
    Flag::honoured("poll_interval", Text, "seconds between two looks at a server's scan"),
    Flag::honoured("noninteractive", Nothing, "no progress").variable("LW_NONINTERACTIVE"),
    Flag::honoured("registry", List, "of `list-assessments`: these registries"),
    Flag::honoured("repository", List, "of `list-assessments`: these repositories").short('r'),
    Flag::honoured("version", Nothing, "Plimsoll's version").short('v'),
    Flag::honoured("help", Nothing, "what becomes of each flag").short('h'),
    // Who asks.
    Flag::honoured("account", Text, FOR_A_SERVER).short('a').variable("LW_ACCOUNT"),
    Flag::honoured("api_key", Text, FOR_A_SERVER).short('k').variable("LW_API_KEY"),
    Flag::honoured("api_secret", Text, FOR_A_SERVER).short('s').variable("LW_API_SECRET"),
    Flag::honoured("api_token", Text, FOR_A_SERVER).variable("LW_API_TOKEN"),
    Flag::honoured("subaccount", Text, FOR_A_SERVER).variable("LW_SUBACCOUNT"),
    // What changes nothing.
    Flag::without("profile", Text, "there is no file of profiles").short('p').variable("LW_PROFILE"),
    Flag::without("organization", Nothing, "there is one scope").variable("LW_ORGANIZATION"),
    Flag::without("debug", Nothing, "what went wrong is always told").variable("LW_DEBUG"),
    Flag::without("nocolor", Nothing, "there is no colour").variable("LW_NOCOLOR"),
    Flag::without("nocache", Nothing, "no assessment is cached").variable("LW_NOCACHE"),
    Flag::without("image_id", Nothing, "as there, where it is deprecated"),
    Flag::without("start", Text, "all stored assessments are listed"),
    Flag::without("end", Text, "all stored assessments are listed"),
    Flag::without("range", Text, "all stored assessments are listed"),
    // What would change the result, and is not done.
    Flag::refused("active", Nothing, "leave it out: running containers are not known"),
    Flag::refused("csv", Nothing, "`plimsoll scan --format csv`, or `--json`"),
];
