//! From what is said to parcels, and back. A parcel begins with a byte that says whether more follows.

use bytes::Bytes;
use gomera_model::limits::PARCEL_BYTES_MAX;
use gomera_model::packed::{self, PackedError};

use super::super::host_frame::HostFrame;

/// Packs a frame into as many parcels as it needs.
pub(super) fn pack(frame: &HostFrame) -> Vec<Bytes> {
    let mut bytes = vec![LAST];
    packed::put(frame, &mut bytes);
    if bytes.len() <= PARCEL_BYTES_MAX {
        return vec![bytes.into()];
    }
    let mut parts = bytes[1..].chunks(PARCEL_BYTES_MAX - 1).peekable();
    let mut parcels = Vec::new();
    while let Some(part) = parts.next() {
        let mut parcel = Vec::with_capacity(part.len() + 1);
        parcel.push(if parts.peek().is_some() { MORE } else { LAST });
        parcel.extend_from_slice(part);
        parcels.push(parcel.into());
    }
    parcels
}

/// What has come of a frame that is not whole yet.
#[derive(Debug, Default)]
pub(super) struct Unpacking(Vec<u8>);

impl Unpacking {
    /// The frame that is whole with this parcel, if one is.
    pub(super) fn take(&mut self, parcel: &Bytes) -> Result<Option<HostFrame>, PackedError> {
        let is_last = parcel.first() != Some(&MORE);
        let part = parcel.get(1..).unwrap_or_default();
        if is_last && self.0.is_empty() {
            return packed::take(part).map(Some);
        }
        self.0.extend_from_slice(part);
        if !is_last {
            return Ok(None);
        }
        packed::take(&std::mem::take(&mut self.0)).map(Some)
    }

    /// The link begins anew.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

const LAST: u8 = 0;
const MORE: u8 = 1;

#[cfg(test)]
mod tests {
    use gomera_model::Incarnation;
    use gomera_model::lane::{LaneFrame, MatcherFrame};
    use gomera_model::operation::{CanonicalFilter, Change, SubscriptionOperation};
    use gomera_model::{OperationNumber, SessionId, SubscriptionId, SubscriptionNumber};

    use super::super::super::shared::SharedFrame;
    use super::*;

    fn check(filter_bytes: usize, parcels: usize) {
        let operation = SubscriptionOperation {
            subscription: SubscriptionId {
                session: SessionId(1),
                number: SubscriptionNumber(2),
            },
            number: OperationNumber(3),
            unanswered_from: OperationNumber(3),
            change: Change::Set(CanonicalFilter(vec![7; filter_bytes].into())),
        };
        let sent = vec![LaneFrame::Matcher(MatcherFrame::Operation(Box::new(
            operation,
        )))];
        let packed = pack(&HostFrame::Batch {
            from: Incarnation(1),
            to: vec![Incarnation(2)],
            frames: sent.iter().cloned().map(SharedFrame::from).collect(),
        });
        assert_eq!(packed.len(), parcels);
        let mut unpacking = Unpacking::default();
        let mut came = Vec::new();
        for parcel in packed {
            assert!(parcel.len() <= PARCEL_BYTES_MAX);
            if let Some(HostFrame::Batch { frames, .. }) = unpacking.take(&parcel).unwrap() {
                let frames = frames.into_iter().map(LaneFrame::try_from);
                came = frames.collect::<Result<Vec<_>, _>>().unwrap();
            }
        }
        assert_eq!(came, sent);
    }

    #[test]
    fn what_is_large_is_cut_and_put_together() {
        check(10, 1);
        check(PARCEL_BYTES_MAX - 60, 1);
        check(PARCEL_BYTES_MAX, 2);
        check(5 * PARCEL_BYTES_MAX, 6);
    }
}
