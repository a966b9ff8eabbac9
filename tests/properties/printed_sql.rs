//! Printed SQL.
