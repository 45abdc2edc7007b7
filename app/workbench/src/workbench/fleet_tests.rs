//! An app and a fleet of several kinds of boards: deploying does what the preview says.

use super::{test_fleet::fleet, *};
use crate::api::{AppDeploy, AppPreview, AppPreviewRequest, AppSource, Deployment, ErrorCode, VersionPlan};

fn blink() -> AppSource {
    AppSource::Sample("blink".into())
}

async fn preview(workbench: &Workbench, boards: &[String], version: Option<&str>) -> AppPreview {
    preview_of(workbench, blink(), boards, version).await
}

async fn preview_of(workbench: &Workbench, source: AppSource, boards: &[String], version: Option<&str>) -> AppPreview {
    let request = AppPreviewRequest {
        source,
        boards: boards.to_vec(),
        version: version.map(Into::into),
    };
    match workbench.call(Request::AppPreview(request)).await.unwrap() {
        Response::AppPreview(preview) => preview,
        other => panic!("{other:?}"),
    }
}

async fn deploy(workbench: &Workbench, boards: &[String], version: Option<&str>) -> Result<Deployment, ApiError> {
    let request = AppDeploy {
        source: blink(),
        boards: boards.to_vec(),
        name: None,
        version: version.map(Into::into),
        grant: Vec::new(),
        no_start: false,
    };
    match workbench.call(Request::AppDeploy(request)).await? {
        Response::AppDeploy(deployment) => Ok(deployment),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mixed_fleet_gets_what_the_preview_says() {
    let Some((workbench, boards)) = fleet(&["nano33ble", "hifive1-revb", "stm32f4-discovery"]).await else {
        return;
    };
    let previewed = preview(&workbench, &boards, None).await;
    let verdicts: Vec<bool> = previewed.boards.iter().map(|board| board.refused.is_none()).collect();
    assert_eq!(verdicts, [true, false, true], "{previewed:?}");
    // `blink` names its capabilities, so each board grants the same; `counter` names none and gets each board's LEDs.
    assert_eq!(previewed.boards[0].granted, previewed.boards[2].granted);
    let unnamed = preview_of(&workbench, AppSource::Sample("counter".into()), &boards, None).await;
    assert_ne!(unnamed.boards[0].granted, unnamed.boards[2].granted);
    assert!(previewed.needs_consent.is_empty(), "{previewed:?}");

    let done = deploy(&workbench, &boards, None).await.unwrap();
    assert_eq!(done.boards, [boards[0].clone(), boards[2].clone()]);
    assert_eq!(done.version, previewed.version);
    let refused: Vec<_> = done
        .refused
        .iter()
        .map(|verdict| (&verdict.board, &verdict.refused))
        .collect();
    assert_eq!(refused, [(&boards[1], &previewed.boards[1].refused)]);

    let only = deploy(&workbench, &boards[1..2], None).await.unwrap_err();
    assert_eq!(only.code, ErrorCode::Refused);
    assert!(only.message.contains("16 KiB of RAM"), "{only:?}");
    workbench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_never_locked_by_a_later_version() {
    let Some((workbench, boards)) = fleet(&["nano33ble"]).await else {
        return;
    };
    let own = preview(&workbench, &boards, None).await;
    assert_eq!(own.plan, VersionPlan::New);
    deploy(&workbench, &boards, Some("9.0.0")).await.unwrap();

    let older = preview(&workbench, &boards, None).await;
    let (latest, next) = ("9.0.0".to_owned(), "9.0.1".to_owned());
    assert_eq!(older.version, own.version);
    let plan = VersionPlan::Older {
        latest: latest.clone(),
        next: next.clone(),
    };
    assert_eq!(older.plan, plan);
    let refused = deploy(&workbench, &boards, None).await.unwrap_err();
    assert!(
        refused.message.contains("9.0.0") && refused.message.contains("9.0.1"),
        "{refused:?}"
    );

    // The offered version is accepted, and rolling back to the old one works.
    assert_eq!(preview(&workbench, &boards, Some(&next)).await.plan, VersionPlan::New);
    assert_eq!(deploy(&workbench, &boards, Some(&next)).await.unwrap().version, next);
    let back = preview(&workbench, &boards, Some(&latest)).await;
    assert!(
        matches!(&back.plan, VersionPlan::Rollback { latest, .. } if *latest == next),
        "{back:?}"
    );
    assert_eq!(
        deploy(&workbench, &boards, Some(&latest)).await.unwrap().version,
        latest
    );
    workbench.shutdown().await;
}
