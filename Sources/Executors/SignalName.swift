/// `SIGSEGV` for 11; `signal 40` for one that has no name of its own. Numbers are Linux's.
public func signalName(_ number: Int) -> String {
  let names = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
    "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
    "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
  ]
  return names.indices.contains(number - 1) ? "SIG\(names[number - 1])" : "signal \(number)"
}
