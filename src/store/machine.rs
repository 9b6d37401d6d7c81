//! The machine and the program, for the manifest, as far as the operating system reports them.

/// Name of the CPU.
pub fn cpu() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    info.lines()
        .find_map(|line| line.strip_prefix("model name"))
        .and_then(|rest| rest.split_once(':'))
        .map_or_else(|| std::env::consts::ARCH.to_string(), |(_, name)| name.trim().to_string())
}

/// Instruction sets of this CPU that kernels choose among.
pub fn cpu_features() -> Vec<String> {
    #[cfg(target_arch = "x86_64")]
    let features = [
        ("avx2", is_x86_feature_detected!("avx2")),
        ("fma", is_x86_feature_detected!("fma")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
    ];
    #[cfg(not(target_arch = "x86_64"))]
    let features: [(&str, bool); 0] = [];
    features.into_iter().filter(|(_, has)| *has).map(|(name, _)| name.to_string()).collect()
}

/// Commit that the program was built from; none outside a Git checkout.
pub fn commit() -> Option<String> {
    option_env!("MMOE_STUDY_COMMIT").filter(|commit| !commit.is_empty()).map(str::to_string)
}

/// Peak resident memory of this process, in bytes; 0 where the system does not report it.
pub fn peak_memory_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.trim().strip_suffix("kB"))
        .and_then(|kilobytes| kilobytes.trim().parse::<u64>().ok())
        .map_or(0, |kilobytes| kilobytes * 1024)
}

/// Available memory in bytes: that of the system, or what the control group (of a batch job or container) leaves of
/// its limit where that is less. None where the system does not report it.
pub fn available_memory_bytes() -> Option<u64> {
    let system = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
    });
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    system.into_iter().chain(groups.lines().filter_map(control_group_bytes)).min()
}

/// Memory that a control group and its ancestors leave of their limits; `line` is one of `/proc/self/cgroup`.
fn control_group_bytes(line: &str) -> Option<u64> {
    let mut fields = line.splitn(3, ':').skip(1);
    let (controllers, path) = (fields.next()?, fields.next()?);
    // Version 2 has one tree without controllers; version 1 has a tree for each controller.
    let (root, limit, used) = match controllers {
        "" => ("/sys/fs/cgroup", "memory.max", "memory.current"),
        "memory" => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
        _ => return None,
    };
    let number = |folder: &std::path::Path, name: &str| {
        std::fs::read_to_string(folder.join(name)).ok()?.trim().parse::<u64>().ok()
    };
    std::path::Path::new(path)
        .ancestors()
        .filter_map(|within| {
            let folder = std::path::Path::new(root).join(within.strip_prefix("/").unwrap_or(within));
            Some(number(&folder, limit)?.saturating_sub(number(&folder, used)?))
        })
        .min()
}

/// CPU seconds of all threads of this process; 0 where the system does not report them.
pub fn cpu_seconds() -> f64 {
    /// Linux reports hundredths of a second to programs, whatever the kernel's own clock.
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // User and system time are the 12th and 13th fields after the command's name in brackets.
    let Some((_, fields)) = stat.rsplit_once(')') else { return 0.0 };
    fields.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<f64>().ok()).sum::<f64>()
        / TICKS_PER_SECOND
}
