//! Enrollment: tokens, keys and chip ids that are accepted or refused.

use crate::{
    device::{TestDevice, enroll},
    scene::{Scene, events, minute, until},
};
use drydock_gateway::{DeviceState, EventKind, Gateway, Pairing, PairingError, PairingMode};
use drydock_protocol::{device_to_gateway::EnrollRequest, gateway_to_device::EnrollRefusalCode};
use rcgen::{KeyPair, PKCS_ECDSA_P384_SHA384};

async fn check_refused(gateway: &Gateway, pairing: &Pairing, request: &EnrollRequest, code: EnrollRefusalCode) {
    let before = gateway.snapshot();
    let refused = enroll(gateway, pairing, request).await.unwrap_err();
    assert_eq!(refused.code, code, "{}", refused.detail);
    let told = events(gateway, before.revision).await;
    let is_refusal =
        |kind: &EventKind| matches!(kind, EventKind::EnrollmentRefused { reason, .. } if *reason == refused.detail);
    assert!(told.iter().any(is_refusal), "{told:?}");
    let audit = gateway.audit(1, 1_000).await.unwrap();
    let last = audit.last().unwrap();
    assert_eq!(last.action, "enrollment.refused");
    assert!(last.detail.contains(&refused.detail));
    let enrolled = |state| state == DeviceState::Enrolled;
    assert_eq!(
        gateway.devices().iter().filter(|device| enrolled(device.state)).count(),
        before.devices.iter().filter(|device| enrolled(device.state)).count()
    );
}

#[tokio::test]
async fn tokens_are_known_fresh_and_used_once() {
    let scene = Scene::new().await;
    let gateway = &scene.gateway;
    let mut device = TestDevice::new(1);
    let pairing = gateway.create_pairing(minute(), None, None).await.unwrap();

    let mut unknown = device.enroll_request(&pairing);
    unknown.token = vec![0; 16];
    check_refused(gateway, &pairing, &unknown, EnrollRefusalCode::BadToken).await;

    device.enroll(gateway, &pairing).await.unwrap();
    // The same key asks again: its first answer may have been lost on the cable.
    let again = device.enroll(gateway, &pairing).await.unwrap();
    assert_eq!(again.device_id, pairing.device.0);
    let thief = TestDevice {
        key: KeyPair::generate().unwrap(),
        ..TestDevice::new(1)
    };
    check_refused(
        gateway,
        &pairing,
        &thief.enroll_request(&pairing),
        EnrollRefusalCode::BadToken,
    )
    .await;

    let late = gateway.create_pairing(minute(), None, None).await.unwrap();
    scene.clock.advance(60_001);
    let request = TestDevice::new(2).enroll_request(&late);
    let refused = enroll(gateway, &late, &request).await.unwrap_err();
    // The token is either dropped by now or known as expired: no identity in both cases.
    assert!(matches!(
        refused.code,
        EnrollRefusalCode::TokenExpired | EnrollRefusalCode::BadToken
    ));
    until(gateway, || gateway.device(&late.device).is_none()).await;
}

/// A machine that the caller created enrolls while pairing is off: no other party has its cable.
#[tokio::test]
async fn an_own_machine_enrolls_while_pairing_is_off() {
    let scene = Scene::new().await;
    let gateway = &scene.gateway;
    gateway.set_pairing(PairingMode::Off).await.unwrap();
    let place = gateway.create_own_pairing(minute(), "bench-1".into()).await.unwrap();
    let pairing = gateway.create_own_pairing_for(&place.device, minute()).await.unwrap();
    assert!(matches!(
        gateway.create_pairing_for(&place.device, minute()).await,
        Err(PairingError::Off)
    ));
    let stranger = gateway.create_own_pairing_for(&place.device, minute()).await.unwrap();
    let mut device = TestDevice::new(1);
    check_refused(
        gateway,
        &stranger,
        &device.enroll_request(&pairing),
        EnrollRefusalCode::PairingOff,
    )
    .await;
    let enrolled = device.enroll(gateway, &stranger).await.unwrap();
    assert_eq!(enrolled.device_id, place.device.0);
}

#[tokio::test]
async fn nobody_enrolls_while_pairing_is_off() {
    let scene = Scene::new().await;
    let gateway = &scene.gateway;
    let pairing = gateway.create_pairing(minute(), None, None).await.unwrap();
    gateway.set_pairing(PairingMode::Off).await.unwrap();
    let mut device = TestDevice::new(1);
    check_refused(
        gateway,
        &pairing,
        &device.enroll_request(&pairing),
        EnrollRefusalCode::PairingOff,
    )
    .await;
    let refused = gateway.create_pairing(minute(), None, None).await;
    assert!(matches!(refused, Err(PairingError::Off)));
    gateway.set_pairing(PairingMode::On).await.unwrap();
    device.enroll(gateway, &pairing).await.unwrap();
}

#[tokio::test]
async fn a_token_for_one_chip_serves_no_other() {
    let scene = Scene::new().await;
    let gateway = &scene.gateway;
    let pairing = gateway.create_pairing(minute(), Some(vec![1; 8]), None).await.unwrap();
    let request = TestDevice::new(2).enroll_request(&pairing);
    check_refused(gateway, &pairing, &request, EnrollRefusalCode::BadToken).await;
    TestDevice::new(1).enroll(gateway, &pairing).await.unwrap();
}

#[tokio::test]
async fn a_chip_belongs_to_one_key_until_it_is_released() {
    let scene = Scene::new().await;
    let gateway = &scene.gateway;
    let (_, first) = scene.enrolled("first", 1).await;
    let pairing = gateway
        .create_pairing(minute(), None, Some("second".into()))
        .await
        .unwrap();
    let mut other_key = TestDevice::new(1);
    check_refused(
        gateway,
        &pairing,
        &other_key.enroll_request(&pairing),
        EnrollRefusalCode::ChipIdBound,
    )
    .await;
    let bound = gateway.create_pairing(minute(), Some(vec![1; 8]), None).await;
    assert!(matches!(bound, Err(PairingError::ChipIdBound { name, .. }) if name == "first"));

    gateway.release_chip_id(&first).await.unwrap();
    other_key.enroll(gateway, &pairing).await.unwrap();
    assert_eq!(scene.view(&first).chip_id, "");
    let audit = gateway.audit(1, 1_000).await.unwrap();
    assert!(
        audit
            .iter()
            .any(|entry| entry.action == "device.chip_released" && entry.subject == first.0)
    );
}

#[tokio::test]
async fn a_request_proves_its_key_and_names_its_chip() {
    use EnrollRefusalCode::BadRequest;
    let scene = Scene::new().await;
    let gateway = &scene.gateway;
    let pairing = gateway.create_pairing(minute(), None, None).await.unwrap();
    let device = TestDevice::new(1);
    let good = device.enroll_request(&pairing);

    let mut unsigned = good.clone();
    *unsigned.csr.last_mut().unwrap() ^= 1;
    check_refused(gateway, &pairing, &unsigned, BadRequest).await;
    let other_chip = EnrollRequest {
        chip_id: vec![2; 8],
        ..good.clone()
    };
    check_refused(gateway, &pairing, &other_chip, BadRequest).await;
    let p384 = TestDevice {
        key: KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap(),
        ..TestDevice::new(1)
    };
    check_refused(gateway, &pairing, &p384.enroll_request(&pairing), BadRequest).await;
    let trailing = EnrollRequest {
        csr: [good.csr.as_slice(), &[0]].concat(),
        ..good.clone()
    };
    check_refused(gateway, &pairing, &trailing, BadRequest).await;
    let control = EnrollRequest {
        board: "nano\n33".into(),
        ..good.clone()
    };
    check_refused(gateway, &pairing, &control, BadRequest).await;
    enroll(gateway, &pairing, &good).await.unwrap();
}

#[tokio::test]
async fn a_known_device_gets_a_new_certificate_and_the_old_one_dies() {
    let scene = Scene::new().await;
    let gateway = &scene.gateway;
    let (running, id) = scene.connected("bench-1", 1).await;
    let serial = scene.view(&id).certificate_serial;
    let pairing = gateway.create_pairing_for(&id, minute()).await.unwrap();
    let mut wiped = TestDevice::new(1);
    wiped.enroll(gateway, &pairing).await.unwrap();
    assert_ne!(scene.view(&id).certificate_serial, serial);
    assert_eq!(scene.view(&id).name, "bench-1");
    let (old, _) = running.ended().await;
    let refused = old.open(gateway, drydock_gateway::PeerLabel::new("cable")).await;
    if let Ok(mut tls) = refused {
        let read = tokio::io::AsyncReadExt::read(&mut tls, &mut [0]).await;
        assert!(read.is_err(), "the old certificate is accepted");
    }
    let running = wiped.run(gateway, drydock_gateway::PeerLabel::new("cable")).await;
    scene.until_state(&id, DeviceState::Connected).await;
    drop(running);
}

#[tokio::test]
async fn names_are_unique_and_sensible() {
    let scene = Scene::new().await;
    let gateway = &scene.gateway;
    let (_, first) = scene.enrolled("bench-1", 1).await;
    for name in ["bench-1", "", "a\u{7}b"] {
        let refused = gateway.create_pairing(minute(), None, Some(name.into())).await;
        assert!(matches!(refused, Err(PairingError::Name { .. })), "{name:?}");
    }
    gateway.rename_device(&first, "bench-1").await.unwrap();
    gateway.retire_device(&first).await.unwrap();
    assert_eq!(scene.view(&first).state, DeviceState::Retired);
    // Name and chip are free again.
    scene.enrolled("bench-1", 1).await;
}
