//! Generates the contract's types from `../proto/datapath.proto`, without protoc.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=../proto/datapath.proto");
    println!("cargo:rerun-if-env-changed=GATEWAY_REVISION");
    let descriptors = protox::compile(["datapath.proto"], ["../proto"])?;
    prost_build::Config::new()
        // Messages hold keys, passwords and notes: none of them can be printed.
        .skip_debug(["."])
        .enum_attribute(".gateway.datapath.Refused.Reason", "#[derive(Debug)]")
        .compile_fds(descriptors)?;
    Ok(())
}
