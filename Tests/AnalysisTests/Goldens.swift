import Analysis
import Foundation

/// `Tests/Goldens/analysis/goldens.json`: what independent libraries say; see its script.
struct Goldens: Decodable {
  struct PartitionCase: Decodable {
    var points: [Float]
    var dimension: Int
    var labels: [Int]
    var clusters: Int
    var silhouettes: [Double]
    var silhouettesSqeuclidean: [Double]
    var silhouettesLiteral: [Double]
    var daviesBouldin: Double
    var calinskiHarabasz: Double
    var compactness: Double
    var uniquenessByBase: [Double]

    var matrix: Matrix<Float> {
      Matrix(rows: labels.count, columns: dimension, elements: points)
    }
  }

  struct KMeansCase: Decodable {
    var points: [Float]
    var dimension: Int
    var clusters: Int
    var inertia: Double
    var sizes: [Int]

    var matrix: Matrix<Float> {
      Matrix(rows: points.count / dimension, columns: dimension, elements: points)
    }
  }

  struct MapCase: Decodable {
    var height: Int
    var width: Int
    var map: [Double]
  }

  struct PeaksCase: Decodable {
    var map: [Float]
    var height: Int
    var width: Int
    var distance: Int
    var threshold: Double
    var peaks: [[Int]]
  }

  var partition: PartitionCase
  var kmeans: KMeansCase
  var spectralResidual: MapCase
  var peaks: PeaksCase

  static func read(from file: String = #filePath) throws -> Goldens {
    let tests = URL(fileURLWithPath: file).deletingLastPathComponent().deletingLastPathComponent()
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(
      Goldens.self, from: Data(contentsOf: tests.appending(path: "Goldens/analysis/goldens.json")))
  }
}

/// SplitMix64: numbers for tests, the same each time.
struct TestRandom: RandomNumberGenerator {
  var state: UInt64

  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  mutating func matrix(_ rows: Int, _ columns: Int) -> Matrix<Float> {
    Matrix(
      rows: rows, columns: columns,
      elements: (0..<rows * columns).map { _ in Float.random(in: -1...1, using: &self) })
  }
}
