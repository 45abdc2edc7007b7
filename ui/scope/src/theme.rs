//! Colours and sizes: the tokens of Drydock's window, read from its own style sheet, so that both look the same.

use eframe::egui::{
    self, Color32, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Stroke, TextStyle, Visuals,
};
use std::sync::Arc;

const SHEET: &str = include_str!("../../src/lib/theme.css");
const INTER: &[u8] = include_bytes!("../../../app/workbench/fonts/Inter-Regular-latin.otf");
const MONO: &[u8] = include_bytes!("../fonts/JetBrainsMono-Regular-latin.ttf");

/// The colours of one theme, by the names of the style sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Theme {
    /// Behind everything.
    pub ground: Color32,
    /// Panels.
    pub surface: Color32,
    /// Buttons.
    pub raised: Color32,
    /// Under the pointer.
    pub hover: Color32,
    /// Between things.
    pub line: Color32,
    /// Around things.
    pub line_strong: Color32,
    /// Text.
    pub text: Color32,
    /// Text that matters less.
    pub text_2: Color32,
    /// Text that matters least.
    pub text_3: Color32,
    /// What is chosen.
    pub accent: Color32,
    /// The ground of what is chosen.
    pub accent_solid: Color32,
    /// A faint ground of what is chosen.
    pub accent_ground: Color32,
    /// On `accent_solid`.
    pub on_accent: Color32,
    /// What runs.
    pub running: Color32,
    /// What one should look at.
    pub warn: Color32,
    /// What is wrong.
    pub bad: Color32,
    /// Behind what is wrong.
    pub bad_ground: Color32,
    /// Lines of the time axis.
    pub grid: Color32,
    /// Where nothing is known.
    pub gap: Color32,
    /// Of lanes, in turn.
    pub plots: [Color32; 8],
    /// Whether it is the dark one.
    pub is_dark: bool,
}

impl Theme {
    /// The dark or the light theme.
    pub fn new(is_dark: bool) -> Self {
        let name = if is_dark { "dark" } else { "light" };
        let color = |token: &str| token_of(SHEET, name, token).unwrap_or(Color32::PLACEHOLDER);
        Self {
            ground: color("ground"),
            surface: color("surface"),
            raised: color("raised"),
            hover: color("hover"),
            line: color("line"),
            line_strong: color("line-strong"),
            text: color("text"),
            text_2: color("text-2"),
            text_3: color("text-3"),
            accent: color("accent"),
            accent_solid: color("accent-solid"),
            accent_ground: color("accent-ground"),
            on_accent: color("on-accent"),
            running: color("running"),
            warn: color("warn"),
            bad: color("bad"),
            bad_ground: color("bad-ground"),
            grid: color("grid"),
            gap: color("gap"),
            plots: std::array::from_fn(|index| color(&format!("plot-{}", index + 1))),
            is_dark,
        }
    }

    /// The colour of a lane, by its place in the window.
    pub fn plot(&self, index: usize) -> Color32 {
        self.plots[index % self.plots.len()]
    }

    /// What egui's own widgets look like.
    pub fn visuals(&self) -> Visuals {
        let mut visuals = if self.is_dark {
            Visuals::dark()
        } else {
            Visuals::light()
        };
        visuals.panel_fill = self.surface;
        visuals.window_fill = self.surface;
        visuals.window_stroke = Stroke::new(1.0, self.line_strong);
        visuals.window_corner_radius = CornerRadius::same(6);
        visuals.menu_corner_radius = CornerRadius::same(6);
        visuals.extreme_bg_color = self.ground;
        visuals.faint_bg_color = self.hover;
        visuals.hyperlink_color = self.accent;
        visuals.warn_fg_color = self.warn;
        visuals.error_fg_color = self.bad;
        visuals.selection.bg_fill = self.accent_solid;
        visuals.selection.stroke = Stroke::new(1.0, self.on_accent);
        visuals.weak_text_color = Some(self.text_2);
        let widgets = &mut visuals.widgets;
        for (look, fill, edge, ink) in [
            (&mut widgets.noninteractive, self.surface, self.line, self.text),
            (&mut widgets.inactive, self.raised, self.line_strong, self.text),
            (&mut widgets.hovered, self.hover, self.accent, self.text),
            (&mut widgets.active, self.accent_ground, self.accent, self.text),
            (&mut widgets.open, self.hover, self.line_strong, self.text),
        ] {
            look.bg_fill = fill;
            look.weak_bg_fill = fill;
            look.bg_stroke = Stroke::new(1.0, edge);
            look.fg_stroke = Stroke::new(1.0, ink);
            look.corner_radius = CornerRadius::same(4);
            look.expansion = 0.0;
        }
        visuals
    }
}

/// Fonts, sizes and both themes.
pub fn set_up(ctx: &egui::Context) {
    ctx.set_fonts(fonts());
    ctx.all_styles_mut(|style| {
        style.text_styles = [
            (TextStyle::Heading, FontId::proportional(15.0)),
            (TextStyle::Body, FontId::proportional(13.0)),
            (TextStyle::Button, FontId::proportional(13.0)),
            (TextStyle::Small, FontId::proportional(11.5)),
            (TextStyle::Monospace, FontId::monospace(12.0)),
        ]
        .into();
        style.spacing.button_padding = egui::vec2(8.0, 3.0);
        style.spacing.item_spacing = egui::vec2(8.0, 5.0);
    });
    ctx.set_visuals_of(egui::Theme::Dark, Theme::new(true).visuals());
    ctx.set_visuals_of(egui::Theme::Light, Theme::new(false).visuals());
}

fn fonts() -> FontDefinitions {
    let mut fonts = FontDefinitions::empty();
    for (name, bytes) in [("Inter", INTER), ("JetBrains Mono", MONO)] {
        fonts
            .font_data
            .insert(name.into(), Arc::new(FontData::from_static(bytes)));
    }
    // Each has signs that the other lacks.
    fonts
        .families
        .insert(FontFamily::Proportional, vec!["Inter".into(), "JetBrains Mono".into()]);
    fonts
        .families
        .insert(FontFamily::Monospace, vec!["JetBrains Mono".into(), "Inter".into()]);
    fonts
}

/// A colour of a theme in the style sheet: `--token: #rrggbb;` in the block of `data-theme='THEME'`.
fn token_of(sheet: &str, theme: &str, token: &str) -> Option<Color32> {
    let block = sheet.split_once(&format!("data-theme='{theme}']"))?.1;
    let block = block.split_once('{')?.1.split_once('}')?.0;
    let value = block.lines().find_map(|line| {
        let (name, value) = line.trim().split_once(':')?;
        (name.strip_prefix("--")? == token).then(|| value.trim().trim_end_matches(';'))
    })?;
    let digits = value.strip_prefix('#').filter(|digits| digits.len() == 6)?;
    let number = u32::from_str_radix(digits, 16).ok()?;
    let [_, red, green, blue] = number.to_be_bytes();
    Some(Color32::from_rgb(red, green, blue))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_colour_is_in_the_windows_style_sheet() {
        for is_dark in [true, false] {
            let theme = Theme::new(is_dark);
            let named = format!("{theme:?}");
            let none = format!("{:?}", Color32::PLACEHOLDER);
            assert!(!named.contains(&none), "a token is missing: {named}");
        }
    }

    #[test]
    fn themes_are_told_apart() {
        let sheet = ":root[data-theme='dark'] {\n  --a: #010203;\n}\n:root[data-theme='light'] {\n  --a: #040506;\n}";
        assert_eq!(token_of(sheet, "dark", "a"), Some(Color32::from_rgb(1, 2, 3)));
        assert_eq!(token_of(sheet, "light", "a"), Some(Color32::from_rgb(4, 5, 6)));
        assert_eq!(token_of(sheet, "light", "b"), None);
    }
}
