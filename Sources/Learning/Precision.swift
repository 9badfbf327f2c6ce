internal import COneDNN

/// In which type a network computes; weights, statistics and losses are float32 in each.
public enum Precision: String, Hashable, Sendable, CaseIterable {
  /// bfloat16 where the processor multiplies it by instructions of its own, else float32.
  case auto
  case float32
  case bfloat16

  /// What `auto` means on this processor.
  public static var ofThisProcessor: Precision { cdnn_has_bfloat16() ? .bfloat16 : .float32 }

  /// What it becomes on a device: part of the key, since results differ.
  public func resolved(on backend: any Backend) throws -> ElementType {
    switch self {
    case .auto: return backend.hasBFloat16 ? .bfloat16 : .float32
    case .float32: return .float32
    case .bfloat16:
      guard backend.hasBFloat16 else {
        throw LearningError(
          .badSetting,
          "precision is bfloat16, which this processor has no instructions for; use 'float32' or"
            + " 'auto'")
      }
      return .bfloat16
    }
  }
}
