//! Packets on their way: one that is sent, the search for one that can be received, and its reception.

use super::*;
use crate::machine::{NOTICE, times};

/// By how much a frame must be stronger than another one to be understood all the same, in dB.
const CAPTURE: i8 = 8;
/// Bytes of a device address.
const DEVICE_ADDRESS: usize = 6;

/// A packet that is sent or received.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Passage {
    /// As it is on the air.
    frame: AirFrame,
    /// Whose frame it is; `None` for one that is sent.
    id: Option<FrameId>,
    packet: packet::Packet,
    packetptr: u32,
    /// From the antenna to events.
    delay: VirtualTime,
    /// What is still to come of it.
    events: Vec<EventId>,
}

impl Passage {
    pub(super) fn cancel(&mut self, bus: &mut Bus<'_>) {
        for event in self.events.drain(..) {
            bus.cancel(&mut Some(event));
        }
    }

    /// Whether taking it off the air now harms a frame that is sent. What is missing for less than [`NOTICE`] does not.
    pub(super) fn is_cut_at(&self, now: VirtualTime) -> bool {
        self.id.is_none() && now + NOTICE <= self.frame.end()
    }

    /// When a bit of the body has its effect.
    fn bit_event(&self, bit: u16) -> VirtualTime {
        self.frame.body_begin() + times(self.frame.modulation.bit(), u64::from(bit)) + self.delay
    }

    /// Schedules its events behind the address.
    fn schedule(&mut self, bus: &mut Bus<'_>, device: Option<u16>, header: bool) {
        let packet = &self.packet;
        let mut due = vec![
            (WAKE_PAYLOAD, self.bit_event(packet.payload_end())),
            (WAKE_END, self.bit_event(packet.end())),
        ];
        match self.frame.modulation {
            Modulation::Ieee802154 => due.push((WAKE_FRAMESTART, self.bit_event(8))),
            modulation if modulation.is_coded() => {
                due.push((WAKE_FRAMESTART, self.bit_event(0)));
                if modulation == Modulation::BleCoded500K && self.id.is_some() {
                    due.push((WAKE_RATEBOOST, self.bit_event(0)));
                }
            }
            _ => {}
        }
        if let Some(bits) = device {
            due.push((WAKE_DEVMATCH, self.bit_event(bits)));
        }
        if header {
            due.push((WAKE_MHRMATCH, self.bit_event(packet.header_bits + 32)));
        }
        // Of one instant the earlier in a packet comes first.
        due.sort_by_key(|(what, at)| (*at, *what));
        for (what, at) in due {
            self.events.push(bus.schedule(ID, what, at));
        }
    }
}

impl Radio {
    /// START in TXIDLE.
    pub(super) fn send(&mut self, bus: &mut Bus<'_>) {
        let format = self.format();
        let packetptr = self.settings.packetptr;
        let mut header = vec![0; format.header_bytes()];
        let mut payload = Vec::new();
        // What DMA cannot read is a fault in the log; zeros go out.
        if header.is_empty() || bus.fabric.dma_read(packetptr, &mut header).is_ok() {
            payload = vec![0; format.payload_bytes(&header).0];
            if !payload.is_empty() {
                let from = packetptr.wrapping_add(header.len() as u32);
                // As above.
                let _ = bus.fabric.dma_read(from, &mut payload);
            }
        }
        let sync = match self.modulation {
            Modulation::Ieee802154 => vec![self.settings.sfd as u8],
            _ => self.address(self.settings.txaddress),
        };
        let (body, body_bits) = format.encode(&header, &payload, &sync);
        let frame = AirFrame {
            begin: bus.now() + tx_delay(self.modulation),
            modulation: self.modulation,
            mhz: self.mhz,
            dbm: self.settings.txpower as u8 as i8,
            preamble_bits: format.preamble_bits(),
            sync,
            body,
            body_bits,
            damaged_from: None,
        };
        if bus.lines.hfxo {
            bus.fabric.air_event(AirEvent::Frame(frame.clone()));
        }
        let header_bits = format.header_bits() as u16;
        let crc_bits = body_bits - header_bits - 8 * payload.len() as u16;
        let mut passage = Passage {
            frame,
            id: None,
            packet: packet::Packet {
                header,
                payload,
                header_bits,
                crc_bits,
                ..packet::Packet::default()
            },
            packetptr,
            delay: VirtualTime::ZERO,
            events: Vec::new(),
        };
        let address = passage.frame.sync_end();
        passage.events.push(bus.schedule(ID, WAKE_ADDRESS, address));
        passage.schedule(bus, None, false);
        self.state = State::Tx;
        self.activity = Activity::Passing(Box::new(passage));
    }

    /// A logical address (PS 6.20.2) in the order of the air.
    fn address(&self, logical: u32) -> Vec<u8> {
        let base = self.settings.base[usize::from(logical != 0)].to_le_bytes();
        let prefix = self.settings.prefix[usize::from(logical >= 4)].to_le_bytes();
        let mut address = base[4 - self.format().balen()..].to_vec();
        address.push(prefix[logical as usize % 4]);
        address
    }

    /// The logical address that a frame is for, if it is for this receiver.
    fn matched(&self, frame: &AirFrame) -> Option<u32> {
        if self.modulation == Modulation::Ieee802154 {
            return (frame.sync == [self.settings.sfd as u8]).then_some(0);
        }
        let mut enabled = (0..8).filter(|logical| self.settings.rxaddresses >> logical & 1 != 0);
        enabled.find(|logical| self.address(*logical) == frame.sync)
    }

    /// When another frame begins to disturb this one, if it does. An overlap that is shorter than [`NOTICE`] does no harm.
    fn disturbed(&self, id: FrameId, frame: &AirFrame, end: VirtualTime) -> Option<VirtualTime> {
        let others = self.air.iter().filter(|other| {
            other.id != id
                && other.frame.overlaps(frame.modulation, frame.mhz)
                && other.frame.dbm.saturating_add(CAPTURE) > frame.dbm
                && other.frame.begin + NOTICE <= end
                && frame.begin + NOTICE <= other.end()
        });
        others.map(|other| other.frame.begin.max(frame.begin)).min()
    }

    /// When the address of a frame on the air has been received, if a receiver that listens since then can recognise it.
    fn recognised_at(&self, heard: &OnAir, since: VirtualTime) -> Option<VirtualTime> {
        let frame = &heard.frame;
        let half_preamble = VirtualTime::from_ps(frame.preamble().as_ps() / 2);
        let address = frame.sync_end();
        let can = self.modulation.reads(frame.modulation)
            && frame.mhz == self.mhz
            && frame.dbm >= sensitivity(self.modulation)
            && since <= frame.begin + half_preamble
            && heard.cut.is_none_or(|cut| cut >= address)
            && self.matched(frame).is_some();
        can.then(|| address + rx_delay(frame.modulation))
    }

    /// Looks for the next frame that can be received.
    pub(super) fn look(&mut self, bus: &mut Bus<'_>) {
        bus.cancel(&mut self.sync);
        let Activity::Listening(since) = self.activity else {
            return;
        };
        if !bus.lines.hfxo {
            return;
        }
        let now = bus.now();
        let candidates = self.air.iter().filter_map(|heard| self.recognised_at(heard, since));
        let next = candidates.filter(|at| *at > now).min();
        self.sync = next.map(|at| bus.schedule(ID, WAKE_SYNCHRONISED, at));
    }

    /// The address of a frame has been received, unless another one disturbs it.
    pub(super) fn synchronised(&mut self, bus: &mut Bus<'_>) {
        self.sync = None;
        let Activity::Listening(since) = self.activity else {
            return;
        };
        let now = bus.now();
        let found = self.air.iter().find(|heard| {
            let address = heard.frame.sync_end();
            // An event is late by an instruction at most.
            self.recognised_at(heard, since)
                .is_some_and(|at| at <= now && now < at + NOTICE)
                && self.disturbed(heard.id, &heard.frame, address).is_none()
        });
        let Some(OnAir { id, frame, cut }) = found.cloned() else {
            return self.look(bus);
        };
        let format = self.format();
        let mut frame = frame;
        frame.damaged_from = cut.map(|cut| frame.bit_at(cut));
        let packet = format.decode(&frame);
        let ieee = self.modulation == Modulation::Ieee802154;
        self.results.rxmatch = self.matched(&frame).unwrap_or(0);
        let header_bits = packet.header_bits;
        let has_address = packet.payload.len() >= DEVICE_ADDRESS && self.settings.dacnf & 0xff != 0;
        let device = has_address.then_some(header_bits + 8 * DEVICE_ADDRESS as u16);
        let has_header = ieee && packet.payload.len() >= 4 && self.settings.mhrmatchmas != 0;
        let mut passage = Passage {
            packetptr: self.settings.packetptr,
            delay: rx_delay(frame.modulation),
            id: Some(id),
            frame,
            packet,
            events: Vec::new(),
        };
        passage.schedule(bus, device, has_header);
        self.activity = Activity::Passing(Box::new(passage));
        self.address_passed(bus);
    }

    fn address_passed(&mut self, bus: &mut Bus<'_>) {
        self.events.raise(bus, ADDRESS);
        if self.has_short(SHORT_ADDRESS_RSSISTART) {
            self.start_rssi(bus);
        }
        if self.has_short(SHORT_ADDRESS_BCSTART) {
            self.start_bits(bus);
        }
    }

    /// An instant of the packet that passes.
    pub(super) fn passed(&mut self, bus: &mut Bus<'_>, what: u16) {
        match what {
            WAKE_ADDRESS => self.address_passed(bus),
            WAKE_FRAMESTART => {
                self.events.raise(bus, FRAMESTART);
                if self.has_short(SHORT_FRAMESTART_BCSTART) {
                    self.start_bits(bus);
                }
            }
            WAKE_RATEBOOST => self.events.raise(bus, RATEBOOST),
            WAKE_DEVMATCH => self.device_passed(bus),
            WAKE_MHRMATCH => self.header_passed(bus),
            WAKE_PAYLOAD => {
                self.write_packet(bus, u16::MAX);
                self.events.raise(bus, PAYLOAD);
            }
            WAKE_END => self.ended(bus),
            _ => {}
        }
    }

    /// What is damaged of the packet that comes in, as far as it is known now.
    fn note_damage(&mut self) {
        let Activity::Passing(passage) = &self.activity else {
            return;
        };
        let Some(id) = passage.id else { return };
        let frame = &passage.frame;
        let disturbed = self.disturbed(id, frame, frame.end());
        let cut = self.air.iter().find(|heard| heard.id == id).and_then(|heard| heard.cut);
        let Some(at) = disturbed.into_iter().chain(cut).min() else {
            return;
        };
        let from = frame.bit_at(at);
        let Activity::Passing(passage) = &mut self.activity else {
            return;
        };
        let packet = &mut passage.packet;
        if passage.frame.damaged_from.is_some_and(|known| known <= from) || from >= packet.end() {
            return;
        }
        // The length was received before: only what follows changes.
        passage.frame.damaged_from = Some(from);
        let whole = usize::from(from.saturating_sub(packet.header_bits)) / 8;
        for byte in packet.payload.iter_mut().skip(whole) {
            *byte ^= 0x5a;
        }
        packet.crc ^= 0x5a & ((1 << packet.crc_bits) - 1);
        packet.crc_is_right &= packet.crc_bits == 0;
    }

    /// Writes what has been received of the packet to memory: `bits` of it after the address.
    fn write_packet(&mut self, bus: &mut Bus<'_>, bits: u16) {
        self.note_damage();
        let level = self.lqi();
        let Activity::Passing(passage) = &self.activity else {
            return;
        };
        if passage.id.is_none() {
            return;
        }
        let packet = &passage.packet;
        let is_whole = bits >= packet.payload_end();
        let received = match is_whole {
            true => packet.payload.len(),
            false => usize::from(bits.saturating_sub(packet.header_bits)) / 8,
        };
        let mut bytes = packet.header.clone();
        bytes.extend(packet.payload.iter().take(received));
        if is_whole && passage.frame.modulation == Modulation::Ieee802154 {
            bytes.push(level);
        }
        if !bytes.is_empty() {
            // What DMA cannot write is a fault in the log.
            let _ = bus.fabric.dma_write(passage.packetptr, &bytes);
        }
    }

    /// The link quality of the packet: how much stronger than [`energy::FLOOR`] it is.
    fn lqi(&self) -> u8 {
        match &self.activity {
            Activity::Passing(passage) => energy::level(passage.frame.dbm),
            _ => 0,
        }
    }

    /// PS 6.20.8: the device address of an advertisement, in the first six bytes of the payload.
    fn device_passed(&mut self, bus: &mut Bus<'_>) {
        let Activity::Passing(passage) = &self.activity else {
            return;
        };
        let Some(address) = passage.packet.payload.get(..DEVICE_ADDRESS) else {
            return;
        };
        let is_random = passage.packet.header.first().is_some_and(|s0| s0 & 0x40 != 0);
        let settings = &self.settings;
        let matched = (0..8).find(|index: &usize| {
            let base = settings.dab[*index].to_le_bytes();
            let prefix = (settings.dap[*index] as u16).to_le_bytes();
            settings.dacnf >> index & 1 != 0
                && (settings.dacnf >> (8 + index) & 1 != 0) == is_random
                && address[..4] == base
                && address[4..] == prefix
        });
        if let Some(index) = matched {
            self.results.dai = index as u32;
        }
        self.events
            .raise(bus, if matched.is_some() { DEVMATCH } else { DEVMISS });
    }

    /// PS 6.20.12: the first four bytes of an IEEE 802.15.4 header.
    fn header_passed(&mut self, bus: &mut Bus<'_>) {
        let Activity::Passing(passage) = &self.activity else {
            return;
        };
        let header = passage.packet.payload.first_chunk::<4>();
        let header = header.map_or(0, |bytes| u32::from_le_bytes(*bytes));
        let mask = self.settings.mhrmatchmas;
        if header & mask == self.settings.mhrmatchconf & mask {
            self.events.raise(bus, MHRMATCH);
        }
    }

    fn ended(&mut self, bus: &mut Bus<'_>) {
        self.note_damage();
        let Activity::Passing(passage) = std::mem::take(&mut self.activity) else {
            return;
        };
        bus.cancel(&mut self.bits.event);
        self.bits.since = None;
        let (frame, packet) = (&passage.frame, &passage.packet);
        let end = frame.body_begin() + times(frame.modulation.bit(), u64::from(packet.end()));
        self.last_end = Some(end);
        let receives = passage.id.is_some();
        self.state = if receives { State::RxIdle } else { State::TxIdle };
        if receives {
            self.results.crcstatus = u32::from(packet.crc_is_right);
            self.results.rxcrc = packet.crc;
            let coding = u32::from(frame.modulation == Modulation::BleCoded500K);
            self.results.pdustat = u32::from(packet.too_long) | coding << 1;
            self.events
                .raise(bus, if packet.crc_is_right { CRCOK } else { CRCERROR });
        }
        self.events.raise(bus, END);
        if frame.modulation.is_coded() {
            let tail = times(frame.modulation.bit(), 3);
            bus.schedule(ID, WAKE_PHYEND, bus.now() + tail);
        }
        if self.has_short(SHORT_END_DISABLE) {
            self.disable(bus);
        } else if self.has_short(SHORT_END_START) {
            self.start(bus);
        }
        if frame.modulation == Modulation::Ieee802154 {
            self.phy_ended(bus);
        }
    }

    pub(super) fn phy_ended(&mut self, bus: &mut Bus<'_>) {
        self.events.raise(bus, PHYEND);
        if self.has_short(SHORT_PHYEND_DISABLE) {
            self.disable(bus);
        } else if self.has_short(SHORT_PHYEND_START) {
            self.start(bus);
        }
    }

    /// BCSTART: counts the bits of the packet from now on.
    pub(super) fn start_bits(&mut self, bus: &mut Bus<'_>) {
        self.bits.since = Some(bus.now());
        self.count_bits(bus);
    }

    /// Schedules BCMATCH anew.
    pub(super) fn count_bits(&mut self, bus: &mut Bus<'_>) {
        bus.cancel(&mut self.bits.event);
        let (Some(since), Activity::Passing(passage)) = (self.bits.since, &self.activity) else {
            return;
        };
        // Behind the end nothing is counted.
        let at = since + times(passage.frame.modulation.bit(), u64::from(self.settings.bcc.min(0xffff)));
        if at > bus.now() && at <= passage.bit_event(passage.packet.end()) {
            self.bits.event = Some(bus.schedule(ID, WAKE_BCMATCH, at));
        }
    }

    pub(super) fn bits_matched(&mut self, bus: &mut Bus<'_>) {
        self.bits.event = None;
        let received = match &self.activity {
            Activity::Passing(passage) => {
                let heard = bus.now().saturating_sub(passage.delay);
                passage.frame.bit_at(heard)
            }
            _ => return,
        };
        self.write_packet(bus, received);
        self.events.raise(bus, BCMATCH);
    }
}
