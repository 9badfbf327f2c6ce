import Analysis
import Foundation

/// The 20 data sets of `Goldens/analysis/make_kmeans.py`, which says what scikit-learn makes of them.
struct KMeansDataSets: Decodable {
  var inertias: [Double]
  /// By mini-batches.
  var batches: [Double]

  static func read(from file: String = #filePath) throws -> KMeansDataSets {
    let tests = URL(fileURLWithPath: file).deletingLastPathComponent().deletingLastPathComponent()
    return try JSONDecoder().decode(
      KMeansDataSets.self,
      from: Data(contentsOf: tests.appending(path: "Goldens/analysis/kmeans.json")))
  }

  /// SplitMix64 of seed · 2^32 + 1, + 2 and so on: multiples of 2^-24 in [0, 1).
  static func uniform(_ seed: Int, _ count: Int) -> [Double] {
    (0..<count).map { index in
      var z = (UInt64(seed) << 32 + UInt64(index) + 1) &* 0x9E37_79B9_7F4A_7C15
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      z ^= z >> 31
      return Double(z >> 40) * 0x1p-24
    }
  }

  static func points(_ number: Int) -> (points: Matrix<Float>, clusters: Int) {
    let (rows, columns, clusters) = (200 + 40 * number, 2 + number % 7, 2 + number % 9)
    let spread = [1.0, 4, 16][number % 3]
    let centres = uniform(2 * number, clusters * columns)
    let noise = uniform(2 * number + 1, 2 * rows * columns)
    let elements = (0..<rows * columns).map { index in
      let (row, column) = index.quotientAndRemainder(dividingBy: columns)
      return Float(
        8 * centres[row % clusters * columns + column]
          + spread * (noise[index] + noise[rows * columns + index] - 1))
    }
    return (Matrix(rows: rows, columns: columns, elements: elements), clusters)
  }
}
