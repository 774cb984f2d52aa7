//! Who is what for a slot.

use gomera_model::Incarnation;
use gomera_model::topology::ExitPoints;

use crate::world::{EXIT_POINTS, Placement, alone};

pub(crate) const OLD: Incarnation = EXIT_POINTS[0];
pub(crate) const NEW: Incarnation = EXIT_POINTS[1];
pub(crate) const BACKUP: Incarnation = EXIT_POINTS[2];
pub(crate) const OTHER: Incarnation = EXIT_POINTS[3];

/// Delivered by one, while another is filled.
pub(crate) fn moving(primary: Incarnation, further: Incarnation) -> ExitPoints {
    ExitPoints {
        further: Some(further),
        ..alone(primary)
    }
}

/// Delivered by one, held by another.
pub(crate) fn pair(primary: Incarnation, backup: Incarnation) -> ExitPoints {
    ExitPoints {
        backup: Some(backup),
        ..alone(primary)
    }
}

/// A pair, while one more is filled.
pub(crate) fn pair_and(
    primary: Incarnation,
    backup: Incarnation,
    further: Incarnation,
) -> ExitPoints {
    ExitPoints {
        further: Some(further),
        ..pair(primary, backup)
    }
}

pub(crate) fn placement(listed: &[Incarnation], slots: &[ExitPoints]) -> Placement {
    Placement {
        listed: listed.to_vec(),
        slots: slots.to_vec(),
    }
}
