//! DSP instructions that the oracle executes differently from the manual.

use super::Rig;

/// Q, in its place.
const Q: u32 = 1 << 27;

#[test]
fn a_dual_multiply_saturates_by_the_sum_of_all_three() {
    // movw r1, #0x8000; movt r1, #0x8000; movs r4, #0
    let mut main = vec![0xf248, 0x0100, 0xf2c8, 0x0100, 0x2400];
    // smlad r2, r1, r1, r1; mrs r3, apsr: 0x80000000 from the products plus a negative number fits.
    main.extend([0xfb21, 0x1201, 0xf3ef, 0x8300]);
    // smlad r2, r1, r1, r4; mrs r5, apsr; bkpt 0xab: the products alone do not fit.
    main.extend([0xfb21, 0x4201, 0xf3ef, 0x8500, 0xbeab]);
    let rig = Rig::new(&main).run();
    assert_eq!((rig.r(3) & Q, rig.r(5) & Q), (0, Q));
}
