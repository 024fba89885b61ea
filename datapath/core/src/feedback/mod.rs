//! RTCP machines.
