//! The demonstration: the main job from end to end, alone, checked, and drawn.

pub mod page;
pub mod report;
