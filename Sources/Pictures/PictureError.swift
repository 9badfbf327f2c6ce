internal import CCairo

/// Why a picture cannot be drawn or written.
public struct PictureError: Error, Hashable, Sendable, CustomStringConvertible {
  public enum Code: String, Hashable, Sendable {
    /// The font's file is not there or no font.
    case noFont
    /// A size that cairo has no surface for.
    case badSize
    /// The system refused to write.
    case unwritable
    case outOfMemory
  }

  public var code: Code
  /// What is wrong, what was expected, what to do.
  public var message: String

  public var description: String { message }

  init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  init(_ status: cairo_status_t, path: String) {
    let reason = String(cString: cairo_status_to_string(status))
    self.init(
      status == CAIRO_STATUS_NO_MEMORY ? .outOfMemory : .unwritable,
      "'\(path)' cannot be written: \(reason)")
  }
}
