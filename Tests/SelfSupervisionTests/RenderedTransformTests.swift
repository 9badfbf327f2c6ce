import Learning
import SelfSupervision
import StageKit
import Testing

/// What transforms do to plans is what people see of them.
@Suite("Rendered transforms")
struct RenderedTransformTests {
  private static let side = 12
  private static let frames = 4

  /// Pixels `[t][y][x]` of a clip that is cut askew, without and with a transform.
  private func rendered(
    _ part: Value, _ label: Int
  ) throws -> (plain: [[[Float]]], changed: [[[Float]]]) {
    let scans = try Scans([.init(frames: 20) { noise($0, $1, $2) }])
    // As an augmentation cuts: turned a little, between the pixels.
    let cut = Affine(yy: 1.5, yx: 0.2, y0: 4.3, xy: -0.2, xx: 1.5, x0: 6.1)
    let plain = Sample(
      scan: 0, segment: 0..<20,
      clips: [ClipPlan(frames: (5..<5 + Self.frames).map { FramePlan(index: $0, geometry: cut) })])
    let changed = try transform(part)
      .applied(.index(label), to: plain, size: [Self.side, Self.side])
    let renderer = try Renderer(size: [Self.side, Self.side], channels: 1)
    func pixels(_ sample: Sample) throws -> [[[Float]]] {
      var values: [Float] = []
      try renderer.append(sample.clips[0], of: scans[0], to: &values)
      return (0..<Self.frames).map { t in
        (0..<Self.side).map { y in
          (0..<Self.side).map { x in values[(t * Self.side + y) * Self.side + x] }
        }
      }
    }
    return (try pixels(plain), try pixels(changed))
  }

  /// The largest difference of any pixel from what is wanted of the plain clip.
  private func error(
    _ part: Value, _ label: Int, _ wanted: ([[[Float]]], Int, Int, Int) -> Float
  ) throws -> Float {
    let (plain, changed) = try rendered(part, label)
    var worst: Float = 0
    for t in 0..<Self.frames {
      for y in 0..<Self.side {
        for x in 0..<Self.side {
          worst = max(worst, abs(changed[t][y][x] - wanted(plain, t, y, x)))
        }
      }
    }
    return worst
  }

  @Test("a clip is turned clockwise about its middle")
  func rotation() throws {
    let last = Self.side - 1
    #expect(try error("rotation", 1) { $0[$1][last - $3][$2] } < 1e-4)
    #expect(try error("rotation", 2) { $0[$1][last - $2][last - $3] } < 1e-4)
    #expect(try error("rotation", 3) { $0[$1][$3][last - $2] } < 1e-4)
    // The other way round it would be another picture.
    #expect(try error("rotation", 1) { $0[$1][$3][last - $2] } > 0.5)
  }

  @Test("a clip is mirrored about its middle")
  func flip() throws {
    let last = Self.side - 1
    #expect(try error("flip", 1) { $0[$1][$2][last - $3] } < 1e-4)
    #expect(try error(["name": "flip", "axes": "vertical"], 1) { $0[$1][last - $2][$3] } < 1e-4)
  }

  @Test("frames and cells change places")
  func orders() throws {
    #expect(try error("playback_direction", 1) { $0[3 - $1][$2][$3] } < 1e-4)
    let orders: Value = ["name": "order", "either_way": false]
    let label = try #require(transform(orders).classes.firstIndex(of: "2413"))
    #expect(try error(orders, label) { $0[[1, 3, 0, 2][$1]][$2][$3] } < 1e-4)
    // Cell 1 shows the third one, and so on: down is two cells on, right is one.
    let cell = try #require(transform("puzzle").classes.firstIndex(of: "3142"))
    let half = Self.side / 2
    #expect(
      try error("puzzle", cell) { plain, t, y, x in
        let source = [2, 0, 3, 1][y / half * 2 + x / half]
        return plain[t][source / 2 * half + y % half][source % 2 * half + x % half]
      } == 0)
  }
}
