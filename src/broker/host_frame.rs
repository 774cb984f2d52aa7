//! What goes over the link from one host to another: lanes of instances, and the words of the leader and to it.

use gomera_coordinator::{Answer, Load, ScaleRequest};
use gomera_model::control::{Control, Report};
use gomera_model::packed::as_document;
use gomera_model::{HostId, Incarnation, Instance, OperationId};
use serde::{Deserialize, Serialize};

use super::shared::SharedFrame;
use super::view::View;
use crate::zookeeper::Term;

/// One thing that is said.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum HostFrame {
    /// What one instance hands over in one turn; the same to several, where it is the same.
    Batch {
        from: Incarnation,
        to: Vec<Incarnation>,
        frames: Vec<SharedFrame>,
    },
    /// From a leader: it leads since this term.
    Lead(Term),
    /// From the leader: start an instance.
    Start {
        term: Term,
        #[serde(with = "as_document")]
        instance: Instance,
    },
    /// From the leader: stop one.
    Stop { term: Term, instance: Incarnation },
    /// From the leader to an instance.
    Tell {
        term: Term,
        to: Incarnation,
        control: Control,
    },
    /// From the leader: what those see who only look.
    View(#[serde(with = "as_document")] Box<View>),
    /// From the leader: the answer to a question.
    Answer {
        number: u64,
        #[serde(with = "as_document")]
        answer: Answer,
    },
    /// To the leader: an instance runs.
    Started(Incarnation),
    /// To the leader: an instance cannot be started, or has ended.
    Failed(Incarnation),
    /// To the leader: an instance reports.
    Report { from: Incarnation, report: Report },
    /// To the leader: what an instance holds.
    Load { from: Incarnation, load: Load },
    /// To the leader: the link to this host is broken, or nothing is heard from it.
    Lost(HostId),
    /// To the leader: somebody asks for something.
    Ask {
        number: u64,
        #[serde(with = "as_document")]
        question: Question,
    },
    /// To everybody, from time to time: this host is there.
    Beat,
}

/// What can be asked of the coordinator.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Question {
    /// Another number of instances.
    Scale(ScaleRequest),
    /// To give an operation up.
    Abort(OperationId),
    /// A host to be emptied.
    Drain(HostId),
}
