//! stub
use crate::{Attributes, Content, ContentError};
/// stub
pub fn flatten(content: &Content) -> Result<Attributes, ContentError> {
    Ok(content.attributes.clone())
}
