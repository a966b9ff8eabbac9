//! `fluo schema`: JSON Schemas, for editors.

use fluo_rules::schema;

use crate::args::{Schema, SchemaOf};
use crate::exit::{Failure, Status};
use crate::terminal::Output;

pub(crate) fn run(args: &Schema) -> Result<Status, Failure> {
    let schema = match args.of {
        SchemaOf::Rules => schema::schema(),
        SchemaOf::Tests => schema::test_files(),
        SchemaOf::Silences => schema::silences(),
        SchemaOf::Config => schema::config(),
    };
    let mut output = Output::new();
    output.line(&schema)?;
    output.finish()?;
    Ok(Status::Done)
}
