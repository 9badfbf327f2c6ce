internal import CSimulation
internal import Foundation

/// Point scatterers with fixed Gaussian strengths, in tiles of 4 mm so that those out of sight can be
/// left out: 116 mm to both sides, -8 to 168 mm deep.
struct ScattererField: Sendable {
  static let tile = 4.0
  static let columns = 58
  static let rows = 44
  static let left = -116.0
  static let top = -8.0
  /// Places, mm.
  let x: [Float]
  let z: [Float]
  /// Two independent strengths; the plane's distance mixes them.
  let first: [Float]
  let second: [Float]
  let perTile: Int

  /// - Parameters:
  ///   - density: scatterers per mm²
  ///   - key: of the random numbers
  init(density: Double, key: UInt64) {
    let tiles = ScattererField.columns * ScattererField.rows
    perTile = max(1, Int((density * ScattererField.tile * ScattererField.tile).rounded()))
    let count = perTile * tiles
    let blocks = (count + 1) / 2
    var numbers = [Float](repeating: 0, count: 4 * blocks)
    csim_uniforms(key, 0, 0, Int32(blocks), &numbers)
    var (x, z) = ([Float](repeating: 0, count: count), [Float](repeating: 0, count: count))
    let tile = Float(ScattererField.tile)
    for row in 0..<ScattererField.rows {
      for column in 0..<ScattererField.columns {
        let left = Float(ScattererField.left) + tile * Float(column)
        let top = Float(ScattererField.top) + tile * Float(row)
        let start = (row * ScattererField.columns + column) * perTile
        for n in start..<start + perTile {
          x[n] = left + tile * numbers[n]
          z[n] = top + tile * numbers[2 * blocks + n]
        }
      }
    }
    (self.x, self.z) = (x, z)
    csim_normals(key, 1, 0, Int32(blocks), &numbers)
    first = Array(numbers[0..<count])
    second = Array(numbers[2 * blocks..<2 * blocks + count])
  }

  /// Runs of scatterers in tiles whose middle satisfies `isNear`.
  func runs(_ isNear: (_ x: Double, _ z: Double) -> Bool) -> [Range<Int32>] {
    var runs: [Range<Int32>] = []
    for row in 0..<ScattererField.rows {
      let z = ScattererField.top + ScattererField.tile * (Double(row) + 0.5)
      for column in 0..<ScattererField.columns {
        let x = ScattererField.left + ScattererField.tile * (Double(column) + 0.5)
        guard isNear(x, z) else { continue }
        let start = Int32((row * ScattererField.columns + column) * perTile)
        let end = start + Int32(perTile)
        if let last = runs.last, last.upperBound == start {
          runs[runs.count - 1] = last.lowerBound..<end
        } else {
          runs.append(start..<end)
        }
      }
    }
    return runs
  }
}
