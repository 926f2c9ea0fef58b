//! test world
