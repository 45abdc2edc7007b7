//! Bookmarks, and the arrangement of the lanes: order, heights, what is hidden or folded.

use crate::{
    session::{HEIGHTS, Row, Session},
    store::{Bookmark, LaneLayout, Layout, MAX_BOOKMARKS, MAX_LANES},
};

impl Session {
    /// Takes over a layout that was saved. Decoders whose lanes are not in these recordings stay in the layout.
    pub fn set_layout(&mut self, layout: Layout) {
        self.theme = layout.theme;
        self.trigger = layout.trigger.clone();
        self.folded = layout.folded.clone();
        self.set_times_of(layout.times_of.clone());
        for setting in &layout.decoders {
            if setting.check(self).is_ok() {
                self.add_decoder(setting.clone());
            }
        }
        self.layout = layout;
        self.place_rows();
    }

    /// Puts rows where the layout has them. Boards stay together; a lane that the layout does not know stays behind the
    /// others of its board.
    pub(crate) fn place_rows(&mut self) {
        let place = |row: &Row| self.layout.lanes.iter().position(|it| it.name == row.name);
        for row in &mut self.rows {
            if let Some(known) = self.layout.lanes.iter().find(|it| it.name == row.name) {
                row.height = known.height.clamp(*HEIGHTS.start(), *HEIGHTS.end());
                row.is_hidden = known.is_hidden;
            }
        }
        let selected = self.selected.map(|row| self.rows[row].name.clone());
        let mut boards: Vec<(usize, String)> = Vec::new();
        for row in &self.rows {
            if !boards
                .iter()
                .any(|(source, board)| (*source, board) == (row.source, &row.board))
            {
                boards.push((row.source, row.board.clone()));
            }
        }
        self.rows.sort_by_cached_key(|row| {
            let board = boards
                .iter()
                .position(|(source, board)| (*source, board) == (row.source, &row.board));
            (board, place(row).unwrap_or(usize::MAX))
        });
        self.selected = selected.and_then(|name| self.rows.iter().position(|row| row.name == name));
    }

    /// The layout as it is now, with what it knew of lanes that are not open.
    pub fn layout(&self) -> Layout {
        let mut lanes: Vec<LaneLayout> = self
            .rows
            .iter()
            .map(|row| LaneLayout {
                name: row.name.clone(),
                height: row.height,
                is_hidden: row.is_hidden,
            })
            .collect();
        let others = self.layout.lanes.iter();
        let others = others.filter(|it| self.rows.iter().all(|row| row.name != it.name));
        lanes.extend(others.cloned());
        lanes.truncate(MAX_LANES);
        let mut decoders: Vec<_> = self.decoders.all.iter().map(|it| it.setting.clone()).collect();
        let elsewhere = self.layout.decoders.iter().filter(|it| it.check(self).is_err());
        decoders.extend(elsewhere.take(100).cloned());
        Layout {
            theme: self.theme,
            lanes,
            folded: self.folded.clone(),
            times_of: self.times_of.clone(),
            decoders,
            trigger: self.trigger.clone(),
        }
    }

    /// Saves the layout if it changed.
    pub fn save_layout(&mut self) {
        let now = self.layout();
        if now == self.layout {
            return;
        }
        if let Err(error) = self.layout_store.save(&now) {
            self.say(error.to_string());
        }
        self.layout = now;
    }

    /// Moves the selected lane up or down among the lanes of its board.
    pub fn move_selected(&mut self, is_down: bool) {
        let Some(at) = self.selected else { return };
        let group = |row: &Row| (row.source, row.board.clone());
        let here = group(&self.rows[at]);
        let is_shown = |row: &usize| !self.rows[*row].is_hidden && group(&self.rows[*row]) == here;
        let other = if is_down {
            (at + 1..self.rows.len()).find(is_shown)
        } else {
            (0..at).rev().find(is_shown)
        };
        if let Some(other) = other {
            let row = self.rows.remove(at);
            self.rows.insert(other, row);
            self.selected = Some(other);
        }
    }

    /// Makes a lane taller or lower.
    pub fn resize(&mut self, row: usize, by: f32) {
        let height = &mut self.rows[row].height;
        *height = (*height + by).clamp(*HEIGHTS.start(), *HEIGHTS.end());
    }

    /// Shows or hides a lane.
    pub fn hide(&mut self, row: usize, is_hidden: bool) {
        self.rows[row].is_hidden = is_hidden;
        if is_hidden && self.selected == Some(row) {
            self.selected = None;
        }
    }

    /// Folds the lanes of a board away, or shows them again.
    pub fn fold(&mut self, board: &str) {
        match self.folded.iter().position(|it| it == board) {
            Some(at) => drop(self.folded.remove(at)),
            None => self.folded.push(board.to_owned()),
        }
    }

    /// Puts a bookmark at cursor A, at the pointer, or into the middle of the window.
    pub fn add_bookmark(&mut self) {
        let middle_ns = self.axis.from_ns + self.axis.span_ns / 2.0;
        let at_ns = self.cursors.a.or(self.pointer_ns).unwrap_or(middle_ns);
        let index = self.selected.map_or(0, |row| self.rows[row].source);
        let Some(source) = self.sources.get_mut(index) else {
            return;
        };
        if source.bookmarks.len() >= MAX_BOOKMARKS {
            self.say(format!(
                "A recording has at most {MAX_BOOKMARKS} bookmarks; remove one first."
            ));
            return;
        }
        let at_ns = (at_ns - source.offset_ns).max(0.0).round() as u64;
        let place = source.bookmarks.partition_point(|it| it.at_ns <= at_ns);
        let note = format!("Bookmark {}", source.bookmarks.len() + 1);
        source.bookmarks.insert(place, Bookmark { at_ns, note });
        self.save_bookmarks(index);
    }

    /// Writes the bookmarks of a recording.
    pub fn save_bookmarks(&mut self, source: usize) {
        let source = &self.sources[source];
        if let Err(error) = source.bookmark_store.save(&source.bookmarks) {
            self.say(error.to_string());
        }
    }

    /// Takes a bookmark away.
    pub fn remove_bookmark(&mut self, source: usize, index: usize) {
        self.sources[source].bookmarks.remove(index);
        self.save_bookmarks(source);
    }

    /// Shows the next bookmark behind the middle of the window, or the one before it.
    pub fn next_bookmark(&mut self, is_later: bool) {
        let middle_ns = self.axis.from_ns + self.axis.span_ns / 2.0;
        let near_ns = self.axis.span_ns * 1e-6;
        let all = self.sources.iter().flat_map(|source| {
            let offset_ns = source.offset_ns;
            source.bookmarks.iter().map(move |it| it.at_ns as f64 + offset_ns)
        });
        let found = match is_later {
            true => all.filter(|at_ns| *at_ns > middle_ns + near_ns).min_by(f64::total_cmp),
            false => all.filter(|at_ns| *at_ns < middle_ns - near_ns).max_by(f64::total_cmp),
        };
        match found {
            Some(at_ns) => {
                self.is_following = false;
                self.axis = self.axis.with_at(at_ns, 0.5);
            }
            None => self.say("There is no bookmark in that direction."),
        }
    }
}
