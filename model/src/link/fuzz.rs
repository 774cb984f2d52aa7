//! The body of the fuzz target, as a plain function: whoever has bytes can call it.

use alloc::vec::Vec;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::control::{Control, Report};
use crate::lane::LaneFrame;
use crate::link::{ReceiverFrame, SenderFrame};
use crate::packed;
use crate::silbo::codec::{Frame, FrameReader};

/// Reads `bytes` as a stream of either direction, and as each thing that travels in a parcel.
///
/// # Panics
///
/// If what was read does not come out again as itself.
pub fn decode(bytes: &[u8]) {
    stream::<SenderFrame>(bytes);
    stream::<ReceiverFrame>(bytes);
    value::<LaneFrame>(bytes);
    value::<Control>(bytes);
    value::<Report>(bytes);
}

fn stream<F: Frame + PartialEq>(bytes: &[u8]) {
    let mut reader = FrameReader::<F>::new();
    reader.push(Bytes::copy_from_slice(bytes));
    while let Ok(Some(frame)) = reader.next() {
        let mut again = Vec::new();
        frame.encode(&mut again);
        let mut second = FrameReader::<F>::new();
        second.push(again.into());
        assert!(second.next() == Ok(Some(frame)), "a frame is another one");
    }
}

fn value<T: Serialize + DeserializeOwned + PartialEq>(bytes: &[u8]) {
    if let Ok(value) = packed::take::<T>(bytes) {
        let mut again = Vec::new();
        packed::put(&value, &mut again);
        assert!(packed::take(&again) == Ok(value), "a value is another one");
    }
}
