//! Every limit of the operators, with its reason.
