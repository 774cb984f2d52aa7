//! Somebody who subscribes and unsubscribes all the time, and notes how long each subscription took to be acknowledged.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gomera_client::{Client, OpenError};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::MissedTickBehavior;

/// One subscription's way to its acknowledgement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Activation {
    pub(crate) asked: Instant,
    pub(crate) took: Duration,
}

/// A client that probes until it is stopped.
pub(crate) struct Prober {
    stop: oneshot::Sender<()>,
    running: JoinHandle<usize>,
    activations: Arc<Mutex<Vec<Activation>>>,
}

impl Prober {
    /// Begins.
    pub(crate) async fn start(client: &Client) -> Result<Self, OpenError> {
        let mut subscriber = client.subscriber().open().await?;
        let (stop, mut stopped) = oneshot::channel();
        let activations = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&activations);
        let running = tokio::spawn(async move {
            let mut tick = tokio::time::interval(EVERY);
            tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
            let mut waiting: JoinSet<bool> = JoinSet::new();
            let mut number = 0_u64;
            loop {
                tokio::select! {
                    _ = tick.tick() => {}
                    _ = &mut stopped => break,
                }
                number += 1;
                let asked = Instant::now();
                let subscribing = subscriber.subscribe(format!("probe = {number}"));
                let subscription = subscribing.number();
                let noted = Arc::clone(&noted);
                waiting.spawn(async move {
                    let is_active = subscribing.await.is_ok();
                    let took = asked.elapsed();
                    let mut noted = noted.lock().unwrap_or_else(PoisonError::into_inner);
                    noted.push(Activation { asked, took });
                    is_active
                });
                // Behind its subscription in the same stream, and so in the same order everywhere.
                let unsubscribing = subscriber.unsubscribe(subscription);
                waiting.spawn(async move { unsubscribing.await.is_ok() });
                while waiting.try_join_next().is_some() {}
            }
            let all = waiting.join_all().await;
            subscriber.finish().await;
            all.into_iter().filter(|answered| !answered).count()
        });
        Ok(Self {
            stop,
            running,
            activations,
        })
    }

    /// Ends it; how long each activation took.
    pub(crate) async fn finish(self) -> Vec<Activation> {
        // Who has ended needs no telling.
        let _ = self.stop.send(());
        if !matches!(self.running.await, Ok(0)) {
            eprintln!("the prober was refused");
        }
        let mut noted = self
            .activations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut noted)
    }
}

/// Five hundred subscriptions a second, and as many unsubscriptions.
const EVERY: Duration = Duration::from_millis(2);
