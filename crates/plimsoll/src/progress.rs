//! Progress on a terminal: one bar a layer, one line for the whole.

use std::io;
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{DecimalBytes, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use plimsoll_image::Progress;
use plimsoll_oci::ResolvedImage;

/// Bars that are shown at once; further layers only count in the total.
const MAX_BARS: usize = 12;

/// Bars on stderr, or nothing.
pub(crate) struct Bars {
    screen: MultiProgress,
    total: ProgressBar,
    layers: Mutex<Vec<Option<ProgressBar>>>,
    /// Notes that are told after the bars are gone.
    notes: Mutex<Vec<String>>,
    is_quiet: bool,
}

impl Bars {
    /// Shown where stderr is a terminal; when quiet neither bars nor notes are.
    pub(crate) fn new(is_terminal: bool, is_quiet: bool) -> Self {
        let target = if is_terminal && !is_quiet {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let screen = MultiProgress::with_draw_target(target);
        let total = screen.add(ProgressBar::new_spinner());
        total.set_style(style("{spinner} {msg}"));
        Self { screen, total, layers: Mutex::new(Vec::new()), notes: Mutex::new(Vec::new()), is_quiet }
    }

    /// What is being done now.
    pub(crate) fn say(&self, text: impl Into<String>) {
        self.total.set_message(text.into());
        self.total.enable_steady_tick(Duration::from_millis(120));
    }

    /// A note that is told when the bars are gone.
    pub(crate) fn note(&self, text: &str) {
        if let Ok(mut notes) = self.notes.lock()
            && !self.is_quiet
        {
            notes.push(plimsoll_report::printable(text).into_owned());
        }
    }

    /// Takes the bars away and gives the notes that were made meanwhile.
    pub(crate) fn finish(&self) -> Vec<String> {
        // A poisoned lock means that a thread panicked, which ends the program anyway.
        if let Ok(layers) = self.layers.lock() {
            layers.iter().flatten().for_each(ProgressBar::finish_and_clear);
        }
        self.total.finish_and_clear();
        self.notes.lock().map(|mut notes| std::mem::take(&mut *notes)).unwrap_or_default()
    }

    fn with_bar(&self, index: usize, act: impl FnOnce(&ProgressBar)) {
        if let Ok(layers) = self.layers.lock()
            && let Some(Some(bar)) = layers.get(index)
        {
            act(bar);
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .expect("the templates of this file are well-formed")
        .progress_chars("=> ")
}

impl Progress for Bars {
    fn image(&self, image: &ResolvedImage) {
        let count = image.layers.len();
        self.say(format!("{}: {count} layer{}", image.artifact.name, if count == 1 { "" } else { "s" }));
        if let Ok(mut layers) = self.layers.lock() {
            for (index, layer) in image.layers.iter().enumerate() {
                if index >= MAX_BARS {
                    layers.push(None);
                    continue;
                }
                let bar = self.screen.add(ProgressBar::new(layer.size_bytes));
                bar.set_style(style("  {prefix:20} [{bar:24}] {decimal_bytes}/{decimal_total_bytes} {msg}"));
                let digest = layer.digest.as_ref().map_or(layer.diff_id.as_str(), |digest| digest.as_str());
                bar.set_prefix(digest.chars().take(19).collect::<String>());
                layers.push(Some(bar));
            }
        }
    }

    fn cached(&self, index: usize) {
        self.with_bar(index, |bar| {
            bar.set_position(bar.length().unwrap_or(0));
            bar.finish_with_message("cached");
        });
    }

    fn read(&self, index: usize, bytes: u64) {
        self.with_bar(index, |bar| bar.inc(bytes));
    }

    fn done(&self, index: usize) {
        self.with_bar(index, |bar| bar.finish_with_message("done"));
    }

    fn cache_failed(&self, index: usize, error: &io::Error) {
        self.note(&format!("note: the result of layer {index} was not kept in the cache: {error}"));
    }
}

/// A bar for each feed of an update, while it is on its way, and the total above them.
pub(crate) struct FeedBars {
    screen: MultiProgress,
    total: ProgressBar,
    state: Mutex<FeedState>,
}

#[derive(Default)]
struct FeedState {
    bars: std::collections::BTreeMap<String, ProgressBar>,
    /// What has arrived of each feed, also of those without a bar.
    arrived: std::collections::BTreeMap<String, u64>,
    started: u64,
    finished: u64,
    bytes: u64,
}

impl FeedBars {
    /// On the same screen as `bars`.
    pub(crate) fn new(bars: &Bars) -> Self {
        Self { screen: bars.screen.clone(), total: bars.total.clone(), state: Mutex::default() }
    }

    fn with_state(&self, act: impl FnOnce(&mut FeedState)) {
        // A poisoned lock means that a thread panicked, which ends the program anyway.
        if let Ok(mut state) = self.state.lock() {
            act(&mut state);
            let (finished, started, bytes) = (state.finished, state.started, DecimalBytes(state.bytes));
            let then = if finished == started { "; writing the database" } else { "" };
            self.total.set_message(format!("{finished} of {started} feeds, {bytes}{then}"));
        }
    }
}

impl plimsoll_feed::Progress for FeedBars {
    fn started(&self, feed: &str) {
        self.with_state(|state| {
            state.started += 1;
            if state.bars.len() < MAX_BARS {
                let bar = self.screen.add(ProgressBar::new_spinner());
                bar.set_style(style("  {prefix:28} {decimal_bytes}"));
                bar.set_prefix(feed.chars().take(28).collect::<String>());
                state.bars.insert(feed.to_owned(), bar);
            }
        });
    }

    fn received(&self, feed: &str, bytes: u64, total: Option<u64>) {
        self.with_state(|state| {
            let before = state.arrived.insert(feed.to_owned(), bytes).unwrap_or(0);
            state.bytes += bytes.saturating_sub(before);
            let Some(bar) = state.bars.get(feed) else {
                return;
            };
            if let (Some(total), None) = (total, bar.length()) {
                bar.set_length(total);
                bar.set_style(style("  {prefix:28} [{bar:24}] {decimal_bytes}/{decimal_total_bytes}"));
            }
            bar.set_position(bytes);
        });
    }

    fn finished(&self, report: &plimsoll_feed::FeedReport) {
        self.with_state(|state| {
            state.finished += 1;
            if let Some(bar) = state.bars.remove(&report.name()) {
                bar.finish_and_clear();
            }
        });
    }
}

/// One bar for a database on its way.
pub(crate) struct CarryBar {
    bar: ProgressBar,
}

impl CarryBar {
    /// On the same screen as `bars`.
    pub(crate) fn new(bars: &Bars) -> Self {
        let bar = bars.screen.add(ProgressBar::new(0));
        bar.set_style(style("  [{bar:40}] {decimal_bytes}/{decimal_total_bytes}"));
        Self { bar }
    }

    /// So many bytes more are to be carried.
    pub(crate) fn more(&self, bytes: u64) {
        self.bar.inc_length(bytes);
    }
}

impl Drop for CarryBar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl plimsoll_artifact::Progress for CarryBar {
    fn total(&self, bytes: u64) {
        self.bar.set_length(bytes);
    }

    fn moved(&self, bytes: u64) {
        self.bar.inc(bytes);
    }
}
