//! A control transfer on endpoint 0: SETUP, data, status (USB 2.0 8.5.3).

use crate::{UsbReply, UsbToken};

/// How often a token that nothing answers is repeated (USB 2.0 10.2.6).
const ATTEMPTS: u8 = 3;

/// A control transfer in progress.
#[derive(Debug)]
pub(in crate::cable) struct ControlTransfer {
    setup: [u8; 8],
    /// Data to send, or received so far.
    data: Vec<u8>,
    stage: Stage,
    max_packet: usize,
    silences: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Setup,
    /// Bytes sent so far; the toggle of the packet on its way.
    Out {
        sent: usize,
        toggle: bool,
    },
    In,
    StatusIn,
    StatusOut,
}

/// What follows a reply.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Another transaction.
    Token(UsbToken),
    /// It succeeded; data of a control read.
    Done(Vec<u8>),
    /// The device refuses the request.
    Stalled,
    /// The device does not answer.
    Failed,
}

impl ControlTransfer {
    /// A control read of up to `length` bytes.
    pub(super) fn read(kind: u8, request: u8, value: u16, index: u16, length: u16, max_packet: usize) -> Self {
        Self::new(kind, request, value, index, length, Vec::new(), max_packet)
    }

    /// A transfer of a SETUP packet that somebody else has made. `data` must be as long as it says.
    pub(in crate::cable) fn of(setup: [u8; 8], data: Vec<u8>, max_packet: usize) -> Self {
        Self {
            setup,
            data,
            stage: Stage::Setup,
            max_packet: max_packet.max(8),
            silences: 0,
        }
    }

    /// A control write.
    pub(super) fn write(kind: u8, request: u8, value: u16, index: u16, data: Vec<u8>, max_packet: usize) -> Self {
        let length = data.len() as u16;
        Self::new(kind, request, value, index, length, data, max_packet)
    }

    fn new(kind: u8, request: u8, value: u16, index: u16, length: u16, data: Vec<u8>, max_packet: usize) -> Self {
        let ([v0, v1], [i0, i1], [l0, l1]) = (value.to_le_bytes(), index.to_le_bytes(), length.to_le_bytes());
        Self::of([kind, request, v0, v1, i0, i1, l0, l1], data, max_packet)
    }

    /// The transaction of the present stage.
    pub(super) fn token(&self) -> UsbToken {
        match self.stage {
            Stage::Setup => UsbToken::Setup(self.setup),
            Stage::In | Stage::StatusIn => UsbToken::In,
            Stage::StatusOut => UsbToken::Out {
                data: Vec::new(),
                toggle: true,
            },
            Stage::Out { sent, toggle } => {
                let end = self.data.len().min(sent + self.max_packet);
                UsbToken::Out {
                    data: self.data[sent..end].to_vec(),
                    toggle,
                }
            }
        }
    }

    /// Goes on after a reply.
    pub(super) fn reply(&mut self, reply: UsbReply) -> Progress {
        let length = usize::from(u16::from_le_bytes([self.setup[6], self.setup[7]]));
        let is_read = self.setup[0] & 0x80 != 0 && length > 0;
        self.stage = match (self.stage, reply) {
            (_, UsbReply::Stall) => return Progress::Stalled,
            (_, UsbReply::Silence) if self.silences + 1 < ATTEMPTS => {
                self.silences += 1;
                return Progress::Token(self.token());
            }
            (Stage::Setup, UsbReply::Ack) if is_read => Stage::In,
            (Stage::Setup, UsbReply::Ack) if length > 0 => Stage::Out { sent: 0, toggle: true },
            (Stage::Setup, UsbReply::Ack) => Stage::StatusIn,
            (Stage::In, UsbReply::Data { bytes, .. }) => {
                self.data.extend_from_slice(&bytes);
                self.data.truncate(length);
                match bytes.len() < self.max_packet || self.data.len() == length {
                    true => Stage::StatusOut,
                    false => Stage::In,
                }
            }
            (Stage::Out { sent, toggle }, UsbReply::Ack) => match (sent + self.max_packet).min(length) {
                sent if sent == length => Stage::StatusIn,
                sent => Stage::Out { sent, toggle: !toggle },
            },
            (Stage::StatusIn, UsbReply::Data { .. }) => return Progress::Done(Vec::new()),
            (Stage::StatusOut, UsbReply::Ack) => return Progress::Done(std::mem::take(&mut self.data)),
            _ => return Progress::Failed,
        };
        self.silences = 0;
        Progress::Token(self.token())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(bytes: &[u8]) -> UsbReply {
        UsbReply::Data {
            bytes: bytes.to_vec(),
            toggle: true,
        }
    }

    #[test]
    fn a_read_ends_with_a_short_packet_or_with_its_length() {
        for (packets, length, expected) in [
            (vec![vec![1; 8], vec![2; 8], vec![3; 2]], 64, 18),
            (vec![vec![1; 8], vec![2; 8]], 16, 16),
            (vec![vec![1; 8], vec![]], 64, 8),
        ] {
            let mut transfer = ControlTransfer::read(0x80, 6, 0x100, 0, length, 8);
            assert_eq!(
                transfer.token(),
                UsbToken::Setup([0x80, 6, 0, 1, 0, 0, length as u8, 0])
            );
            assert_eq!(transfer.reply(UsbReply::Ack), Progress::Token(UsbToken::In));
            let (last, first) = packets.split_last().unwrap();
            for packet in first {
                assert_eq!(transfer.reply(data(packet)), Progress::Token(UsbToken::In));
            }
            let Progress::Token(UsbToken::Out { data: status, toggle }) = transfer.reply(data(last)) else {
                panic!("no status stage")
            };
            assert!(status.is_empty() && toggle);
            let Progress::Done(read) = transfer.reply(UsbReply::Ack) else {
                panic!("not done")
            };
            assert_eq!(read.len(), expected);
        }
    }

    #[test]
    fn a_write_alternates_its_toggles_and_ends_with_an_empty_packet() {
        let mut transfer = ControlTransfer::write(0x21, 0x20, 0, 0, vec![7; 11], 8);
        let sent = |progress| match progress {
            Progress::Token(UsbToken::Out { data, toggle }) => (data.len(), toggle),
            other => panic!("{other:?}"),
        };
        assert_eq!(sent(transfer.reply(UsbReply::Ack)), (8, true));
        assert_eq!(sent(transfer.reply(UsbReply::Ack)), (3, false));
        assert_eq!(transfer.reply(UsbReply::Ack), Progress::Token(UsbToken::In));
        assert_eq!(transfer.reply(data(&[])), Progress::Done(Vec::new()));
    }

    #[test]
    fn silence_is_repeated_three_times_and_a_stall_is_not() {
        let mut transfer = ControlTransfer::write(0, 9, 1, 0, Vec::new(), 64);
        for _ in 1..ATTEMPTS {
            assert!(matches!(transfer.reply(UsbReply::Silence), Progress::Token(_)));
        }
        assert_eq!(transfer.reply(UsbReply::Silence), Progress::Failed);
        let mut transfer = ControlTransfer::write(0, 9, 1, 0, Vec::new(), 64);
        assert_eq!(transfer.reply(UsbReply::Stall), Progress::Stalled);
    }
}
