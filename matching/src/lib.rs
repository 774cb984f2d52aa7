//! The matching index: which subscriptions does a notification satisfy.
