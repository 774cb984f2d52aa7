//! The subscriptions as the broker has confirmed them, and the operations on their way.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::mem;

use gomera_model::lane::{FilterText, SubscriptionRequest};
use gomera_model::limits::OPERATIONS_IN_FLIGHT_MAX;
use gomera_model::operation::Hit;
use gomera_model::{OperationNumber, SubscriptionNumber};

use super::RequestNumber;

/// What is to be told of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It came before.
    Repeated,
    /// No operation has this number.
    Unknown,
    /// To a request of the application.
    Request(RequestNumber, SubscriptionNumber),
    /// To the library's own subscription after the loss of a session, and it was taken.
    Resubscribed,
    /// To the library's own subscription after the loss of a session, and it was refused.
    Lost(SubscriptionNumber),
}

/// All operations that are not answered, in the order of their numbers.
#[derive(Debug)]
pub(super) struct Requests {
    /// The number of the first of `operations`; everything below is answered.
    first: OperationNumber,
    operations: VecDeque<Operation>,
    /// How many of them have been sent over the present connection.
    sent: usize,
    /// How many of them have ever been sent.
    ever_sent: usize,
    /// How many of them are not answered.
    unanswered: usize,
    /// How many of these are the library's own.
    resubscribing: usize,
    asked: u64,
    /// What the broker has taken, with the number of the operation.
    confirmed: BTreeMap<SubscriptionNumber, (OperationNumber, FilterText)>,
    /// Subscriptions with an unanswered unsubscribe, the last one of each.
    ending: BTreeMap<SubscriptionNumber, OperationNumber>,
}

#[derive(Clone, Debug)]
enum Operation {
    Unanswered {
        origin: Origin,
        number: SubscriptionNumber,
        filter: Option<FilterText>,
    },
    /// Others before it are not.
    Answered,
}

#[derive(Clone, Copy, Debug)]
enum Origin {
    Application(RequestNumber),
    Resubscription,
}

impl Requests {
    pub(super) fn new() -> Self {
        Self {
            first: OperationNumber(1),
            operations: VecDeque::new(),
            sent: 0,
            ever_sent: 0,
            unanswered: 0,
            resubscribing: 0,
            asked: 0,
            confirmed: BTreeMap::new(),
            ending: BTreeMap::new(),
        }
    }

    /// The application asks for something.
    pub(super) fn ask(
        &mut self,
        number: SubscriptionNumber,
        filter: Option<FilterText>,
    ) -> RequestNumber {
        self.asked += 1;
        let request = RequestNumber(self.asked);
        self.push(Origin::Application(request), number, filter);
        request
    }

    /// The next operation that may be sent, and whether it was sent before.
    pub(super) fn next(&mut self) -> Option<(SubscriptionRequest, bool)> {
        while self.sent < self.operations.len().min(OPERATIONS_IN_FLIGHT_MAX) {
            let index = self.sent;
            self.sent += 1;
            let is_repeat = self.sent <= self.ever_sent;
            self.ever_sent = self.ever_sent.max(self.sent);
            if let Operation::Unanswered { number, filter, .. } = &self.operations[index] {
                let request = SubscriptionRequest {
                    operation: self.number_at(index),
                    unanswered_from: self.first,
                    number: *number,
                    filter: filter.clone(),
                };
                return Some((request, is_repeat));
            }
        }
        None
    }

    /// An answer has come.
    pub(super) fn answered(&mut self, number: OperationNumber, is_refused: bool) -> Answer {
        let Some(index) = number.0.checked_sub(self.first.0) else {
            return Answer::Repeated;
        };
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        if index >= self.ever_sent {
            return Answer::Unknown;
        }
        let operation = mem::replace(&mut self.operations[index], Operation::Answered);
        let Operation::Unanswered {
            origin,
            number: subscription,
            filter,
        } = operation
        else {
            return Answer::Repeated;
        };
        self.unanswered -= 1;
        if !is_refused {
            self.confirm(number, subscription, filter);
        }
        if self.ending.get(&subscription) == Some(&number) {
            self.ending.remove(&subscription);
        }
        self.drop_answered();
        match origin {
            Origin::Application(request) => Answer::Request(request, subscription),
            Origin::Resubscription => {
                self.resubscribing -= 1;
                self.resubscription_answered(number, subscription, is_refused)
            }
        }
    }

    /// Another connection of the same session: everything unanswered is to be sent again.
    pub(super) fn repeat(&mut self) {
        self.sent = 0;
    }

    /// Another session: everything confirmed is to be subscribed again, then comes what is unanswered. Numbers go on
    /// rising, so nothing can be taken for an operation of the session before.
    pub(super) fn begin_again(&mut self) {
        self.first = self.number_at(self.operations.len());
        let unanswered = mem::take(&mut self.operations);
        self.sent = 0;
        self.ever_sent = 0;
        self.unanswered = 0;
        self.resubscribing = 0;
        self.ending.clear();
        let confirmed: Vec<_> = self
            .confirmed
            .iter()
            .map(|(number, (_, filter))| (*number, filter.clone()))
            .collect();
        for (number, filter) in confirmed {
            self.push(Origin::Resubscription, number, Some(filter));
            self.resubscribing += 1;
        }
        for operation in unanswered {
            if let Operation::Unanswered {
                origin: origin @ Origin::Application(_),
                number,
                filter,
            } = operation
            {
                self.push(origin, number, filter);
            }
        }
    }

    /// Takes out the hits of what the application has ended, and says which. They may be on their way for a while.
    pub(super) fn drop_ended(&self, hits: &mut Vec<Hit>) -> Vec<Hit> {
        if self.ending.is_empty() {
            return Vec::new();
        }
        let has_ended = |hit: &mut Hit| {
            let ended = self.ending.get(&hit.number);
            ended.is_some_and(|ended| hit.operation < *ended)
        };
        hits.extract_if(.., has_ended).collect()
    }

    /// How many requests are not answered.
    pub(super) fn unanswered(&self) -> usize {
        self.unanswered
    }

    /// Whether the library has subscribed something again and waits for the answer.
    pub(super) fn is_resubscribing(&self) -> bool {
        self.resubscribing > 0
    }

    fn push(&mut self, origin: Origin, number: SubscriptionNumber, filter: Option<FilterText>) {
        if filter.is_none() {
            let operation = self.number_at(self.operations.len());
            self.ending.insert(number, operation);
        }
        self.unanswered += 1;
        self.operations.push_back(Operation::Unanswered {
            origin,
            number,
            filter,
        });
    }

    fn confirm(
        &mut self,
        operation: OperationNumber,
        number: SubscriptionNumber,
        filter: Option<FilterText>,
    ) {
        match filter {
            Some(filter) => {
                let before = self.confirmed.get(&number);
                if before.is_none_or(|(before, _)| *before < operation) {
                    self.confirmed.insert(number, (operation, filter));
                }
            }
            None => {
                self.confirmed.remove(&number);
            }
        }
    }

    fn resubscription_answered(
        &mut self,
        operation: OperationNumber,
        number: SubscriptionNumber,
        is_refused: bool,
    ) -> Answer {
        if !is_refused {
            return Answer::Resubscribed;
        }
        let confirmed = self.confirmed.get(&number);
        if confirmed.is_some_and(|(confirmed, _)| *confirmed < operation) {
            self.confirmed.remove(&number);
        }
        Answer::Lost(number)
    }

    fn drop_answered(&mut self) {
        while matches!(self.operations.front(), Some(Operation::Answered)) {
            self.operations.pop_front();
            self.first = self.first.next();
            self.sent = self.sent.saturating_sub(1);
            self.ever_sent -= 1;
        }
    }

    fn number_at(&self, index: usize) -> OperationNumber {
        OperationNumber(self.first.0 + index as u64)
    }
}
