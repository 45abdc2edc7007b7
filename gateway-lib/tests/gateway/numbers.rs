//! Numbers that a device's apps publish, over a session.

use crate::scene::{Scene, until};
use drydock_protocol::{
    app_samples::{RUN, write_name, write_values},
    device_to_gateway::{AppMetrics, AppSamples, AppValue},
    envelope::Kind,
};

fn records(app: &str, values: &[f32]) -> Vec<u8> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let mut records = Vec::new();
    write_name(&mut records, 0, app, "sine");
    write_values(&mut records, RUN, 10_000, values.len() as u8, 100, &bytes);
    records
}

fn message(sequence: u32, records: &[u8]) -> AppSamples<'_> {
    AppSamples {
        sequence,
        begin_us: 1_000_000 * u64::from(sequence),
        age_us: 100_000,
        records,
    }
}

#[tokio::test]
async fn numbers_are_kept_and_followed_and_are_those_of_their_device() {
    let scene = Scene::new().await;
    let (board, id) = scene.connected("bench-1", 1).await;
    let (_other, other_id) = scene.connected("bench-2", 2).await;
    let mut live = scene.gateway.follow_app_samples(&id);
    let values = records("wave", &[0.5, -0.5]);
    board.say(Kind::AppSamples, &message(1, &values)).await;
    board.say(Kind::AppSamples, &message(3, &values)).await;
    for gap_before in [false, true] {
        let Some(drydock_gateway::StreamItem::Item(batch)) = live.next().await else {
            panic!("a batch is missing");
        };
        assert_eq!((batch.app.as_str(), batch.name.as_str()), ("wave", "sine"));
        assert_eq!(batch.samples[1].at_us - batch.samples[0].at_us, 100);
        assert_eq!(batch.gap_before, gap_before, "the second message was lost");
    }
    let page = scene.gateway.app_samples(&id, 1);
    assert_eq!((page.items.len(), page.next), (1, 2));
    assert!(scene.gateway.app_samples(&other_id, 0).items.is_empty());
}

#[tokio::test]
async fn records_without_a_form_end_the_session_with_a_reason() {
    let scene = Scene::new().await;
    let (board, id) = scene.connected("liar", 1).await;
    board.say(Kind::AppSamples, &message(1, &[0, 1, 2])).await;
    until(&scene.gateway, || scene.view(&id).session_id.is_none()).await;
    assert!(scene.gateway.app_samples(&id, 0).items.is_empty());
}

/// A gateway of another version may not know what a device says: this is how one of an earlier version takes numbers.
#[tokio::test]
async fn a_message_of_an_unknown_kind_is_passed_over() {
    let scene = Scene::new().await;
    let (board, id) = scene.connected("newer", 1).await;
    let mut unknown =
        drydock_protocol::envelope::encode(Kind::AppSamples, 0, &message(1, &records("wave", &[1.0]))).unwrap();
    // [version, id, kind, …]: each is one byte long here.
    assert_eq!(unknown[3], Kind::AppSamples as u8);
    unknown[3] = 0x17;
    board.say_bytes(unknown).await;
    board.metrics(1).await;
    until(&scene.gateway, || scene.gateway.latest_metrics(&id).is_some()).await;
    assert!(scene.gateway.app_samples(&id, 0).items.is_empty());
}

#[tokio::test]
async fn a_device_that_floods_is_refused_and_counted_and_costs_no_other_one() {
    let scene = Scene::new().await;
    let (flood, flood_id) = scene.connected("flood", 1).await;
    let (calm, calm_id) = scene.connected("calm", 2).await;
    let values = records("wave", &[1.0; 200]);
    for sequence in 1..=1_500 {
        flood.say(Kind::AppSamples, &message(sequence, &values)).await;
    }
    for sequence in 1..=40 {
        calm.say(Kind::AppSamples, &message(sequence, &values[..])).await;
    }
    // What is no number is left out of the latest values as well.
    let mut metrics = crate::device::metrics(1);
    metrics.apps.push(AppMetrics {
        app: "wave".into(),
        fuel: 0,
        memory_bytes: 0,
        heap_bytes: 0,
        host_calls: 0,
        traps: 0,
        callback_max_us: 0,
        values: [f64::NAN, 1.0, f64::INFINITY]
            .map(|value| AppValue {
                name: "sine".into(),
                value,
            })
            .to_vec(),
        values_dropped: Some(3),
    });
    flood.say(Kind::Metrics, &metrics).await;
    calm.metrics(1).await;
    let latest = |id| scene.gateway.latest_metrics(id);
    until(&scene.gateway, || {
        latest(&flood_id).is_some() && latest(&calm_id).is_some()
    })
    .await;
    let flooded = latest(&flood_id).unwrap();
    assert!(
        flooded.values_refused > 100_000,
        "{} of 300,000",
        flooded.values_refused
    );
    assert_eq!(flooded.metrics.apps[0].values.len(), 1);
    let kept = |id| -> usize {
        let items = scene.gateway.app_samples(id, 0).items;
        items.iter().map(|batch| batch.samples.len()).sum()
    };
    assert!(kept(&flood_id) <= 65_536);
    assert_eq!((kept(&calm_id), latest(&calm_id).unwrap().values_refused), (8_000, 0));
}
