//! Frames on their way between hosts. What one connection point gets for many sessions carries a notification once,
//! however many of them it is for: within a process they share it in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use gomera_model::lane::{ConnectionPointFrame, Delivery, DeliveryItem, LaneFrame};
use gomera_model::operation::Hit;
use gomera_model::{Gap, Generation, Notification, SessionId};
use serde::{Deserialize, Serialize};

/// A frame as it travels.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum SharedFrame {
    /// As it is.
    Plain(LaneFrame),
    /// Deliveries, with what they deliver beside them.
    Deliveries {
        notifications: Vec<Arc<Notification>>,
        deliveries: Vec<SharedDelivery>,
    },
}

/// A delivery without its notification.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SharedDelivery {
    session: SessionId,
    generation: Generation,
    item: SharedItem,
}

#[derive(Debug, Serialize, Deserialize)]
enum SharedItem {
    Notification { index: usize, hits: Vec<Hit> },
    Gap(Gap),
}

/// A delivery of a notification that is not beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a delivery names a notification that is not there")]
pub(crate) struct NotThere;

impl From<LaneFrame> for SharedFrame {
    fn from(frame: LaneFrame) -> Self {
        match frame {
            LaneFrame::ConnectionPoint(ConnectionPointFrame::Deliveries(deliveries)) => {
                share(deliveries)
            }
            frame @ (LaneFrame::ConnectionPoint(_)
            | LaneFrame::AccessPoint(_)
            | LaneFrame::Matcher(_)
            | LaneFrame::ExitPoint(_)) => Self::Plain(frame),
        }
    }
}

impl TryFrom<SharedFrame> for LaneFrame {
    type Error = NotThere;

    fn try_from(frame: SharedFrame) -> Result<Self, NotThere> {
        match frame {
            SharedFrame::Plain(frame) => Ok(frame),
            SharedFrame::Deliveries {
                notifications,
                deliveries,
            } => {
                let restored = deliveries.into_iter().map(|d| restore(&notifications, d));
                let restored: Result<_, _> = restored.collect();
                Ok(Self::ConnectionPoint(ConnectionPointFrame::Deliveries(
                    restored?,
                )))
            }
        }
    }
}

fn share(deliveries: Vec<Delivery>) -> SharedFrame {
    let mut notifications: Vec<Arc<Notification>> = Vec::new();
    let mut places: BTreeMap<*const Notification, usize> = BTreeMap::new();
    let mut shared = Vec::with_capacity(deliveries.len());
    for delivery in deliveries {
        let item = match delivery.item {
            DeliveryItem::Gap(gap) => SharedItem::Gap(gap),
            DeliveryItem::Notification { notification, hits } => {
                // All of them are held until the end, so no two have the same address.
                let place = places.entry(Arc::as_ptr(&notification));
                let index = *place.or_insert_with(|| {
                    notifications.push(notification);
                    notifications.len() - 1
                });
                SharedItem::Notification { index, hits }
            }
        };
        shared.push(SharedDelivery {
            session: delivery.session,
            generation: delivery.generation,
            item,
        });
    }
    SharedFrame::Deliveries {
        notifications,
        deliveries: shared,
    }
}

fn restore(
    notifications: &[Arc<Notification>],
    delivery: SharedDelivery,
) -> Result<Delivery, NotThere> {
    let item = match delivery.item {
        SharedItem::Gap(gap) => DeliveryItem::Gap(gap),
        SharedItem::Notification { index, hits } => DeliveryItem::Notification {
            notification: Arc::clone(notifications.get(index).ok_or(NotThere)?),
            hits,
        },
    };
    Ok(Delivery {
        session: delivery.session,
        generation: delivery.generation,
        item,
    })
}

#[cfg(test)]
mod tests {
    use gomera_model::{
        Attributes, Body, Content, Epoch, Incarnation, PublisherId, PublisherSeq, Seq, Stamp,
        Timestamp, packed,
    };

    use super::*;

    fn notification(seq: u64, body: usize) -> Arc<Notification> {
        Arc::new(Notification {
            stamp: Stamp {
                access_point: Incarnation(1),
                seq: Seq(seq),
                epoch: Epoch(1),
            },
            publisher: PublisherId(1),
            publisher_seq: PublisherSeq(seq),
            published_at: Timestamp(0),
            content: Content {
                attributes: Attributes::empty(),
                body: Body::Opaque(vec![7; body].into()),
            },
            flat: Attributes::empty(),
        })
    }

    fn delivery(session: u64, item: DeliveryItem) -> Delivery {
        Delivery {
            session: SessionId(session),
            generation: Generation(1),
            item,
        }
    }

    fn travel(frame: LaneFrame) -> (LaneFrame, usize) {
        let mut bytes = Vec::new();
        packed::put(&SharedFrame::from(frame), &mut bytes);
        let came: SharedFrame = packed::take(&bytes).unwrap();
        (came.try_into().unwrap(), bytes.len())
    }

    #[test]
    fn a_notification_for_many_sessions_travels_once() {
        let two = [notification(1, 1000), notification(2, 1000)];
        let mut deliveries = Vec::new();
        for session in 0..50 {
            for notification in &two {
                let notification = Arc::clone(notification);
                let hits = Vec::new();
                let item = DeliveryItem::Notification { notification, hits };
                deliveries.push(delivery(session, item));
            }
        }
        let gap = Gap {
            access_point: Incarnation(1),
            first: Seq(3),
            last: Seq(4),
            count: 2,
        };
        deliveries.push(delivery(9, DeliveryItem::Gap(gap)));
        let frame = LaneFrame::ConnectionPoint(ConnectionPointFrame::Deliveries(deliveries));
        let (came, bytes) = travel(frame.clone());
        assert_eq!(came, frame);
        assert!(bytes < 3000, "{bytes}");
    }

    #[test]
    fn what_is_not_beside_it_is_refused() {
        let item = SharedItem::Notification {
            index: 0,
            hits: Vec::new(),
        };
        let frame = SharedFrame::Deliveries {
            notifications: Vec::new(),
            deliveries: vec![SharedDelivery {
                session: SessionId(1),
                generation: Generation(1),
                item,
            }],
        };
        assert_eq!(LaneFrame::try_from(frame), Err(NotThere));
    }
}
