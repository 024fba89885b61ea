//! Landlock (landlock(7)): rights are taken without an exception, so there is no list to err in.
//! Descriptors that are open keep what they can do.

use landlock::{
    ABI, Access, AccessFs, AccessNet, LandlockStatus, RestrictionStatus, Ruleset, RulesetAttr,
    RulesetError, RulesetStatus, Scope,
};

/// Takes every right that the kernel knows and says its ABI; an error when it has no Landlock.
pub(super) fn close() -> Result<u32, String> {
    let restricted = restrict().map_err(|error| format!("Landlock failed: {error}"))?;
    match (restricted.ruleset, restricted.landlock) {
        (RulesetStatus::NotEnforced, LandlockStatus::NotEnabled) => {
            Err("Landlock is switched off; start the kernel with lsm=landlock,...".into())
        }
        (_, LandlockStatus::Available { effective_abi, kernel_abi }) => {
            Ok(kernel_abi.unwrap_or(effective_abi as i32).unsigned_abs())
        }
        _ => Err("the kernel has no Landlock; Linux 5.13 or later is needed".into()),
    }
}

/// What newer kernels know is asked for as well and left out by the crate where it is not known:
/// truncate (ABI 3), TCP (4), ioctl on devices (5), signals and abstract Unix sockets (6), Unix
/// sockets by path (9). Of ABI 10 the rights of UDP are left out: UDP is what the process is for.
fn restrict() -> Result<RestrictionStatus, RulesetError> {
    Ruleset::default()
        .handle_access(AccessFs::from_all(ABI::V9))?
        .handle_access(AccessNet::BindTcp | AccessNet::ConnectTcp)?
        .scope(Scope::from_all(ABI::V6))?
        .create()?
        .restrict_self()
}
