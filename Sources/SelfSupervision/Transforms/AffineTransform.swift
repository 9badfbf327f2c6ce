internal import Foundation
internal import Learning
public import StageKit

/// The clip turned, scaled and shifted a little, by how much is asked.
///
/// Numbers are -1 to 1, as parts of the largest change; a change of size 0 is not asked for. Scales
/// are even on a logarithmic scale: 1 is `1 + scale`, -1 its inverse.
/// Source: Jiao et al. (ISBI 2020), beside the order of frames; the ranges are our choice.
public struct AffineTransform: Transform {
  public static let name = "affine"
  public static let summary = "The clip turned, scaled and shifted: by how much?"
  /// Degrees.
  let angle: Double
  let scale: Double
  /// Of height and width.
  let shift: Double

  public init(options: inout OptionReader) throws(Diagnostic) {
    angle = try options.number(
      "angle", from: 0, to: 180, default: 15, unit: "degrees",
      help: "largest turn, clockwise or back")
    scale = try options.number(
      "scale", from: 0, to: 1, default: 0.1, help: "largest growth; 0.1 is by a tenth")
    shift = try options.number(
      "shift", from: 0, to: 0.5, default: 0.1, help: "largest shift, of height and width")
    guard angle + scale + shift > 0 else {
      throw options.problem("angle", "is 0 as scale and shift are; expected one above 0")
    }
  }

  public static var presets: [Preset] { [] }

  public var target: Target { .numbers(names) }
  public var changes: Set<Change> { [.placement] }

  public func reach(size: [Int]) -> Double {
    // A turned window reaches furthest along its shorter side, up to where its corner is on top.
    let ratio = Double(max(size[0], size[1])) / Double(min(size[0], size[1]))
    let turn = min(angle * .pi / 180, atan(ratio))
    return (cos(turn) + ratio * sin(turn)) * (1 + scale) * (1 + 2 * shift)
  }

  private var names: [String] {
    (angle > 0 ? ["angle"] : []) + (scale > 0 ? ["scale"] : [])
      + (shift > 0 ? ["down", "right"] : [])
  }

  public func draw(using random: inout CounterRandom) -> Answer {
    .numbers(names.map { _ in Float(random.uniform(-1, 1)) })
  }

  public func apply(
    _ answer: Answer, to sample: inout Sample, size: [Int], using random: inout CounterRandom
  ) throws {
    guard case .numbers(let numbers) = answer, numbers.count == names.count else {
      throw LearningError(.badSetting, "'affine' has the numbers \(names); the answer is \(answer)")
    }
    let parts = Dictionary(uniqueKeysWithValues: zip(names, numbers.map { Double($0) }))
    let change = placement(
      degrees: angle * (parts["angle"] ?? 0), growth: pow(1 + scale, parts["scale"] ?? 0),
      down: shift * Double(size[0]) * (parts["down"] ?? 0),
      right: shift * Double(size[1]) * (parts["right"] ?? 0), size: size)
    sample.editFrames { $0.geometry = $0.geometry.after(change) }
  }

  /// From rendered to unchanged: what is shown is turned and grown about the centre, then shifted.
  private func placement(
    degrees: Double, growth: Double, down: Double, right: Double, size: [Int]
  ) -> Affine {
    let (sine, cosine) = (sin(degrees * .pi / 180) / growth, cos(degrees * .pi / 180) / growth)
    let (y, x) = (Double(size[0] - 1) / 2, Double(size[1] - 1) / 2)
    return Affine(
      yy: cosine, yx: -sine, y0: y - cosine * (y + down) + sine * (x + right),
      xy: sine, xx: cosine, x0: x - sine * (y + down) - cosine * (x + right))
  }
}
