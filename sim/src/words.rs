//! What people call things.

use gomera_model::{Instance, Layer};

/// `matcher 2`.
#[must_use]
pub(crate) fn instance(instance: &Instance) -> String {
    format!("{} {}", layer(instance.layer), instance.id)
}

fn layer(layer: Layer) -> &'static str {
    match layer {
        Layer::ConnectionPoints => "connection point",
        Layer::AccessPoints => "access point",
        Layer::Matchers => "matcher",
        Layer::ExitPoints => "exit point",
    }
}
