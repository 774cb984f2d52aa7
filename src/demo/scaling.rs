//! Scales the matchers while notifications flow, through the same door as `gomera scale`.

use std::time::Duration;

use gomera_coordinator::{Answer, OperationRecord, Outcome, ScaleRequest};
use gomera_model::control::Strategy;
use gomera_model::{Layer, OperationId};
use tokio::time::{Instant, sleep, sleep_until};

use crate::broker::{Broker, wall_clock};

/// Why the matchers did not scale.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScaleError {
    /// The coordinator did not take the request.
    #[error("scaling to {matchers} matchers was not accepted: {answer:?}")]
    NotAccepted {
        /// What was asked for.
        matchers: u32,
        /// What it said.
        answer: Box<Answer>,
    },
    /// The operation was given up.
    #[error("operation {0} was aborted")]
    Aborted(OperationId),
    /// The operation was not done in time.
    #[error("operation {operation} was not done after {} s", OPERATION_WITHIN.as_secs())]
    TooSlow {
        /// Which.
        operation: OperationId,
    },
    /// The coordinator does not know it any more.
    #[error("operation {0} is forgotten")]
    Forgotten(OperationId),
}

/// Scales out at one moment of the run and back at a later one: `1 → 3 → 1`. The second waits for the first, and for
/// as long again as that took, so that what is measured before it is quiet.
pub(super) async fn scale_out_and_in(
    broker: &Broker,
    start: Instant,
    length: Duration,
) -> Result<Vec<OperationRecord>, ScaleError> {
    sleep_until(start + length.mul_f64(OUT_AT)).await;
    let begun = Instant::now();
    let out = scale(broker, MATCHERS_MORE).await?;
    let took = begun.elapsed();
    sleep_until((start + length.mul_f64(IN_AT)).max(begun + 3 * took)).await;
    let back = scale(broker, MATCHERS_FEW).await?;
    Ok(vec![out, back])
}

async fn scale(broker: &Broker, matchers: u32) -> Result<OperationRecord, ScaleError> {
    let request = ScaleRequest {
        wishes: [(Layer::Matchers, matchers)].into(),
        strategy: Strategy::Live,
        dry_run: false,
        reason: "demonstration".to_owned(),
        idempotency_key: None,
        asked_at: wall_clock(),
    };
    let operation = match broker.scale(request).await {
        Answer::Accepted(record) => record.id,
        answer @ (Answer::Unchanged
        | Answer::Plan(_)
        | Answer::Busy(_)
        | Answer::Impossible(_)
        | Answer::Unavailable { .. }
        | Answer::NotWhole { .. }
        | Answer::Draining { .. }
        | Answer::NoSuchHost(_)
        | Answer::Aborted(_)
        | Answer::TooLate(_)
        | Answer::NoSuchOperation(_)) => {
            let answer = Box::new(answer);
            return Err(ScaleError::NotAccepted { matchers, answer });
        }
    };
    let deadline = Instant::now() + OPERATION_WITHIN;
    while Instant::now() < deadline {
        let record = broker
            .operation(operation)
            .ok_or(ScaleError::Forgotten(operation))?;
        match record.outcome {
            Outcome::Running => sleep(LOOK_EVERY).await,
            Outcome::Done => return Ok(record),
            Outcome::Interrupted { .. } | Outcome::Aborted { .. } => {
                return Err(ScaleError::Aborted(operation));
            }
        }
    }
    Err(ScaleError::TooSlow { operation })
}

/// The paper's own figure: from 1-1-1 to 1-3-1.
const MATCHERS_MORE: u32 = 3;
const MATCHERS_FEW: u32 = 1;
/// When it scales, as parts of the run: late enough that all is warm, and near enough to each other that one window
/// of exhaustive checking holds both.
const OUT_AT: f64 = 0.4;
const IN_AT: f64 = 0.55;
/// An operation takes some tens of milliseconds; after this time something is wrong.
const OPERATION_WITHIN: Duration = Duration::from_secs(60);
/// How often the operation's record is looked at. Its times are the coordinator's own.
const LOOK_EVERY: Duration = Duration::from_millis(5);
