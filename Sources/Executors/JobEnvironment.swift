public import StageKit

/// The environment of a job: an allow-list, so that what a command computes depends on what the
/// pipeline declares and not on the shell from which it happened to be started.
///
/// From the caller's environment a command gets
/// - `PATH`, `HOME`, `USER`, `LOGNAME`: where programs and accounts are found;
/// - `LANG`, `LC_*`, `TZ`: without them programs fall back to ASCII and UTC;
/// - `SSL_CERT_FILE`, `SSL_CERT_DIR`: where this machine keeps its certificates;
/// - `CUDA_VISIBLE_DEVICES`: which devices may be used; it decides where, not what.
///
/// All else (`PYTHONPATH`, `LD_LIBRARY_PATH`, proxies, tokens) must be declared in the stage's
/// `env`, which makes it part of the action key. `TERM` is `dumb`: the output goes to a log.
public enum JobEnvironment {
  private static let allowed: Set = [
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR",
    "CUDA_VISIBLE_DEVICES",
  ]

  /// Of a `run:` command.
  ///
  /// - Parameters:
  ///   - caller: the environment of `fathom` itself.
  ///   - declared: the stage's `env`; it wins over all but the `FATHOM_` variables.
  ///   - stage: the instance's address, given as `FATHOM_STAGE`.
  ///   - run: the run's identity, given as `FATHOM_RUN`.
  public static func command(
    caller: [String: String], declared: [String: String], stage: String, run: String,
    layout: JobLayout, checkpointFolder: String, cpus: Int
  ) -> [String: String] {
    var environment = base(caller: caller, layout: layout, cpus: cpus)
    // Sets of strings in one order in every run, and no files beside the user's modules.
    environment["PYTHONHASHSEED"] = "0"
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    environment.merge(declared) { _, declared in declared }
    environment["FATHOM_STAGE"] = stage
    environment["FATHOM_RUN"] = run
    environment["FATHOM_CHECKPOINT_DIR"] = checkpointFolder
    environment["FATHOM_CPUS"] = "\(cpus)"
    return environment
  }

  /// Of our own worker.
  ///
  /// - Parameter processor: the text of `/proc/cpuinfo`.
  public static func worker(
    caller: [String: String], layout: JobLayout, cpus: Int, processor: String
  ) -> [String: String] {
    var environment = base(caller: caller, layout: layout, cpus: cpus)
    if hasAVX512(processor) {
      // OpenBLAS 0.3.21 knows no newer AMD processor and falls back to Haswell's kernels, which
      // take 1.9 times as long.
      environment["OPENBLAS_CORETYPE"] = "SKYLAKEX"
    }
    // A thread of libgomp that waits for the others spins 0.1 ms at most, ten thousand times (a
    // thousand where it counts more threads than processors, not its usual hundred), then sleeps.
    environment["OMP_WAIT_POLICY"] = "active"
    environment["GOMP_SPINCOUNT"] = "10000"
    return environment
  }

  private static func base(
    caller: [String: String], layout: JobLayout, cpus: Int
  ) -> [String: String] {
    var environment = caller.filter { name, _ in
      allowed.contains(name) || name.hasPrefix("LC_")
    }
    environment["TERM"] = "dumb"
    environment["TMPDIR"] = layout.temporary
    environment["XDG_CACHE_HOME"] = layout.temporary + "/cache"
    environment["OMP_NUM_THREADS"] = "\(cpus)"
    environment["OPENBLAS_NUM_THREADS"] = "\(cpus)"
    return environment
  }

  /// Whether all processors have the foundation of AVX-512 (`avx512f`).
  private static func hasAVX512(_ processor: String) -> Bool {
    let flags = processor.split(separator: "\n").filter { $0.hasPrefix("flags") }
    return !flags.isEmpty && flags.allSatisfy { $0.split(separator: " ").contains("avx512f") }
  }
}
