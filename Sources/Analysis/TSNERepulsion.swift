/// How points of an embedding push each other apart.
struct Repulsion: Sendable {
  /// Σ_j (y_i − y_j) / (1 + ‖y_i − y_j‖²)² of each point `[n]`.
  var forces: [SIMD2<Float>]
  /// Z = Σ_{i ≠ j} 1 / (1 + ‖y_i − y_j‖²).
  var normaliser: Double

  /// From all pairs: O(n²) time.
  init(exactly positions: [SIMD2<Float>], threads: Int) {
    let n = positions.count
    // Filled up to whole vectors by points that are too far away to push.
    let far = [Float](repeating: 1e18, count: (n + 7) / 8 * 8 - n)
    let xs = positions.map(\.x) + far
    let ys = positions.map(\.y) + far
    let parts = mapChunks(of: n, size: 64, threads: threads) { rows in
      xs.withUnsafeBytes { xs in
        ys.withUnsafeBytes { ys in
          var sum = 0.0
          let forces = rows.map { row in
            let own = positions[row]
            var sumX = SIMD8<Float>()
            var sumY = SIMD8<Float>()
            var total = SIMD8<Float>()
            for offset in stride(from: 0, to: xs.count, by: 32) {
              let dx = own.x - xs.loadUnaligned(fromByteOffset: offset, as: SIMD8<Float>.self)
              let dy = own.y - ys.loadUnaligned(fromByteOffset: offset, as: SIMD8<Float>.self)
              let kernel = 1 / (1 + dx * dx + dy * dy)
              total += kernel
              sumX += kernel * kernel * dx
              sumY += kernel * kernel * dy
            }
            // Without the point itself, whose share is 1.
            sum += Double(total.sum()) - 1
            return SIMD2(sumX.sum(), sumY.sum())
          }
          return (forces, sum)
        }
      }
    }
    forces = parts.flatMap(\.0)
    normaliser = parts.reduce(0) { $0 + $1.1 }
  }

  init(forces: [SIMD2<Float>], normaliser: Double) {
    self.forces = forces
    self.normaliser = normaliser
  }
}
