//! Progress on a terminal: one bar a layer, one line for the whole.

use std::io;
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
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
}

impl Bars {
    pub(crate) fn new(shown: bool) -> Self {
        let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let screen = MultiProgress::with_draw_target(target);
        let total = screen.add(ProgressBar::new_spinner());
        total.set_style(style("{spinner} {msg}"));
        Self { screen, total, layers: Mutex::new(Vec::new()), notes: Mutex::new(Vec::new()) }
    }

    /// What is being done now.
    pub(crate) fn say(&self, text: impl Into<String>) {
        self.total.set_message(text.into());
        self.total.enable_steady_tick(Duration::from_millis(120));
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
                bar.set_style(style("  {prefix:20} [{bar:24}] {bytes}/{total_bytes} {msg}"));
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
        if let Ok(mut notes) = self.notes.lock() {
            notes.push(format!("note: the result of layer {index} was not kept in the cache: {error}"));
        }
    }
}
