//! Where a value is found in a notification.

use alloc::boxed::Box;

use smol_str::SmolStr;

/// The way to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// The attribute in the flattened notification, dots and all; empty where `variable` is set.
    pub name: SmolStr,
    /// The variable of an enclosing `ANY` or `ALL` that the path starts from, counted from the outermost, 0.
    pub variable: Option<u8>,
    /// From there on into arrays and the objects in them. Empty for an ordinary attribute.
    pub steps: Box<[Step]>,
}

/// One step into a nested value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The member of an array, from 0.
    Index(u32),
    /// The field of an object.
    Key(SmolStr),
}

impl Path {
    /// An attribute by its full name.
    #[must_use]
    pub fn attribute(name: impl Into<SmolStr>) -> Self {
        Self {
            name: name.into(),
            variable: None,
            steps: Box::default(),
        }
    }

    /// Goes on into the value: below an attribute by a longer name, below a member of an array by steps.
    pub(crate) fn extend(&mut self, steps: impl IntoIterator<Item = Step>) {
        let mut inner = core::mem::take(&mut self.steps).into_vec();
        for step in steps {
            if let Step::Key(key) = &step
                && inner.is_empty()
                && self.variable.is_none()
            {
                self.name = SmolStr::from_iter([self.name.as_str(), ".", key.as_str()]);
            } else {
                inner.push(step);
            }
        }
        self.steps = inner.into_boxed_slice();
    }

    /// The attribute's name, if the path is nothing but an attribute.
    #[must_use]
    pub fn plain(&self) -> Option<&str> {
        (self.variable.is_none() && self.steps.is_empty()).then_some(self.name.as_str())
    }
}
