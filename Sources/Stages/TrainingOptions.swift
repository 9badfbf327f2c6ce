internal import Learning
internal import StageKit

/// Options that every stage with a network has.
extension OptionReader {
  /// `auto` becomes what this processor can do before the key is made, since results differ.
  mutating func precision(default standard: Precision = .auto) throws(Diagnostic) -> Precision {
    try choice(
      "precision", default: standard,
      meaning: { $0 == .auto ? Precision.ofThisProcessor : $0 },
      help: "in which numbers the network computes; auto: bfloat16 where the processor has it")
  }

  /// Part of the key: sums inside oneDNN depend on the number of threads.
  mutating func threads() throws(Diagnostic) -> Int {
    try integer(
      "threads", in: 1...1024, default: 2, unit: "threads",
      help: "that the network computes with; give the stage as many in resources: {cpu: …}")
  }
}

extension StageContext {
  /// The file behind an option `weights`.
  ///
  /// - Parameter path: what the option names
  /// - Throws: `StageFailure` where that is a folder of none or several
  func weightsFile(_ path: String) throws -> String {
    guard sources.count == 1 else {
      throw StageFailure(
        "option 'weights' names '\(path)', which holds \(sources.count) files; expected one "
          + "safetensors file")
    }
    return sources[0].path
  }
}
