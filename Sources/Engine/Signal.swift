/// Names of signals, as people know them.
public enum Signal {
  private static let names = [
    "", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
    "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU",
    "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
  ]

  /// `SIGSEGV` for 11, as Linux numbers them; `signal 40` where there is no name.
  public static func name(_ number: Int) -> String {
    names.indices.contains(number) && number > 0 ? "SIG" + names[number] : "signal \(number)"
  }
}
