//! Pins of apps before any board has reported: previews, kinds and deployments say the same of them.

use super::{test_fleet::fleet, *};
use crate::api::{AppDeploy, AppPreview, AppPreviewRequest, AppSource, Empty};
use base64::{Engine as _, prelude::BASE64_STANDARD};

/// A module whose section asks for one pin.
fn asks_for(pin: &str) -> AppSource {
    let capability = format!("gpio:{pin}");
    let head = 0x60 + capability.len();
    let section = format!(r#"\a1\6ccapabilities\81\{head:02x}{capability}"#);
    let module = format!(r#"(module (@custom "drydock" "{section}") (func (export "init")))"#);
    AppSource::Bytes {
        name: "wired.wat".into(),
        base64: BASE64_STANDARD.encode(module),
    }
}

async fn preview(workbench: &Workbench, source: AppSource) -> AppPreview {
    let request = AppPreviewRequest {
        source,
        boards: vec!["bench-1".into(), "bench-2".into()],
        version: None,
    };
    match workbench.call(Request::AppPreview(request)).await.unwrap() {
        Response::AppPreview(preview) => preview,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pins_are_known_before_a_board_has_reported() {
    let Some((workbench, _)) = fleet(&["nano33ble", "stm32f4-discovery"]).await else {
        return;
    };

    // The kinds say what a Grant button can do.
    let Response::BoardKinds(kinds) = workbench.call(Request::BoardKinds(Empty {})).await.unwrap() else {
        panic!("other answer");
    };
    for kind in kinds {
        let pins = kind.app_pins.unwrap();
        assert_eq!(pins.is_empty(), !kind.takes_apps, "{}: {pins:?}", kind.id);
    }

    // An app that names nothing gets the LEDs of each board.
    let counter = preview(&workbench, AppSource::Sample("counter".into())).await;
    let granted = counter.boards.iter().map(|board| board.granted.last().unwrap());
    assert_eq!(granted.collect::<Vec<_>>(), ["gpio:6,13,16,24,41", "gpio:12,13,14,15"]);

    // One that names a pin is refused where the board does not offer it, and told what it offers.
    let refused = async |pin: &str| {
        let preview = preview(&workbench, asks_for(pin)).await;
        let refused = preview.boards.into_iter().map(|board| board.refused);
        refused.collect::<Vec<_>>()
    };
    assert_eq!(refused("13").await, [None, None]);
    let nano = |pin: &str| {
        format!(
            "wired asks for pin {pin}, which bench-1 does not give to apps: choose one of 2, 3, 4, 5, 6, 13, 16, 21, 23, 24, \
             27, 28, 29, 30, 31, 33, 34, 40, 41, 43, 44, 45, 46 and 47."
        )
    };
    let discovery = |pin: &str| {
        format!(
            "wired asks for pin {pin}, which bench-2 does not give to apps: choose one of 1, 8, 12, 13, 14, 15, 33, 34, 36, \
             37, 39, 40, 43, 44, 45, 46 and 47."
        )
    };
    assert_eq!(refused("12").await, [Some(nano("12")), None]);
    assert_eq!(refused("7").await, [Some(nano("7")), Some(discovery("7"))]);

    // A grant meets the same rule.
    let deploy = AppDeploy {
        source: AppSource::Sample("counter".into()),
        boards: vec!["bench-2".into()],
        name: Some("wired".into()),
        version: None,
        grant: vec!["gpio:7".into()],
        no_start: false,
    };
    let error = workbench.call(Request::AppDeploy(deploy)).await.unwrap_err();
    assert_eq!(error.message, discovery("7"));
    workbench.shutdown().await;
}
