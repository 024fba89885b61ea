//! Claims about the module as a whole.
