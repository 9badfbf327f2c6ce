import Foundation
import Learning
import StageKit
import Testing

/// One after the other: threads of oneDNN spin while they wait, and would take each other's time.
@Suite("learning", .serialized) enum LearningTests {}

/// Whether this processor has instructions for bfloat16; without them nothing is computed in it.
let hasBFloat16 = (try? OneDNNBackend(threads: 1).hasBFloat16) ?? false
let noBFloat16: Comment = "this processor has no instructions for bfloat16"

/// `Tests/Goldens/learning`: what PyTorch computes; see the script there.
struct Goldens {
  let file: SafetensorsFile

  static func folder(_ file: String = #filePath) -> URL {
    URL(fileURLWithPath: file).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Goldens/learning")
  }

  init(_ name: String) throws {
    file = try SafetensorsFile(
      path: Goldens.folder().appending(path: name).path(percentEncoded: false))
  }

  func has(_ name: String) -> Bool { file.entries.contains { $0.name == name } }
  func shape(_ name: String) throws -> [Int] { try file.entry(name).shape }
  func values(_ name: String) throws -> [Float] { try file.tensor(name, of: Float.self).array }
}

/// The distance of two vectors, by the length of the expected one.
func relativeError(_ values: [Float], _ expected: [Float]) -> Double {
  guard values.count == expected.count else { return .infinity }
  let distance = zip(values, expected).reduce(0.0) {
    $0 + (Double($1.0) - Double($1.1)) * (Double($1.0) - Double($1.1))
  }
  let length = expected.reduce(0.0) { $0 + Double($1) * Double($1) }
  // A gradient that is 0 in theory has no length to compare with.
  return distance.squareRoot() / max(length.squareRoot(), 1e-3)
}

func expectClose(
  _ values: [Float], _ expected: [Float], _ what: String, tolerance: Double = 1e-4,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  let error = relativeError(values, expected)
  #expect(error <= tolerance, "\(what): relative error \(error)", sourceLocation: sourceLocation)
}

/// One layer or network as a program with an input, an output and a gradient.
struct Run {
  let program: Program
  let input: Tensor
  let output: Tensor
  private let outputGradient: Tensor?
  private let inputGradient: Tensor?

  init(
    _ layer: any Layer, _ shape: [Int], mode: Program.Mode = .training,
    type: ElementType = .float32, on backend: any Backend
  ) throws {
    program = Program(on: backend, mode: mode, type: type)
    input = try program.input(shape)
    // Through an operation, so that a gradient of the input is wanted.
    let (copy, copyBackward) = try Passage().forward(input, in: program)
    let (y, backward) = try layer.forward(copy, in: program)
    output = try program.output(y)
    guard mode == .training else {
      (outputGradient, inputGradient) = (nil, nil)
      try program.finish()
      return
    }
    program.beginBackward()
    let dy = try program.input(program.shape(of: y))
    let dx = try copyBackward(backward(Gradient(dy)))
    inputGradient = try program.output(program.summed(dx))
    outputGradient = dy
    try program.finish()
  }

  func forward(_ x: [Float], step: UInt64 = 0) throws -> [Float] {
    try program.write(x, to: input)
    try program.forward(step: step)
    return try program.read(output)
  }

  func backward(_ dy: [Float], step: UInt64 = 0) throws -> [Float] {
    let (outputGradient, inputGradient) = (
      try #require(outputGradient), try #require(inputGradient)
    )
    try program.write(dy, to: outputGradient)
    try program.backward(step: step)
    return try program.read(inputGradient)
  }
}

/// Passes its input on, as a tensor whose gradient is wanted.
private struct Passage: Layer {
  var parameters: [Parameter] { [] }

  func forward(_ x: Tensor, in program: Program) throws -> (Tensor, Backward) {
    (try program.copy(x), { $0 })
  }
}

/// Values from -1 to 1 without a period that sizes of tensors share.
func testPattern(_ count: Int) -> [Float] {
  (0..<count).map { index -> Float in
    let step = (index * 7919) % 103
    return Float(step) / 51 - 1
  }
}

/// Gives all kernels values that keep variances, in a tenth of the time that random ones take here.
func setTestWeights(_ layers: [any Layer]) throws {
  for parameter in layers.flatMap(\.parameters) where parameter.shape.count > 1 {
    let fan = Float(parameter.count / parameter.shape[0])
    let factor = (6 / fan).squareRoot()
    try parameter.set(testPattern(parameter.count).map { $0 * factor })
  }
}
