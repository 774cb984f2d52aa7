//! How eight lanes are put in order so that those that a mask keeps come first: AVX2 has no instruction for that, but one
//! that moves lanes by a list.

/// For each mask the lanes that it keeps, and behind them any.
pub(crate) static KEPT_FIRST: [[u32; LANES]; 1 << LANES] = kept_first();

const LANES: usize = 8;

const fn kept_first() -> [[u32; LANES]; 1 << LANES] {
    let mut orders = [[0; LANES]; 1 << LANES];
    let mut mask = 0;
    while mask < orders.len() {
        let (mut lane, mut kept) = (0, 0);
        while lane < 8 {
            if mask >> lane & 1 == 1 {
                orders[mask][kept] = lane;
                kept += 1;
            }
            lane += 1;
        }
        mask += 1;
    }
    orders
}
