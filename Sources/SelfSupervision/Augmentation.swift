public import StageKit

/// How clips are varied before a transform is done to them.
public struct Augmentation: OptionGroup, Hashable, Sendable {
  /// Windows lie inside the fan, so that its outline gives nothing away.
  public let staysInFan: Bool
  /// Of a window's side, relative to the largest that fits.
  public let scale: [Double]

  public init(options: inout OptionReader) throws(Diagnostic) {
    staysInFan = try options.boolean(
      "inside_fan", default: false, help: "cut windows whose pixels all lie in the fan")
    scale = try options.numbers(
      "scale", count: 2, from: 0.05, to: 1, default: [0.7, 1],
      help: "smallest and largest side of a window, relative to the largest that fits")
  }
}
