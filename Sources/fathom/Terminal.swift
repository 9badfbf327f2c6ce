import Glibc
import Synchronization

/// One of the two output streams, and what it may show.
struct Terminal: Sendable {
  enum Color: Sendable { case green, dim, cyan, yellow, red, bold }

  static let standardOutput = Terminal(descriptor: STDOUT_FILENO)
  static let standardError = Terminal(descriptor: STDERR_FILENO)
  /// `--color`, once it has been read.
  static let colorChoice = Mutex(ColorChoice.auto)

  let descriptor: Int32
  let isInteractive: Bool

  init(descriptor: Int32) {
    self.descriptor = descriptor
    isInteractive = isatty(descriptor) == 1 && Environment["TERM"] != "dumb"
  }

  /// `--color`, then `NO_COLOR` and `CLICOLOR_FORCE`, then whether a person is looking.
  var usesColor: Bool {
    switch Terminal.colorChoice.withLock({ $0 }) {
    case .always: true
    case .never: false
    case .auto:
      if !(Environment["NO_COLOR"] ?? "").isEmpty {
        false
      } else if !["", "0"].contains(Environment["CLICOLOR_FORCE"] ?? "") {
        true
      } else {
        isInteractive
      }
    }
  }

  /// Columns of the terminal; 80 where that is unknown.
  var width: Int {
    var size = winsize()
    guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }

  func paint(_ text: String, _ color: Color) -> String {
    guard usesColor else { return text }
    let code =
      switch color {
      case .green: "32"
      case .dim: "2"
      case .cyan: "36"
      case .yellow: "33"
      case .red: "31"
      case .bold: "1"
      }
    return "\u{1b}[\(code)m\(text)\u{1b}[0m"
  }

  /// Writes all of the text; a reader that has gone away ends the command quietly.
  func write(_ text: String) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count > 0 {
        bytes = bytes.dropFirst(count)
      } else if errno != EINTR {
        return
      }
    }
  }
}

enum ColorChoice: String, CaseIterable, Sendable {
  case auto, always, never
}

/// The caller's environment.
enum Environment {
  static subscript(name: String) -> String? {
    getenv(name).map { String(cString: $0) }
  }

  static var all: [String: String] {
    var all: [String: String] = [:]
    var next = environ
    while let entry = next.pointee {
      let text = String(cString: entry)
      if let equals = text.firstIndex(of: "=") {
        all[String(text[..<equals])] = String(text[text.index(after: equals)...])
      }
      next += 1
    }
    return all
  }
}

/// Keeps text from a file from steering the terminal.
extension String {
  var printable: String {
    guard utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) else { return self }
    return String(
      String.UnicodeScalarView(
        unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7f ? "\u{fffd}" : $0 }))
  }
}
