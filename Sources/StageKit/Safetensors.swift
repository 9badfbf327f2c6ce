/// The element types of a safetensors file that fathom reads and writes.
///
/// Source: the format of github.com/huggingface/safetensors, README, section "Format".
public enum TensorType: String, Hashable, Sendable, CaseIterable {
  case bool = "BOOL"
  case u8 = "U8"
  case i8 = "I8"
  case u16 = "U16"
  case i16 = "I16"
  case f16 = "F16"
  case bf16 = "BF16"
  case u32 = "U32"
  case i32 = "I32"
  case f32 = "F32"
  case u64 = "U64"
  case i64 = "I64"
  case f64 = "F64"

  /// Bytes of one element.
  public var size: Int {
    switch self {
    case .bool, .u8, .i8: 1
    case .u16, .i16, .f16, .bf16: 2
    case .u32, .i32, .f32: 4
    case .u64, .i64, .f64: 8
    }
  }
}

/// A Swift type that a tensor's elements can be read and written as, without conversion.
public protocol TensorElement: BitwiseCopyable, Sendable {
  static var tensorType: TensorType { get }
}

extension UInt8: TensorElement { public static var tensorType: TensorType { .u8 } }
extension Int8: TensorElement { public static var tensorType: TensorType { .i8 } }
extension UInt16: TensorElement { public static var tensorType: TensorType { .u16 } }
extension Int16: TensorElement { public static var tensorType: TensorType { .i16 } }
extension UInt32: TensorElement { public static var tensorType: TensorType { .u32 } }
extension Int32: TensorElement { public static var tensorType: TensorType { .i32 } }
extension UInt64: TensorElement { public static var tensorType: TensorType { .u64 } }
extension Int64: TensorElement { public static var tensorType: TensorType { .i64 } }
extension Float: TensorElement { public static var tensorType: TensorType { .f32 } }
extension Double: TensorElement { public static var tensorType: TensorType { .f64 } }

/// Why a safetensors file cannot be read or written.
public struct SafetensorsError: Error, Hashable, Sendable, CustomStringConvertible {
  public enum Code: String, Hashable, Sendable {
    /// The system refused: no such file, no permission, no space.
    case system
    /// The file is shorter than its header says.
    case truncated
    /// The header is no JSON of the right form, or has an impossible length.
    case badHeader
    /// Tensors overlap, leave a hole, or are longer or shorter than type and shape say.
    case badOffsets
    case missingTensor
    case wrongType
    case wrongShape
  }

  public var code: Code
  public var path: String
  /// What is wrong and what was expected.
  public var message: String

  public init(_ code: Code, path: String, _ message: String) {
    self.code = code
    self.path = path
    self.message = message
  }

  public var description: String { "'\(path)': \(message)" }
}
