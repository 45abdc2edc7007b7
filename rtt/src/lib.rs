//! The layout of RTT's control block in a chip's memory, as SEGGER publishes it: an id, numbers of channels, and for each
//! channel a ring of bytes. All words are little-endian. What is read may be garbage: the program may not have set it up.
//!
//! Who reads and writes the memory is the callers' business: a debug probe, or an emulated machine.

use std::ops::Range;

/// The id at the beginning of the control block.
pub const ID: &[u8; 16] = b"SEGGER RTT\0\0\0\0\0\0";
/// Id, number of channels up, number of channels down.
pub const HEADER_BYTES: usize = 24;
/// Name, buffer, size, write offset, read offset, flags.
pub const CHANNEL_BYTES: usize = 24;
/// Where the write and the read offset are in a channel.
pub const WRITE_OFFSET: u32 = 12;
/// As [`WRITE_OFFSET`].
pub const READ_OFFSET: u32 = 16;
/// Where a channel says what its program does with bytes that it has no room for.
pub const FLAGS_OFFSET: u32 = 20;
/// The bits of the flags that say it.
pub const MODE_MASK: u32 = 3;
/// The mode of a program that waits for room. Otherwise bytes are left out.
pub const MODE_BLOCK: u32 = 2;
/// More channels than any program has.
const CHANNELS_MAX: u32 = 64;

/// Which way a channel's bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the chip to the host.
    Up,
    /// From the host to the chip.
    Down,
}

/// The address of a channel; `None` if the program has no such channel.
pub fn channel(block: u32, header: &[u8; HEADER_BYTES], way: Way, channel: u32) -> Option<u32> {
    let (up, down) = (word(header, 16), word(header, 20));
    // The channels up come first.
    let (before, count) = match way {
        Way::Up => (0, up),
        Way::Down => (up, down),
    };
    let exists = up <= CHANNELS_MAX && count <= CHANNELS_MAX && channel < count;
    exists.then(|| block + HEADER_BYTES as u32 + (before + channel) * CHANNEL_BYTES as u32)
}

/// The address of a channel's name, a text that ends with a zero.
pub fn name_of(channel: &[u8; CHANNEL_BYTES]) -> u32 {
    word(channel, 0)
}

/// What a program does with bytes that it has no room for, and flags of its own.
pub fn flags_of(channel: &[u8; CHANNEL_BYTES]) -> u32 {
    word(channel, 20)
}

/// The ring of one channel.
#[derive(Debug, PartialEq, Eq)]
pub struct Ring {
    buffer: u32,
    size: u32,
    write: u32,
    read: u32,
}

impl Ring {
    /// The ring that a channel describes; `None` for a channel that the program does not use.
    ///
    /// # Errors
    /// A sentence: it does not lie in `ram`, or its offsets are outside of it.
    pub fn read(channel: &[u8; CHANNEL_BYTES], ram: &[Range<u32>]) -> Result<Option<Self>, String> {
        let [buffer, size, write, read] = [4, 8, 12, 16].map(|at| word(channel, at));
        if buffer == 0 || size == 0 {
            return Ok(None);
        }
        let end = buffer.checked_add(size);
        let is_in_ram = end.is_some_and(|end| ram.iter().any(|ram| buffer >= ram.start && end <= ram.end));
        if !is_in_ram || write >= size || read >= size {
            return Err(format!(
                "an RTT channel says that it has {size} bytes at {buffer:#010x}, written up to {write} and read up to {read}"
            ));
        }
        Ok(Some(Self {
            buffer,
            size,
            write,
            read,
        }))
    }

    /// Where the bytes are that were not read yet: addresses, in order.
    pub fn parts(&self) -> [Range<u32>; 2] {
        let at = |offset: u32| self.buffer + offset;
        match self.read <= self.write {
            true => [at(self.read)..at(self.write), at(0)..at(0)],
            false => [at(self.read)..at(self.size), at(0)..at(self.write)],
        }
    }

    /// Where bytes can be written that the program has room for: addresses, in order. One byte stays free, because a full
    /// ring would look like an empty one.
    pub fn room(&self) -> [Range<u32>; 2] {
        let at = |offset: u32| self.buffer + offset;
        match (self.write < self.read, self.read) {
            (true, read) => [at(self.write)..at(read - 1), at(0)..at(0)],
            (false, 0) => [at(self.write)..at(self.size - 1), at(0)..at(0)],
            (false, read) => [at(self.write)..at(self.size), at(0)..at(read - 1)],
        }
    }

    /// The write offset behind `count` more bytes, which [`Self::room`] had place for.
    pub fn write_offset_after(&self, count: u32) -> u32 {
        (self.write + count) % self.size
    }

    /// Where reading began.
    pub fn read_offset(&self) -> u32 {
        self.read
    }

    /// Where reading goes on.
    pub fn write_offset(&self) -> u32 {
        self.write
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init, reason = "a chip may have one RAM")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn channel(words: [u32; 6]) -> [u8; CHANNEL_BYTES] {
        let bytes: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
        bytes.try_into().unwrap()
    }

    #[test]
    fn bytes_are_taken_in_order_around_the_end() {
        let ram = [0x2000_0000..0x2000_8000];
        let ring = |write, read| {
            let ring = Ring::read(&channel([1, 0x2000_0100, 16, write, read, 0]), &ram);
            ring.unwrap().unwrap().parts()
        };
        assert_eq!(ring(5, 5), [0x2000_0105..0x2000_0105, 0x2000_0100..0x2000_0100]);
        assert_eq!(ring(9, 5), [0x2000_0105..0x2000_0109, 0x2000_0100..0x2000_0100]);
        assert_eq!(ring(3, 14), [0x2000_010e..0x2000_0110, 0x2000_0100..0x2000_0103]);
        assert_eq!(Ring::read(&channel([0; 6]), &ram), Ok(None));
    }

    #[test]
    fn bytes_are_put_where_the_program_has_read() {
        let ram = [0x2000_0000..0x2000_8000];
        let ring = |write, read| {
            let ring = Ring::read(&channel([1, 0x2000_0100, 16, write, read, 0]), &ram);
            ring.unwrap().unwrap()
        };
        assert_eq!(ring(0, 0).room(), [0x2000_0100..0x2000_010f, 0x2000_0100..0x2000_0100]);
        assert_eq!(ring(5, 5).room(), [0x2000_0105..0x2000_0110, 0x2000_0100..0x2000_0104]);
        assert_eq!(ring(3, 14).room(), [0x2000_0103..0x2000_010d, 0x2000_0100..0x2000_0100]);
        assert!(ring(4, 5).room().iter().all(Range::is_empty), "it is full");
        assert_eq!(ring(14, 5).write_offset_after(3), 1);
    }

    proptest! {
        #[test]
        fn no_channel_leads_out_of_memory(words: [u32; 6], near in 0_u32..0x40, size in 1_u32..0x40) {
            let ram = [0x2000_0000..0x2000_0040];
            for words in [words, [0, 0x2000_0000 + near, size, words[3] % 0x50, words[4] % 0x50, 0]] {
                if let Ok(Some(ring)) = Ring::read(&channel(words), &ram) {
                    let parts = ring.parts();
                    prop_assert!(parts.iter().all(|part| part.start >= 0x2000_0000 && part.end <= 0x2000_0040));
                    let bytes: usize = parts.iter().map(|part| part.len()).sum();
                    let room = ring.room();
                    prop_assert!(room.iter().all(|part| part.start >= 0x2000_0000 && part.end <= 0x2000_0040));
                    let free: usize = room.iter().map(|part| part.len()).sum();
                    prop_assert_eq!(bytes + free, words[2] as usize - 1);
                }
            }
        }

        #[test]
        fn no_header_leads_to_a_channel_that_is_not_there(words: [u32; 6], few in 0_u32..70, number in 0_u32..70) {
            for words in [words, [0, 0, 0, 0, few, words[5] % 70]] {
                let header = words.into_iter().flat_map(u32::to_le_bytes).collect::<Vec<u8>>().try_into().unwrap();
                let up = super::channel(0x2000_0000, &header, Way::Up, number);
                prop_assert!(up.is_none_or(|place| number < words[4] && place < 0x2000_0000 + 64 * 24 + 24));
                let down = super::channel(0x2000_0000, &header, Way::Down, number);
                prop_assert!(down.is_none_or(|place| number < words[5] && place < 0x2000_0000 + 128 * 24 + 24));
                prop_assert!(down.is_none_or(|place| place >= 0x2000_0000 + 24 + words[4] * 24));
            }
        }
    }
}
