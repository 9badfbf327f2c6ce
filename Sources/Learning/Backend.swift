/// The type of a tensor's elements.
public enum ElementType: String, Hashable, Sendable {
  case float32, bfloat16

  /// Bytes of one element.
  public var size: Int { self == .float32 ? 4 : 2 }
}

/// The shape and type of a tensor, and how its elements lie in a device's memory.
///
/// Only a backend knows the order; others compare layouts and ask for conversions.
public protocol Layout: AnyObject {
  var shape: [Int] { get }
  var type: ElementType { get }
  /// Bytes that a tensor takes, padding included.
  var byteCount: Int { get }
  func isEqual(to other: any Layout) -> Bool
}

extension Layout {
  /// Bytes by the size of one element: padding is 0 and stays 0 under elementwise operations.
  var paddedCount: Int { byteCount / type.size }
}

/// Memory of a device; freed with its last owner.
public protocol Memory: AnyObject {
  var byteCount: Int { get }
  /// An address on the device.
  var address: UnsafeMutableRawPointer { get }
}

/// What an argument is to an operation.
public enum Role: Int, Hashable, Sendable, CaseIterable {
  case source, source1, source2, source3
  case weights, bias, destination
  case mean, variance, scale, shift
  /// What the forward pass leaves for the backward pass.
  case workspace
  /// What an operation needs while it runs, and no longer.
  case scratch
  case sourceGradient, weightsGradient, biasGradient, destinationGradient
  case scaleGradient, shiftGradient

  static let sources: [Role] = [.source, .source1, .source2, .source3]
}

/// An argument when an operation is planned.
public enum Argument {
  case fixed(any Layout)
  /// The operation chooses the order.
  case open(shape: [Int], ElementType)
}

/// An operation on a device with all layouts settled, not yet bound to memory.
public protocol PlannedOperation: AnyObject {
  /// Of all arguments given, and of `workspace` and `scratch` where it needs them.
  var layouts: [Role: any Layout] { get }
  /// The kernel that does it, for profiles.
  var kernel: String { get }
  func bind(_ addresses: [Role: UnsafeMutableRawPointer]) throws -> any Call
}

/// An operation bound to memory; can be run any number of times.
public protocol Call: AnyObject {
  /// - Parameter step: the step of the training, for what is random
  func run(step: UInt64) throws
}

/// A call that is one function, with what it works on captured.
final class KernelCall: Call {
  private let body: (_ step: UInt64) throws -> Void

  init(_ body: @escaping (_ step: UInt64) throws -> Void) { self.body = body }

  func run(step: UInt64) throws { try body(step) }
}

/// All that networks ask of a device.
///
/// Layouts are opaque, operations are planned once and run often, and all memory belongs to the
/// caller: a second device is one more conforming type. Calls are made by one thread at a time.
public protocol Backend: AnyObject {
  /// `oneDNN 2.6.3`
  var name: String { get }
  /// Sums depend on it: equal bytes need an equal number.
  var threads: Int { get }
  /// Whether the device multiplies bfloat16 by instructions of its own.
  var hasBFloat16: Bool { get }
  /// Row-major without padding.
  func rowMajor(_ shape: [Int], _ type: ElementType) throws -> any Layout
  func plan(_ operation: Operation, _ arguments: [Role: Argument]) throws -> any PlannedOperation
  /// Memory filled with zeros.
  func allocate(_ byteCount: Int) throws -> any Memory
  /// Called before the calls of one thread begin.
  func prepareThread()
  /// For a thread that works beside the calls, to be called on it once: it will get its share of the
  /// processors.
  var announceThread: @Sendable () -> Void { get }

  func write(_ values: UnsafeRawBufferPointer, to address: UnsafeMutableRawPointer)
  func read(from address: UnsafeRawPointer, into values: UnsafeMutableRawBufferPointer)
  /// The sum of squares of float32 elements.
  func squaredNorm(_ address: UnsafeRawPointer, count: Int) -> Double
  func isFinite(_ address: UnsafeRawPointer, count: Int, _ type: ElementType) -> Bool
  /// One step of gradient descent on float32 elements.
  func descend(
    _ settings: DescentSettings, weights: UnsafeMutableRawPointer,
    velocity: UnsafeMutableRawPointer, gradient: UnsafeRawPointer, count: Int)
}

/// The numbers of one step of stochastic gradient descent.
public struct DescentSettings: Hashable, Sendable {
  public var rate: Float
  public var momentum: Float
  public var decay: Float
  public var isNesterov: Bool
  /// What gradients are multiplied by first: below 1 where they are clipped.
  public var gradientScale: Float
}

/// Why a network cannot be built, run, read or written.
public struct LearningError: Error, Hashable, Sendable, CustomStringConvertible {
  public enum Code: String, Hashable, Sendable {
    /// Shapes do not fit, or a size is out of range.
    case badShape
    /// A setting is out of its range.
    case badSetting
    /// The device refused: no kernel, no memory.
    case device
    /// A value is NaN or infinite.
    case notFinite
    /// A file of weights or a checkpoint does not fit the network.
    case badWeights
  }

  public var code: Code
  /// What is wrong, where, and what was expected.
  public var message: String

  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  public var description: String { message }
}
