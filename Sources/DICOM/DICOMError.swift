/// Why a DICOM file cannot be read. Messages hold no value of an element that names a patient.
public struct DICOMError: Error, Hashable, Sendable, CustomStringConvertible {
  public enum Code: String, Hashable, Sendable {
    /// No file of the DICOM file format, or one that cannot be parsed.
    case unreadable
    /// A data set without pixel data.
    case noPixels
    /// The file ends before its pixel data does, or holds fewer frames than it announces.
    case truncated
    /// A transfer syntax, pixel format or sample size that is not read.
    case unsupported
    /// Elements that contradict each other, or data that break the rules of their syntax.
    case corrupt
    case outOfMemory
  }

  public var code: Code
  public var path: String
  /// The frame at which it happened, from 0; `nil` where no frame was at work.
  public var frame: Int?
  /// What is wrong and what was expected.
  public var message: String

  public var description: String {
    "'\(path)': \(frame.map { "frame \($0): " } ?? "")\(message)"
  }
}
