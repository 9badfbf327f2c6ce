import Foundation

/// `Tests/Goldens/saliency/goldens.json`: what numpy, scipy, pysaliency and scikit-image say.
struct SaliencyGoldens: Decodable {
  struct FixationMapCase: Decodable {
    var height: Int
    var width: Int
    var sigma: Double
    var points: [Double]
    var map: [Double]
  }

  struct ScoreCase: Decodable {
    var map: [Float]
    var target: [Float]
    var fixations: [Int]
    var kld: Double
    var nss: Double
    var aucJudd: Double
    var cc: Double
    var sim: Double
  }

  struct MedianCase: Decodable {
    var points: [Double]
    var median: [Double]
    var sum: Double
  }

  struct GazeCase: Decodable {
    var points: [Double]
    var times: [Double]
    var dispersion: Double
    var duration: Double
    var gap: Double
    var fixations: [[Int]]
  }

  struct PeaksCase: Decodable {
    var height: Int
    var width: Int
    /// A digit a cell, eight times its value.
    var levels: String
    var minDistance: Int
    var thresholdRel: Double?
    var thresholdAbs: Double?
    var excludeBorder: Int
    var numPeaks: Int?
    var peaks: [[Int]]

    var map: [Float] { levels.compactMap { $0.wholeNumberValue.map { Float($0) / 8 } } }
  }

  struct SmoothCase: Decodable {
    var map: [Float]
    var peaks: [[Int]]
  }

  var fixationMaps: [FixationMapCase]
  var scores: [ScoreCase]
  var medians: [MedianCase]
  var gazeFixations: [GazeCase]
  var peaks: [PeaksCase]
  var smoothPeaks: [SmoothCase]

  static func read(from file: String = #filePath) throws -> SaliencyGoldens {
    let tests = URL(fileURLWithPath: file).deletingLastPathComponent().deletingLastPathComponent()
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(
      SaliencyGoldens.self,
      from: Data(contentsOf: tests.appending(path: "Goldens/saliency/goldens.json")))
  }

  /// (x, y) by pairs.
  static func points(_ numbers: [Double]) -> [SIMD2<Double>] {
    stride(from: 0, to: numbers.count, by: 2).map { SIMD2(numbers[$0], numbers[$0 + 1]) }
  }
}
